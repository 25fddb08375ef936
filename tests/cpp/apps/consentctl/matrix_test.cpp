// consentctl policy matrix: every mover on every host, and the page that shows it.
#include <algorithm>
#include <catch2/generators/catch_generators.hpp>
#include <map>
#include <random>
#include <set>

#include "consent/digest.hpp"
#include "consentctl/policy/grid.hpp"
#include "consentctl/policy/page.hpp"
#include "kit.hpp"

using namespace consentctl;
using consent::Outlook;

namespace {

const std::string apart = R"(mode: enforce
accept_incoming: consent
rules:
  - name: apart
    when:
      me.kind: s== neighbour
      any: [{guest.project: s== red, me.project: s== blue}, {guest.project: s== blue, me.project: s== red}]
    answer: refuse
    because: red and blue must not share a host
)";

const std::string cloud = R"(hosts:
  - name: host1
    policy: apart.yaml
    voters:
      - {name: billing, facts: {me.project: red}}
      - {name: wiki, facts: {me.project: green}, answers: yes}
  - name: host2
    policy: apart.yaml
    voters:
      - {name: search, facts: {me.project: blue}}
      - {name: index, facts: {me.project: blue}}
  - name: host3
movers:
  - {name: red-app, facts: {guest.project: red}}
  - {name: blue-db, facts: {guest.project: blue}}
  - {name: anyone}
)";

/// The decisions of a page's data, cell by cell: what the page's script does.
std::vector<nlohmann::json> cells_of(const nlohmann::json& data) {
    std::map<char, unsigned> values;
    const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned i = 0; i < letters.size(); ++i) { values[letters[i]] = i; }
    std::vector<unsigned> bytes;
    const auto text = data["cells"].get<std::string>();
    for (std::size_t i = 0; i + 3 < text.size(); i += 4) {
        const unsigned group =
            values[text[i]] << 18U | values[text[i + 1]] << 12U | values[text[i + 2]] << 6U | values[text[i + 3]];
        bytes.push_back(group >> 16U);
        if (text[i + 2] != '=') { bytes.push_back(group >> 8U & 255U); }
        if (text[i + 3] != '=') { bytes.push_back(group & 255U); }
    }
    const std::size_t movers = data["movers"].size();
    REQUIRE(bytes.size() == movers * data["hosts"].size());
    std::vector<nlohmann::json> cells;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        cells.push_back(data["decisions"][data["palettes"][i / movers][bytes[i]].get<std::size_t>()]);
    }
    return cells;
}

nlohmann::json data_of(const std::string& page) {
    const std::string before = "<script type=\"application/json\" id=\"data\">";
    const std::size_t begin = page.find(before) + before.size();
    return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

/// A cloud of its own making, in which every outlook comes up.
Inventory random_cloud(std::mt19937& dice, const std::shared_ptr<const PolicyFile>& policy) {
    const auto pick = [&](const std::vector<std::string>& words) { return words[dice() % words.size()]; };
    const std::vector<std::string> projects{"red", "blue", "green"};
    Inventory made;
    for (int h = 0; h < 6; ++h) {
        InventoryHost host{
            "host" + std::to_string(h), policy, {{"site.memory_free_mib", pick({"1024", "9000", "64000"})}}, {}};
        for (auto v = dice() % 5; v > 0; --v) {
            host.voters.push_back({"vm" + std::to_string(v),
                                   {{"me.project", pick(projects)}, {"me.vcpus", pick({"1", "4"})}},
                                   nullptr,
                                   std::nullopt,
                                   dice() % 3 == 0});
        }
        made.hosts.push_back(std::move(host));
    }
    for (int m = 0; m < 8; ++m) {
        InventoryMover mover{"mover" + std::to_string(m), {{"guest.project", pick(projects)}}};
        if (dice() % 4 != 0) { mover.facts.emplace_back("guest.vcpus", pick({"1", "8", "64"})); }
        made.movers.push_back(std::move(mover));
    }
    return made;
}

const std::string many_rules = R"(rules:
  - name: headroom
    when: {me.kind: s== hypervisor, site.memory_free_mib: < 4096}
    answer: refuse
  - name: apart
    when: {me.kind: s== neighbour, guest.project: s== red, me.project: s== blue}
    answer: refuse
  - name: huge
    when: {guest.vcpus: ">= 64"}
    answer: refuse
  - name: green-likes-all
    when: {me.kind: s== neighbour, me.project: s== green}
    answer: consent
  - name: crowded
    when: {site.neighbours: ">= 4", guest.vcpus: ">= 8"}
    answer: ask
)";

}  // namespace

