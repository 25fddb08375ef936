// Tests of the digest: what voters' rules come to survives the text; damage, age, another version and what does not fit are
// ask and nothing else; hostile text costs little.
#include "consent/digest.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include "format.hpp"
#include "voters.hpp"

using namespace consent;
using namespace consent::testing;

namespace {

using Says = StandingAnswer;

const StandingRule small_only = {"small-only", {fact("guest.vcpus", "> 2")}, Says::refuse, "too big for us"};
const StandingRule welcome = {"welcome", {}, Says::consent, "come in"};

/// A text with this body whose hash holds.
std::string whole(const std::string& body) {
    return std::string(digest_format::head) + digest_format::hash_of(body) + " " + body;
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

TEST_CASE("what the voters say comes out of the text") {
    const Judgement refused = judged({neighbour(Source::flavor, {small_only, welcome})});
    CHECK(refused.outlook == Outlook::refuse);
    CHECK(refused.mode == Mode::enforce);
    CHECK(refused.refusals == 3);
    CHECK(refused.reason == "neighbour: rule \"small-only\" of flavor m1.small: too big for us");
    CHECK(judged({neighbour(Source::flavor, {welcome})}).outlook == Outlook::consent);
    CHECK(judged({neighbour(Source::flavor, {{"r", {}, Says::abstain, ""}})}).outlook == Outlook::consent);
    CHECK(judged({}).outlook == Outlook::consent);
    CHECK(judged({neighbour(Source::flavor, {welcome}), neighbour(Source::image, {small_only})}).outlook ==
          Outlook::refuse);
    CHECK(to_string(Outlook::ask) == "ask");
}

TEST_CASE("who has to be asked, and whose rules hang on what is not known, makes it ask") {
    const auto asks = [](bool answers) {
        return judged({neighbour(Source::flavor, {{"r", {}, Says::ask, ""}}, answers)});
    };
    CHECK(asks(true).outlook == Outlook::ask);
    CHECK(asks(true).to_ask == 1);
    CHECK(asks(false).outlook == Outlook::consent);  // nobody there to ask: no vote
    CHECK(judged({neighbour(Source::flavor, {}, true)}).to_ask == 1);
    CHECK(judged({neighbour(Source::flavor, {}, false)}).outlook == Outlook::consent);
    // Though nobody there can be asked, the gate may know the hour, and refuse.
    const Judgement open = judged({neighbour(Source::flavor, {{"r", {fact("time.hour", "< 8")}, Says::refuse, ""}})});
    CHECK(open.outlook == Outlook::ask);
    CHECK(open.to_ask == 1);
    // A refusal elsewhere is a refusal all the same.
    CHECK(judged({neighbour(Source::flavor, {}, true), neighbour(Source::flavor, {small_only})}).outlook ==
          Outlook::refuse);
}

TEST_CASE("a tenant's refusal without a veto decides nothing") {
    for (const Source from : {Source::host, Source::flavor, Source::image, Source::metadata, Source::agent}) {
        DigestVoter voter = neighbour(from, {small_only}, true);
        voter.policy.veto = false;
        const bool operators = from == Source::host || from == Source::flavor;
        const Judgement judgement = judged({voter});
        CHECK(judgement.outlook == (operators ? Outlook::refuse : Outlook::consent));
        voter.policy.veto = true;
        CHECK(judged({voter}).outlook == Outlook::refuse);
    }
}

TEST_CASE("a refusal that a budget limits is ask, a consent beside it is one") {
    for (const Source from : {Source::flavor, Source::metadata}) {
        DigestVoter voter = neighbour(from, {small_only, welcome});
        voter.limited = true;
        const Judgement judgement = judged({voter});
        CHECK(judgement.outlook == (from == Source::flavor ? Outlook::refuse : Outlook::ask));
        CHECK(judgement.to_ask == (from == Source::flavor ? 0U : 1U));
        FactSet small;
        small.set("guest.vcpus", "1");
        CHECK(read(write_digest(source({voter}))).judge(small, noon, 120).outlook == Outlook::consent);
        voter.policy.veto = false;
        CHECK(judged({voter}).outlook == (from == Source::flavor ? Outlook::refuse : Outlook::consent));
    }
}

TEST_CASE("what the host knows of a voter is decided there, whatever order its sources are given in") {
    DigestVoter voter = neighbour(
        Source::image, {{"mine", {fact("me.project", "p1"), fact("guest.vcpus", "4")}, Says::refuse, "mine"}});
    voter.policy.sources.push_back(
        {Source::host, "host.yaml", compiled({{"by day", {fact("site.neighbours", "> 3")}, Says::consent, ""}})});
    voter.facts.set("me.project", "p1");
    voter.facts.set("site.neighbours", "3");
    CHECK(judged({voter}).outlook == Outlook::refuse);
    voter.facts.set("me.project", "p2");
    CHECK(judged({voter}).outlook == Outlook::consent);
    CHECK(write_digest(source({voter})).find('S') == std::string::npos);  // nothing is left of its rules
    voter.facts.set("me.project", "p1");
    voter.facts.set("site.neighbours", "4");
    CHECK(judged({voter}).outlook == Outlook::consent);
    voter.facts.forget("site.neighbours");
    CHECK(judged({voter}).outlook == Outlook::ask);
}

TEST_CASE("groups and every kind of text survive") {
    const std::string odd = "100 % | a|b \xc3\xa9 \t\n end";
    const StandingRule rule = {
        odd,
        {{ConditionKind::any,
          {},
          {},
          {fact("guest.project", odd),
           {ConditionKind::none, {}, {}, {fact("guest.vcpus", "== 4"), fact("guest.tag", "x")}},
           {ConditionKind::all, {}, {}, {fact("guest.vcpus", ">= 4"), fact("guest.extra.a|b%", "q")}}}}},
        Says::refuse,
        odd};
    const std::string text = write_digest(source({neighbour(Source::flavor, {rule})}));
    CHECK(is_printable(text));
    FactSet facts = mover();
    facts.set("guest.tag", "x");
    facts.set("guest.extra.a|b%", "q");
    const Judgement judgement = read(text).judge(facts, noon, 120);
    CHECK(judgement.outlook == Outlook::refuse);
    CHECK(judgement.reason.find("\\t\\n") != std::string::npos);
    facts.set("guest.extra.a|b%", "r");
    CHECK(read(text).judge(facts, noon, 120).outlook == Outlook::consent);
    CHECK(read(text).at() == noon);
    CHECK(read(text).mode() == Mode::enforce);
}

TEST_CASE("one byte changed anywhere, or any end cut off, is damage") {
    const std::string text = write_digest(
        source({neighbour(Source::flavor, {small_only, welcome}),
                neighbour(Source::image, {}, true),
                {VoterKind::hypervisor, {{{Source::host, "host.yaml", compiled({welcome})}}, true}, {}, false}}));
    REQUIRE(why_unusable(text).empty());
    for (std::size_t i = 0; i < text.size(); ++i) {
        CHECK_FALSE(why_unusable(text.substr(0, i)).empty());
        for (int byte = 0; byte < 256; ++byte) {
            std::string damaged = text;
            damaged[i] = static_cast<char>(static_cast<unsigned char>(byte));
            if (damaged[i] != text[i] && why_unusable(damaged).empty()) { FAIL("byte " << i << " as " << byte); }
        }
    }
    CHECK_FALSE(why_unusable(text + "|").empty());
    CHECK_FALSE(why_unusable(text + text).empty());
}

TEST_CASE("what is unusable says why") {
    CHECK(why_unusable("") == "it does not begin as a digest does");
    CHECK(why_unusable("consent-digest 2 0123456789abcdef 1|") == "it is of another version than 1");
    CHECK(why_unusable("consent-digest 1 0123456789abcdef 1|") == "it is damaged: its hash does not fit");
    CHECK(why_unusable(std::string(max_digest_bytes + 1, 'x')) == "it is longer than 16384 bytes");
    CHECK(why_unusable(whole("1|enforce|0|0|")).empty());
    for (const char* body :
         {"", "1|", "x|enforce|0|0|", "-1|enforce|0|0|", "1|perhaps|0|0|", "1|enforce|0|", "1|enforce|5000000000|0|",
          "999999999999999|enforce|0|0|", "1|enforce|0|0|x", "1|enforce|0|0|X|",
          // rules: source, answer, fact, expression, group, name twice, an end too many
          "1|enforce|0|0|S|god|o|", "1|enforce|0|0|S|host|", "1|enforce|0|0|S|host|o|R|n|maybe||",
          "1|enforce|0|0|S|host|o|R|n|refuse||?|guest.nothing|1|",
          "1|enforce|0|0|S|host|o|R|n|refuse||?|guest.vcpus|> x|", "1|enforce|0|0|S|host|o|R|n|refuse||any|)|",
          "1|enforce|0|0|S|host|o|R|n|refuse||any|?|guest.vcpus|1|", "1|enforce|0|0|S|host|o|R|n|refuse||R|n|refuse||",
          "1|enforce|0|0|S|host|o|R|n|refuse||)|", "1|enforce|0|0|S|host|o|R||refuse||", "1|enforce|0|0|S|host|%zz|",
          "1|enforce|0|0|S|host|%4|",
          // voters: kind, numbers, veto, rules that are not there, rules out of turn
          "1|enforce|0|0|G|cat|1|0|+||", "1|enforce|0|0|G|neighbour|0|0|+||", "1|enforce|0|0|G|neighbour|1|2|+||",
          "1|enforce|0|0|G|neighbour|1|0|?||", "1|enforce|0|0|G|neighbour|1|0|+|0|",
          "1|enforce|0|0|S|host|o|G|neighbour|1|0|+|0  0|", "1|enforce|0|0|S|host|o|G|neighbour|1|0|+|0%200|",
          "1|enforce|0|0|S|image|o|S|host|o|G|neighbour|1|0|+|0 1|"}) {
        CHECK_FALSE(why_unusable(whole(body)).empty());
        INFO(body);
    }
}

TEST_CASE("too old, or from the future, is ask") {
    const Digest digest = read(write_digest(source({neighbour(Source::flavor, {small_only})})));
    const auto outlook = [&](std::int64_t now) { return digest.judge(mover(), now, 120).outlook; };
    CHECK(outlook(noon + 120) == Outlook::refuse);
    CHECK(outlook(noon - 120) == Outlook::refuse);
    CHECK(outlook(noon + 121) == Outlook::ask);
    CHECK(outlook(noon - 121) == Outlook::ask);
    CHECK(outlook(std::numeric_limits<std::int64_t>::max()) == Outlook::ask);
    CHECK(outlook(std::numeric_limits<std::int64_t>::min()) == Outlook::ask);
    CHECK(digest.judge(mover(), noon + 121, 120).mode == Mode::off);
    CHECK(digest.judge(mover(), noon + 121, 120).reason == "its digest is 121 s old");
    CHECK(digest.judge(mover(), noon - 200, 120).reason == "its digest is 200 s from the future");
    CHECK(digest.judge(mover(), noon, -5).outlook == Outlook::refuse);
}

TEST_CASE("the same rules stand there once") {
    std::vector<DigestVoter> one;
    std::vector<DigestVoter> many;
    const auto host =
        compiled({small_only, {"other", {fact("me.vcpus", "4"), fact("guest.vcpus", "3")}, Says::refuse, ""}});
    for (int i = 0; i < 2000; ++i) {
        DigestVoter voter = neighbour(Source::flavor, {welcome}, i % 2 == 0);
        voter.policy.sources.push_back({Source::host, "host.yaml", host});
        voter.facts.set("me.vcpus", i < 1000 ? "4" : "5");
        if (i == 0 || i == 1000) { one.push_back(voter); }
        many.push_back(std::move(voter));
    }
    const std::string text = write_digest(source(many));
    CHECK(text.size() <= write_digest(source(one)).size() + 12);  // the numbers are longer
    const Judgement judgement = read(text).judge(mover(), noon, 120);
    CHECK(judgement.reason.starts_with("neighbour (1000 of them): "));
    // A voter that never has a say costs nothing.
    CHECK(write_digest(source({neighbour(Source::flavor, {})})) == write_digest(source({})));
}

TEST_CASE("what does not fit is ask, and what is certain stays certain") {
    std::vector<DigestVoter> voters;
    for (int i = 0; i < 4000; ++i) {
        voters.push_back(neighbour(Source::image, {{"rule " + std::to_string(i),
                                                    {fact("guest.project", "other " + std::to_string(i))},
                                                    Says::refuse,
                                                    std::string(200, 'b')},
                                                   welcome}));
    }
    const std::string text = write_digest(source(voters));
    CHECK(text.size() <= max_digest_bytes);
    CHECK(text.size() > max_digest_bytes - 400);  // the room is used
    const Judgement open = read(text).judge(mover(), noon, 120);
    CHECK(open.outlook == Outlook::ask);
    CHECK(open.to_ask > 3900);
    // Many voters' refusal comes before one's.
    for (int i = 0; i < 10; ++i) { voters.push_back(neighbour(Source::flavor, {small_only})); }
    CHECK(read(write_digest(source(voters))).judge(mover(), noon, 120).outlook == Outlook::refuse);
    // However little room: readable or empty, never another outlook.
    for (std::size_t limit = 0; limit < 3000; ++limit) {
        const std::string cut = write_digest(source({voters.begin() + 3990, voters.end()}), limit);
        REQUIRE(cut.size() <= limit);
        if (cut.empty()) { continue; }
        const Outlook outlook = read(cut).judge(mover(), noon, 120).outlook;
        REQUIRE(outlook != Outlook::consent);
    }
    CHECK(write_digest(source({}), 20).empty());
}

TEST_CASE("tenants' rules, however long, leave the operators' where they are") {
    const auto own = [](int i) {
        return neighbour(Source::metadata, {{"rule " + std::to_string(i),
                                             {fact("guest.project", "other " + std::to_string(i))},
                                             Says::refuse,
                                             std::string(200, 'b')}});
    };
    std::vector<DigestVoter> voters(400);
    for (int i = 0; i < 400; ++i) { voters[static_cast<std::size_t>(i)] = own(i / 2); }  // of two voters each
    voters.push_back(own(1000));
    voters.back().policy.sources.push_back(neighbour(Source::flavor, {small_only}).policy.sources.front());
    const Digest digest = read(write_digest(source(voters)));
    CHECK(digest.judge(mover(), noon, 120).outlook == Outlook::refuse);
    FactSet one_vcpu;
    one_vcpu.set("guest.vcpus", "1");
    one_vcpu.set("guest.project", "p1");
    const Judgement small = digest.judge(one_vcpu, noon, 120);
    CHECK(small.outlook == Outlook::ask);
    CHECK(small.to_ask > 200);
    CHECK(small.to_ask < 400);  // some of the tenants' fit
}

TEST_CASE("hostile text of 16 KiB costs little") {
    const auto filled = [](const std::string& begin, const std::string& piece) {
        std::string body = begin;
        while (body.size() + piece.size() < max_digest_bytes - 64) { body += piece; }
        return whole(body);
    };
    const std::string head = "1|enforce|0|0|";
    for (const std::string& text :
         {filled(head, "S|host||"), filled(head, "any|"), filled(head + "S|host||R|n|refuse||", "any|"),
          filled(head + "S|host||R|n|refuse||", "?|guest.vcpus|1|"), filled(head + "S|host||", "R|n|refuse||"),
          filled(head, "G|neighbour|4000000000|0|+||"), filled(head + "S|host||G|neighbour|1|0|+|", "0 "),
          filled(head + "S|host||R|n|refuse||?|guest.vcpus|", "<or> 1 "), filled(head, "%41"), filled(head, "|")}) {
        const auto began = std::chrono::steady_clock::now();
        const auto result = Digest::read(text);
        if (const auto* digest = std::get_if<Digest>(&result)) {
            const Judgement judgement = digest->judge(mover(), 1, 120);
            CHECK(judgement.reason.size() <= 300);
        }
        CHECK(std::chrono::steady_clock::now() - began < std::chrono::milliseconds(500));
    }
}