TEST_CASE("policy matrix: who may go where, who decides and why") {
    const Folder folder;
    folder.write("apart.yaml", apart);
    const std::string file = folder.write("cloud.yaml", cloud);
    const Ran ran = run({"matrix", file});
    CAPTURE(ran.out, ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.says("red-app  ask     refuse   consent"));
    CHECK(ran.says("blue-db  refuse  consent  consent"));
    CHECK(ran.says("anyone   ask     ask      consent"));
    CHECK(ran.says("3 movers on 3 hosts: 4 consent, 3 ask, 2 refuse."));
    CHECK(ran.says("search and 1 more, rule apart: \"red and blue must not share a host\""));

    const auto json = run({"matrix", "--json", file}).json();
    CHECK(json["counts"]["refuse"] == 2);
    CHECK(json["hosts"][0]["mode"] == "enforce");
    CHECK(json["hosts"][2]["mode"].is_null());
    const auto decision = json["decisions"][json["cells"][0][1].get<std::size_t>()];
    CHECK(decision["answer"] == "refuse");
    CHECK(decision["rule"] == "apart");
    CHECK(decision["source"] == "host");
}

TEST_CASE("policy matrix: another policy and other facts may be tried for all hosts") {
    const Folder folder;
    folder.write("apart.yaml", apart);
    const std::string file = folder.write("cloud.yaml", cloud);
    const std::string night = folder.write(
        "night.yaml",
        "rules:\n  - name: night\n    when: {me.kind: s== hypervisor, time.hour: < 6}\n    answer: refuse\n");
    CHECK(run({"matrix", file, "-p", night, "-f", "time.hour=2"}).says("0 consent, 0 ask, 9 refuse"));
    CHECK(run({"matrix", file, "-p", night, "-f", "time.hour=12"}).says("6 consent, 3 ask, 0 refuse"));
    CHECK(run({"matrix", file, "-p", night}).says("0 consent, 9 ask, 0 refuse"));
}

TEST_CASE(
    "policy matrix: the hypervisor's plain word counts where no rule decides, also where a rule asks for a guest's "
    "facts") {
    const Folder folder;
    folder.write("closed.yaml",
                 "accept_incoming: {answer: refuse, because: kernel update}\nrules:\n"
                 "  - {name: welcome, when: {guest.project: s== red}, answer: consent}\n");
    folder.write("open.yaml",
                 "rules:\n  - {name: odd, when: {me.project: s== red, guest.project: s== blue}, answer: refuse}\n");
    const Ran ran = run({"matrix", folder.write("c.yaml", R"(
hosts: [{name: closed, policy: closed.yaml}, {name: open, policy: open.yaml}]
movers: [{name: a, facts: {guest.project: red}}, {name: b, facts: {guest.project: blue}}]
)")});
    CAPTURE(ran.out);
    CHECK(ran.says("a      consent  consent"));
    CHECK(ran.says("b      refuse   consent"));
    CHECK(ran.says("rule accept_incoming: \"kernel update\""));
}

TEST_CASE("policy matrix: a tenant's refusal binds with a veto alone") {
    const Folder folder;
    folder.write("mine.yaml", "answer: consent\nrules: [{name: mine, answer: refuse}]\n");
    folder.write("strict.yaml", "veto: [red]\n");
    const auto answer = [&](const std::string& host, const std::string& voter) {
        const std::string text = "hosts: [{name: h, " + host + "voters: [{name: v, policy: mine.yaml" + voter +
                                 "}]}]\nmovers: [{name: m}]\n";
        return run({"matrix", "--json", folder.write("c.yaml", text)}).json()["counts"]["refuse"].get<int>();
    };
    CHECK(answer("", "") == 1);
    CHECK(answer("", ", veto: no") == 0);
    CHECK(answer("policy: strict.yaml, ", ", facts: {me.project: blue}") == 0);
    CHECK(answer("policy: strict.yaml, ", ", facts: {me.project: red}") == 1);
    CHECK(answer("policy: strict.yaml, ", ", facts: {me.project: blue}, veto: yes") == 1);
}

TEST_CASE("policy matrix: bad inventories end with 2, place and remedy") {
    const Folder folder;
    folder.write("agent.yaml", "answer: consent\n");
    const auto [text, complaint] = GENERATE(table<std::string, std::string>({
        {"hosts: [{name: a}]", "add movers"},
        {"hosts: [{name: a, policy: none.yaml}]\nmovers: [{name: m}]", "no such file"},
        {"hosts: [{name: a, policy: agent.yaml}]\nmovers: [{name: m}]", "is an agent's file"},
        {"hosts: [{name: a, voters: [{name: v, answers: perhaps}]}]", "one of no, yes"},
        {"hosts: [{name: a, vms: []}]", "no such field"},
        {"{\"hosts\": [{\"name\": \"a\", \"facts\": {\"site.vcpus\": \"x\"}}]}", "hosts[0].facts.site.vcpus"},
        {"{\"hosts\": [", ":1:"},
        {"hosts: [{name: a}]\nmovers: [{name: m, facts: {site.vcpus: 1}}]", "no fact of a mover"},
    }));
    const Ran ran = run({"matrix", folder.write("c.yaml", text)});
    CAPTURE(text, ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.complains(complaint));
    CHECK(ran.out.empty());
}

TEST_CASE("policy matrix: JSON deeper or larger than an inventory can be is refused") {
    const Folder folder;
    CHECK(run({"matrix", folder.write("deep.json", R"({"hosts": )" + std::string(100'000, '['))})
              .complains("nested deeper"));
    CHECK(run({"matrix", folder.write("large.json", "{\"hosts\": [" + std::string(70'000, ' ') + "}")})
              .complains("not JSON"));
}

TEST_CASE("policy matrix: voters judged together decide as each alone would") {
    const Folder folder;
    const auto policy = load_policy_file(folder.write("host.yaml", many_rules));
    std::mt19937 dice(20);
    std::map<Outlook, int> seen;
    for (int round = 0; round < 40; ++round) {
        const Inventory made = random_cloud(dice, policy);
        const Grid grid = make_grid(made, {});
        for (std::size_t m = 0; m < made.movers.size(); ++m) {
            for (std::size_t h = 0; h < made.hosts.size(); ++h) {
                bool refused = false;
                bool asked = false;
                std::vector<Facts> voters{{{"me.id", made.hosts[h].name}, {"me.kind", "hypervisor"}}};
                for (const InventoryVoter& voter : made.hosts[h].voters) {
                    voters.push_back({{"me.id", voter.name}, {"me.kind", "neighbour"}});
                    voters.back().insert(voters.back().end(), voter.facts.begin(), voter.facts.end());
                }
                for (std::size_t v = 0; v < voters.size(); ++v) {
                    consent::FactSet facts;
                    facts.set("operation", "live-migration");
                    put(facts, facts_of(made.hosts[h]));
                    put(facts, voters[v]);
                    put(facts, made.movers[m].facts);
                    const auto vote = consent::vote({{policy->sourced()}, true}, facts);
                    refused = refused || vote.answer == consent::StandingAnswer::refuse;
                    asked = asked || (vote.answer == consent::StandingAnswer::ask &&
                                      (!vote.why.empty() || (v > 0 && made.hosts[h].voters[v - 1].answers)));
                }
                const Outlook outlook = refused ? Outlook::refuse : asked ? Outlook::ask : Outlook::consent;
                CHECK(grid.at(m, h).outlook == outlook);
                ++seen[outlook];
            }
        }
    }
    CHECK(seen[Outlook::consent] > 100);
    CHECK(seen[Outlook::ask] > 100);
    CHECK(seen[Outlook::refuse] > 100);
}

TEST_CASE("policy matrix: it says what the host's digest says") {
    const Folder folder;
    const auto policy = load_policy_file(folder.write("host.yaml", many_rules));
    std::mt19937 dice(21);
    for (int round = 0; round < 20; ++round) {
        const Inventory made = random_cloud(dice, policy);
        const Grid grid = make_grid(made, {});
        for (std::size_t h = 0; h < made.hosts.size(); ++h) {
            consent::DigestSource source{consent::Mode::enforce, 1000, {}, 0};
            const auto add = [&](consent::VoterKind kind, const Facts& me, bool answers) {
                consent::DigestVoter voter{kind, {{policy->sourced()}, true}, {}, answers};
                put(voter.facts, facts_of(made.hosts[h]));
                put(voter.facts, me);
                source.voters.push_back(std::move(voter));
            };
            add(consent::VoterKind::hypervisor, {{"me.id", made.hosts[h].name}, {"me.kind", "hypervisor"}}, false);
            for (const InventoryVoter& voter : made.hosts[h].voters) {
                Facts me{{"me.id", voter.name}, {"me.kind", "neighbour"}};
                me.insert(me.end(), voter.facts.begin(), voter.facts.end());
                add(consent::VoterKind::neighbour, me, voter.answers);
            }
            const auto digest = consent::Digest::read(consent::write_digest(source));
            REQUIRE(std::holds_alternative<consent::Digest>(digest));
            for (std::size_t m = 0; m < made.movers.size(); ++m) {
                consent::FactSet mover;
                mover.set("operation", "live-migration");
                put(mover, made.movers[m].facts);
                CHECK(std::get<consent::Digest>(digest).judge(mover, 1000, 120).outlook == grid.at(m, h).outlook);
            }
        }
    }
}

TEST_CASE("policy matrix: like stands beside like") {
    const auto C = Outlook::consent;
    const auto R = Outlook::refuse;
    const auto A = Outlook::ask;
    const std::vector<std::vector<Outlook>> rows{{R, R, R, R}, {C, C, C, C}, {R, R, R, A}, {C, C, C, R}, {R, R, R, R}};
    CHECK(by_similarity(rows) == std::vector<std::uint32_t>{1, 3, 0, 4, 2});
    CHECK(by_similarity({}).empty());
    const std::vector<std::vector<Outlook>> wide(3, std::vector<Outlook>(200, C));
    CHECK(by_similarity(wide) == std::vector<std::uint32_t>{0, 1, 2});
}

TEST_CASE("policy matrix --html: the page holds every decision and needs nothing else") {
    const Folder folder;
    folder.write("apart.yaml", apart);
    const std::string file = folder.write("cloud.yaml", cloud);
    const Ran ran = run({"matrix", file, "--html", folder / "cloud.html"});
    CHECK(ran.code == 0);
    CHECK(ran.says("cloud.html: 3 movers on 3 hosts"));
    const std::string page = text_of(folder / "cloud.html");
    CHECK(page.find("http:") == std::string::npos);
    CHECK(page.find("https:") == std::string::npos);
    CHECK(page.find("default-src 'none'") != std::string::npos);

    const auto data = data_of(page);
    const Grid grid = make_grid(load_inventory(file), {});
    const auto cells = cells_of(data);
    for (std::size_t h = 0; h < 3; ++h) {
        for (std::size_t m = 0; m < 3; ++m) {
            const auto& cell = cells[h * 3 + m];
            CHECK(cell[0] == static_cast<int>(grid.at(m, h).outlook));
            CHECK(data["texts"][cell[1].get<std::size_t>()] == grid.at(m, h).voter);
            CHECK(data["texts"][cell[3].get<std::size_t>()] == grid.at(m, h).rule);
        }
    }
    std::set<int> order(data["moverOrder"].begin(), data["moverOrder"].end());
    CHECK(order == std::set<int>{0, 1, 2});
}

TEST_CASE("policy matrix --html: names cannot become markup") {
    Inventory made;
    made.hosts.push_back({"</script><b>", nullptr, {}, {}});
    made.movers.push_back({"<!-- <script>", {}});
    const std::string out = page(make_grid(made, {}), made);
    CHECK(out.find("</script><b>") == std::string::npos);
    CHECK(out.find("<!-- <script>") == std::string::npos);
    CHECK(data_of(out)["hosts"][0] == "</script><b>");
}

TEST_CASE("policy matrix --html: a host with more decisions than a byte counts keeps every answer") {
    Grid grid;
    grid.hosts = {"h"};
    grid.modes = {std::nullopt};
    Inventory made;
    made.hosts.push_back({"h", nullptr, {}, {}});
    for (std::uint32_t i = 0; i < 600; ++i) {
        grid.movers.push_back("m" + std::to_string(i));
        made.movers.push_back({grid.movers.back(), {}});
        grid.decisions.push_back({static_cast<Outlook>(i % 3), "v" + std::to_string(i), "", "", "", ""});
        grid.cells.push_back(i);
    }
    const auto cells = cells_of(data_of(page(grid, made)));
    for (std::size_t i = 0; i < 600; ++i) { CHECK(cells[i][0] == static_cast<int>(i % 3)); }
}

TEST_CASE("policy matrix --html: a place that cannot be written ends with 3") {
    const Folder folder;
    const std::string file = folder.write("c.yaml", "hosts: [{name: a}]\nmovers: [{name: m}]\n");
    const Ran ran = run({"matrix", file, "--html", folder / "no/such/folder.html"});
    CHECK(ran.code == 3);
    CHECK(ran.complains("cannot be written"));
}

TEST_CASE("policy matrix: a thousand movers on a thousand hosts make a page of a few megabytes") {
    const Folder folder;
    const auto policy = load_policy_file(folder.write("host.yaml", many_rules));
    std::mt19937 dice(22);
    Inventory made;
    while (made.hosts.size() < 1000 || made.movers.size() < 1000) {
        const Inventory part = random_cloud(dice, policy);
        for (const auto& host : part.hosts) {
            if (made.hosts.size() == 1000) { break; }
            made.hosts.push_back(host);
            made.hosts.back().name += "-" + std::to_string(made.hosts.size());
        }
        for (const auto& mover : part.movers) {
            if (made.movers.size() == 1000) { break; }
            made.movers.push_back(mover);
            made.movers.back().name += "-" + std::to_string(made.movers.size());
        }
    }
    const std::string out = page(make_grid(made, {}), made);
    CHECK(out.size() < 4'000'000);
    CHECK(data_of(out)["movers"].size() == 1000);
}
