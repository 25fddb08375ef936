// Tests of consent-agent as a guest runs it: a process of its own, asked over a channel that the test holds.
//
// A pseudo-terminal stands in for the virtio port (a character device that vanishes with its other end), a Unix socket
// where the host is to come and go. The real port is the lab's business.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "agent_fixture.hpp"
#include "consent/wire.hpp"

using namespace consent;
using namespace std::chrono_literals;
using agent_test::Agent;
using agent_test::Folder;
using agent_test::Host;
using agent_test::Terminal;

namespace {

std::string id_of(int number) {
    std::string digits = std::to_string(number);
    return std::string(wire::request_id_length - digits.size(), '0') + digits;
}

wire::Request request(int number, std::uint32_t deadline_ms = 10000) {
    return {
        id_of(number),        "live-migration",     VoterKind::neighbour, "2ae27440a4873db5c4146a5deb8f1093", 4, 8192,
        std::string(56, 'a'), std::string(56, 'b'), deadline_ms};
}

/// A command that runs a line of shell.
std::string shell(const std::string& line) { return "command:\n- /bin/sh\n- -c\n- |\n  " + line + "\n"; }

std::string application(const std::string& name, const std::string& line, const std::string& timeout_s = "20") {
    return "name: " + name + "\ntimeout_s: " + timeout_s + "\n" + shell(line);
}

/// Kilobytes of a field of /proc/PID/status.
long memory_kb(pid_t pid, const std::string& field) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(field + ":")) { return std::stol(line.substr(field.size() + 1)); }
    }
    FAIL("no " << field);
    return 0;
}

/// Processor time used so far, in clock ticks.
long ticks(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    std::istringstream rest(text.substr(text.rfind(')') + 2));
    std::string field;
    for (int i = 3; i < 14; ++i) { rest >> field; }
    long user = 0;
    long system = 0;
    rest >> user >> system;
    return user + system;
}

int descriptors(pid_t pid) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
        (void)entry;
        ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("the default answer is given when no application is registered") {
    for (const std::string answer : {"consent", "refuse", "abstain"}) {
        Folder folder;
        folder.write("policy.yaml", "answer: " + answer + "\nbecause: Größe \"zählt\"\n");
        Host host(folder);
        Agent agent(folder, host.path());
        host.accept();
        CHECK(host.hello().versions == std::vector<int>{1});
        host.send(serialise(request(1)));
        const wire::Reply reply = host.reply();
        CHECK(reply.id == id_of(1));
        CHECK(to_string(reply.answer) == answer);
        CHECK(reply.because == "Größe \"zählt\"");
        agent.await_log("request " + id_of(1) +
                        " operation=live-migration role=neighbour mover=2ae27440a4873db5c4146a5deb8f1093 "
                        "vcpus=4 memory_mib=8192");
        agent.await_log("-> answer " + answer + " because \"Größe \"zählt\"\"");
        CHECK(agent.stop() == 0);
    }
}

TEST_CASE("a terminal serves as well as a socket") {
    Folder folder;
    folder.write("policy.yaml", "answer: refuse\n");
    Terminal terminal(folder);
    Agent agent(folder, terminal.path());
    CHECK(terminal.hello().software.starts_with("consent-agent/"));
    terminal.send(serialise(request(1)));
    CHECK(terminal.reply().answer == Answer::refuse);
}

TEST_CASE("each exit status is its answer, and the first line of output the reason") {
    struct Row {
        std::string line;
        Answer answer;
        std::string because;
    };
    const std::vector<Row> rows{
        {"echo all is well; exit 0", Answer::consent, "db: all is well"},
        {"echo replica is catching up; echo more; exit 1", Answer::refuse, "db: replica is catching up"},
        {"exit 3", Answer::abstain, "db"},
        {R"(printf '\033[31mred\a\nno'; exit 1)", Answer::refuse, R"(db: \x1b[31mred\x07)"},
        {"head -c 1000000 /dev/zero | tr '\\000' x; exit 1", Answer::refuse, "db: " + std::string(193, 'x') + "..."},
        {"printf 'no newline'; exit 1", Answer::refuse, "db: no newline"},
        {"exec 1>&-; exit 0", Answer::consent, "db"},
        {"(sleep 60)& echo left one running; exit 3", Answer::abstain, "db: left one running"},
    };
    Folder folder;
    folder.write("policy.yaml", "answer: refuse\n");
    Host host(folder);
    folder.write("conf.d/db.yaml", application("db", rows[0].line));
    Agent agent(folder, host.path());
    host.accept();
    int number = 0;
    for (const Row& row : rows) {
        CAPTURE(row.line);
        folder.write("conf.d/db.yaml", application("db", row.line));
        agent.reload();
        host.send(serialise(request(++number)));
        const wire::Reply reply = host.reply();
        CHECK(reply.id == id_of(number));
        CHECK(reply.answer == row.answer);
        CHECK(reply.because == row.because);
    }
}

TEST_CASE("an application is told what the guest was asked, on standard input and in the environment") {
    Folder folder;
    folder.write("policy.yaml", "answer: refuse\n");
    folder.write("conf.d/db.yaml",
                 application("db", "cat > " + folder.path() + "/input; env > " + folder.path() +
                                       "/environment; ls /proc/self/fd | wc -l > " + folder.path() + "/fds; exit 0"));
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    host.send(serialise(request(7)));
    CHECK(host.reply().answer == Answer::consent);
    const std::string input = folder.read("input");
    CHECK(input == serialise(request(7)));
    const std::string environment = folder.read("environment");
    for (const std::string& line :
         {"CONSENT_ID=" + id_of(7), std::string("CONSENT_APPLICATION=db"),
          std::string("CONSENT_OPERATION=live-migration"), std::string("CONSENT_ROLE=neighbour"),
          std::string("CONSENT_MOVER=2ae27440a4873db5c4146a5deb8f1093"), std::string("CONSENT_VCPUS=4"),
          std::string("CONSENT_MEMORY_MIB=8192"), "CONSENT_SOURCE=" + std::string(56, 'a'),
          "CONSENT_SITE=" + std::string(56, 'b'), std::string("CONSENT_DEADLINE_MS=10000"), std::string("PATH=")}) {
        CAPTURE(line);
        CHECK(("\n" + environment).find("\n" + line) != std::string::npos);
    }
    CHECK(std::stoi(folder.read("fds")) == 4);  // 0, 1, 2 and the one that ls reads the folder with
}

TEST_CASE("voices are put together: refusal, then silence, then consent, then abstention") {
    struct Row {
        std::vector<std::string> exits;
        std::string outcome;
    };
    const std::vector<Row> rows{
        {{"0", "1", "3"}, "refuse b"},  {{"0", "3"}, "consent a"},     {{"3", "3"}, "abstain a"},
        {{"0", "7"}, "silence"},        {{"7", "1"}, "refuse b"},      {{"3", "2"}, "silence"},
        {{"3", "0", "3"}, "consent b"}, {{"7", "0", "1"}, "refuse c"},
    };
    Folder folder;
    folder.write("policy.yaml", "answer: consent\n");
    folder.write("conf.d/a.yaml", application("a", "exit 0"));
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    int number = 0;
    for (const Row& row : rows) {
        for (const std::string name : {"a", "b", "c"}) { folder.remove("conf.d/" + name + ".yaml"); }
        char name = 'a';
        for (const std::string& status : row.exits) {
            folder.write(std::string("conf.d/") + name + ".yaml", application(std::string(1, name), "exit " + status));
            ++name;
        }
        agent.reload();
        host.send(serialise(request(++number)));
        CAPTURE(number, row.outcome);
        if (row.outcome == "silence") {
            agent.await_log(id_of(number) +
                            " operation=live-migration role=neighbour mover=2ae27440a4873db5c4146a5deb8f1093 vcpus=4 "
                            "memory_mib=8192 site=" +
                            std::string(56, 'b') + " -> silence: ");
        } else {
            const wire::Reply reply = host.reply();
            CHECK(reply.id == id_of(number));
            CHECK(std::string(to_string(reply.answer)) + " " + reply.because == row.outcome);
        }
    }
    CHECK(host.nothing_pending());
}

TEST_CASE("a refusal wins at once, and what else runs is killed") {
    Folder folder;
    folder.write("policy.yaml", "answer: consent\n");
    folder.write("conf.d/slow.yaml", application("slow", "echo $$ > " + folder.path() + "/slow; sleep 60; exit 0"));
    folder.write("conf.d/x-no.yaml",
                 application("no", "while [ ! -s " + folder.path() + "/slow ]; do :; done; echo busy; exit 1"));
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    const auto begin = std::chrono::steady_clock::now();
    host.send(serialise(request(1)));
    const wire::Reply reply = host.reply();
    CHECK(reply.answer == Answer::refuse);
    CHECK(reply.because == "no: busy");
    CHECK(std::chrono::steady_clock::now() - begin < 15s);
    CHECK(agent_test::gone(std::stoi(folder.read("slow"))));
}

TEST_CASE("silence, whatever it comes of, is never an answer") {
    const std::vector<std::pair<std::string, std::string>> rows{
        {application("db", "exit 7"), "db: exited with 7"},
        {application("db", "kill -SEGV $$"), "db: was ended by signal 11"},
        {application("db", "echo ok; sleep 60; exit 0", "0.05"), "db: did not answer in time"},
        {application("db", "yes", "0.1"), "db: did not answer in time"},
        {application("db", "trap '' TERM INT HUP; while :; do :; done", "0.1"), "db: did not answer in time"},
        {"name: db\ncommand: [/no/such/program]\n", "db: could not be started: No such file or directory"},
        {"name: db\ncommand: [/etc/passwd]\n", "db: could not be started: Permission denied"},
    };
    Folder folder;
    folder.write("policy.yaml", "answer: consent\n");
    folder.write("conf.d/db.yaml", rows[0].first);
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    int number = 0;
    for (const auto& [text, why] : rows) {
        CAPTURE(text);
        folder.write("conf.d/db.yaml", text);
        agent.reload();
        host.send(serialise(request(++number)));
        agent.await_log("-> silence: " + why);
    }
    CHECK(host.nothing_pending());
}

TEST_CASE("a time-out ends the whole process group") {
    Folder folder;
    folder.write("policy.yaml", "answer: consent\n");
    folder.write("conf.d/db.yaml", application("db", "sleep 60 & echo $! > " + folder.path() + "/child; wait", "0.3"));
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    host.send(serialise(request(1)));
    agent.await_log("-> silence: db: did not answer in time");
    CHECK(agent_test::gone(std::stoi(folder.read("child"))));
}

TEST_CASE("the host's deadline ends a request") {
    Folder folder;
    folder.write("policy.yaml", "answer: consent\n");
    folder.write("conf.d/db.yaml", application("db", "echo $$ > " + folder.path() + "/pid; exec sleep 60"));
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    host.send(serialise(request(1, 300)));
    agent.await_log("-> silence: the host's deadline has passed");
    CHECK(agent_test::gone(std::stoi(folder.read("pid"))));
    CHECK(host.nothing_pending());
}

TEST_CASE("withdraw ends that request alone") {
    Folder folder;
    folder.write("policy.yaml", "answer: consent\n");
    folder.write("conf.d/db.yaml", application("db", "echo $$ > " + folder.path() + "/$CONSENT_ID; while [ ! -e " +
                                                         folder.path() + "/go ]; do sleep 0.01; done; exit 0"));
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    host.send(serialise(request(1)) + serialise(request(2)));
    const int first = std::stoi(folder.await(id_of(1)));
    (void)folder.await(id_of(2));
    host.send(serialise(wire::Withdraw{id_of(1)}) + serialise(wire::Withdraw{id_of(9)}));
    agent.await_log("-> silence: withdrawn by the host");
    CHECK(agent_test::gone(first));
    folder.write("go", "");
    const wire::Reply reply = host.reply();
    CHECK(reply.id == id_of(2));
    CHECK(reply.answer == Answer::consent);
    CHECK(host.nothing_pending());
}

TEST_CASE("several requests under way are answered in any order, one given twice once") {
    Folder folder;
    folder.write("policy.yaml", "answer: consent\n");
    folder.write("conf.d/db.yaml",
                 application("db", "while [ ! -e " + folder.path() + "/go-$CONSENT_ID ]; do sleep 0.01; done; exit 0"));
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    host.send(serialise(request(1)) + serialise(request(2)) + serialise(request(1)) + serialise(request(3)));
    for (const int number : {3, 1, 2}) {
        folder.write("go-" + id_of(number), "");
        CHECK(host.reply().id == id_of(number));
    }
    agent.await_log("a request given twice");
    CHECK(host.nothing_pending());
}

TEST_CASE("a flood of requests is answered up to the bound, and the agent stands") {
    Folder folder;
    folder.write("policy.yaml", "answer: consent\n");
    folder.write("conf.d/db.yaml",
                 application("db", "while [ ! -e " + folder.path() + "/go ]; do sleep 0.05; done; exit 0"));
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    std::string flood;
    for (int i = 0; i < 200; ++i) { flood += serialise(request(i)); }
    host.send(flood);
    agent.await_log(id_of(199) + " operation");
    agent.await_log("-> silence: more than 32 requests under way");
    folder.write("go", "");
    std::set<std::string> answered;
    for (int i = 0; i < 32; ++i) {
        const wire::Reply reply = host.reply();
        CHECK(reply.answer == Answer::consent);
        answered.insert(reply.id);
    }
    CHECK(answered.size() == 32);
    CHECK(host.nothing_pending());
}

TEST_CASE("a host that does not read loses answers, never blocks the agent") {
    Folder folder;
    folder.write("policy.yaml", "answer: refuse\nbecause: " + std::string(200, 'x') + "\n");
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    for (int i = 0; i < 5000; ++i) { host.send(serialise(request(i))); }
    agent.await_log("(not sent: the host has left or reads too slowly)");
    CHECK(memory_kb(agent.pid(), "RssAnon") <= agent_test::max_anonymous_kb);
    CHECK(agent.stop() == 0);
}

TEST_CASE("a console that nobody reads loses lines, never answers") {
    Folder folder;
    folder.write("policy.yaml", "answer: refuse\n");
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    (void)host.hello();
    for (int i = 0; i < 10000; ++i) {  // some 2 MB of log, twice what its pipe holds
        host.send(serialise(request(i)));
        REQUIRE(host.reply().id == id_of(i));
    }
}

TEST_CASE("garbage is ignored, an unknown version answered with hello, and the next request answered") {
    Folder folder;
    folder.write("policy.yaml", "answer: abstain\n");
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    CHECK(host.hello().versions == std::vector<int>{1});
    std::string garbage = "\n\nGET / HTTP/1.1\r\n\xff\xfe\n{}\n{\"v\":1}\n" + std::string(300000, 'x') +
                          "\n{\"x\":" + std::string(10000, '[') + "\n";
    garbage += serialise(wire::Reply{id_of(1), Answer::consent, "an answer is not for an agent"});
    garbage += serialise(wire::Hello{{1, 2}, "a-host/1"});
    host.send(garbage);
    host.send("{\"v\":2,\"type\":\"request\"}\n");
    CHECK(host.hello().versions == std::vector<int>{1});
    host.send(serialise(request(1)));
    CHECK(host.reply().answer == Answer::abstain);
    agent.await_log("ignored ");
    CHECK(host.nothing_pending());
}

TEST_CASE("requests that come byte by byte are answered") {
    Folder folder;
    folder.write("policy.yaml", "answer: abstain\n");
    Terminal terminal(folder);
    Agent agent(folder, terminal.path());
    (void)terminal.hello();
    for (const char c : serialise(request(1)) + serialise(request(2))) { terminal.send(std::string(1, c)); }
    CHECK(terminal.reply().id == id_of(1));
    CHECK(terminal.reply().id == id_of(2));
}

TEST_CASE("SIGHUP takes a good policy and keeps the old one for a bad one") {
    Folder folder;
    folder.write("policy.yaml", "answer: refuse\n");
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    (void)host.hello();
    host.send(serialise(request(1)));
    CHECK(host.reply().answer == Answer::refuse);
    folder.write("policy.yaml", "answer: consent\n");
    agent.reload();
    host.send(serialise(request(2)));
    CHECK(host.reply().answer == Answer::consent);
    folder.write("policy.yaml", "answer: refuse\nbecuase: typo\n");
    agent.signal(SIGHUP);
    agent.await_log("policy NOT loaded, the one before stays: " + folder.path() +
                    "/policy.yaml:2:1: becuase: no such field; did you mean because?");
    host.send(serialise(request(3)));
    CHECK(host.reply().answer == Answer::consent);
    folder.remove("policy.yaml");
    agent.signal(SIGHUP);
    agent.await_log("policy.yaml: no such file");
    host.send(serialise(request(4)));
    CHECK(host.reply().answer == Answer::consent);
}

TEST_CASE("a host that leaves and comes again is greeted and answered, and half a line is forgotten") {
    Folder folder;
    folder.write("policy.yaml", "answer: refuse\n");
    Host host(folder);
    Agent agent(folder, host.path());
    for (int i = 0; i < 5; ++i) {
        CAPTURE(i);
        host.accept();
        CHECK(host.hello().versions == std::vector<int>{1});
        host.send(serialise(request(i)));
        CHECK(host.reply().id == id_of(i));
        host.send(serialise(request(100)).substr(0, 50));
        host.hang_up();
    }
}

TEST_CASE("a port that vanishes is opened when it is there again, at little cost meanwhile") {
    Folder folder;
    folder.write("policy.yaml", "answer: refuse\n");
    Agent agent(folder, folder.path() + "/port");
    agent.await_log("cannot be used: No such file or directory; trying again");
    for (int i = 0; i < 3; ++i) {
        CAPTURE(i);
        Terminal terminal(folder);  // makes the link "port", and takes it away at its end
        (void)terminal.hello();
        terminal.send(serialise(request(i)));
        CHECK(terminal.reply().id == id_of(i));
    }
    agent.await_log("cannot be used: Input/output error; trying again");
    const long before = ticks(agent.pid());
    ::usleep(1'000'000);  // the time is what is measured
    CHECK(ticks(agent.pid()) - before <= 5);
}

TEST_CASE("a channel that is no device is named, and tried again") {
    Folder folder;
    folder.write("policy.yaml", "answer: refuse\n");
    folder.write("plain", "");
    Agent agent(folder, folder.path() + "/plain");
    agent.await_log("plain cannot be used: Inappropriate ioctl for device; trying again");
    CHECK(agent.stop() == 0);
}

TEST_CASE("the agent idles while nothing is asked") {
    Folder folder;
    folder.write("policy.yaml", "answer: refuse\n");
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    (void)host.hello();
    const long before = ticks(agent.pid());
    ::usleep(1'000'000);  // the time is what is measured
    CHECK(ticks(agent.pid()) - before <= 2);
}

TEST_CASE("memory and descriptors stay within their bounds after 1,000 rounds") {
    for (const bool applications : {false, true}) {
        CAPTURE(applications);
        Folder folder;
        std::string policy = "answer: refuse\nbecause: backup runs\nrules:\n";
        for (int i = 0; i < 64; ++i) {
            policy += "- {name: r" + std::to_string(i) + ", when: {guest.vcpus: '> " + std::to_string(64 + i) +
                      "', any: [{time.hour: '< 25'}, {site.host: s== x}]}, answer: refuse, because: too big}\n";
        }
        folder.write("policy.yaml", policy);
        if (applications) {
            folder.write("conf.d/a.yaml", application("a", "echo fine; exit 0"));
            folder.write("conf.d/b.yaml", application("b", "exit 3"));
        }
        Terminal terminal(folder);
        Agent agent(folder, terminal.path());
        (void)terminal.hello();
        int descriptors_before = 0;
        for (int i = 0; i < 1000; ++i) {
            terminal.send(serialise(request(i)));
            REQUIRE(terminal.reply().id == id_of(i));
            if (i == 10) { descriptors_before = descriptors(agent.pid()); }
            if (i % 100 == 0) {
                agent.reload();
                terminal.send(serialise(wire::Hello{{1}, "a-host/1", {"rules"}, ""}));
                REQUIRE(terminal.hello().rules.size() > 5000);
            }
        }
        const long anonymous = memory_kb(agent.pid(), "RssAnon");
        const long resident = memory_kb(agent.pid(), "VmRSS");
        WARN("after 1,000 rounds, 64 rules" << (applications ? " of two applications" : "") << ": RssAnon " << anonymous
                                            << " kB, VmRSS " << resident << " kB");
        CHECK(anonymous <= agent_test::max_anonymous_kb);
        CHECK(resident <= agent_test::max_resident_kb);
        CHECK(descriptors(agent.pid()) == descriptors_before);
        CHECK(agent_test::children(agent.pid()) == 0);
    }
}

TEST_CASE("rules answer before applications and the default answer, and ask leaves it to them") {
    Folder folder;
    folder.write("policy.yaml",
                 "answer: abstain\nrules:\n"
                 "- {name: big, when: {guest.vcpus: '>= 8'}, answer: refuse, because: too big}\n"
                 "- {name: own, when: {guest.id: s== 4f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3a}, answer: consent}\n"
                 "- {name: leaving, when: {me.kind: mover, site.host: s== " +
                     std::string(56, 'b') + "}, answer: consent}\n");
    folder.write("conf.d/small.yaml",
                 "rules: [{name: small, when: {guest.memory_mib: '< 100', operation: live-migration, time.weekday: "
                 "'<range-in> [ 1 7 ]', time.hour: '<range-in> [ 0 24 )'}, answer: abstain}]\n");
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    wire::Request asked = request(1);
    asked.vcpus = 8;
    host.send(serialise(asked));
    wire::Reply reply = host.reply();
    CHECK(reply.answer == Answer::refuse);
    CHECK(reply.because == "too big");
    asked = request(2);
    asked.mover = "4f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3a";
    host.send(serialise(asked));
    reply = host.reply();
    CHECK(reply.answer == Answer::consent);
    CHECK(reply.because == "own");
    asked = request(3);  // a pseudonym: whether it is the one that is meant is not known, so nobody consents by rule
    host.send(serialise(asked));
    CHECK(host.reply().because.empty());
    asked.mover = "5f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3a";
    asked.id = id_of(4);
    asked.memory_mib = 64;
    host.send(serialise(asked));
    CHECK(host.reply().because == "small");
    asked.id = id_of(5);
    asked.memory_mib = 0;  // not known
    host.send(serialise(asked));
    CHECK(host.reply().because.empty());
    asked.id = id_of(6);
    asked.role = VoterKind::mover;
    host.send(serialise(asked));
    CHECK(host.reply().because == "leaving");
}

TEST_CASE("a host that wants the rules is told them; what no hello can hold is left out and named") {
    Folder folder;
    const std::string rule = R"({"name":"big","when":{"guest.vcpus":">= 8"},"answer":"refuse","because":"zu groß"})";
    folder.write("policy.yaml", "answer: consent\nrules: [" + rule + "]\n");
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    CHECK(host.hello().rules.empty());
    const std::string wants = serialise(wire::Hello{{1}, "a-host/1", {"weather", "rules"}, ""});
    host.send(serialise(wire::Hello{{1}, "a-host/1", {"weather"}, ""}) + wants);
    CHECK(host.hello().rules == "[" + rule + "]");
    CHECK(host.nothing_pending());
    std::string many = "answer: consent\nrules:\n";
    for (int i = 0; i < 200; ++i) {
        many += "- {name: r" + std::to_string(i) + ", answer: ask, because: " + std::string(100, 'x') + "}\n";
    }
    folder.write("policy.yaml", many);
    agent.signal(SIGHUP);
    agent.await_log("the rules are not told to the host: longer than 16384 bytes");
    agent.await_log("200 rules");
    host.send(wants);
    CHECK(host.hello().rules == "[]");
    std::string deep = "{me.id: a}";
    for (int i = 0; i < 8; ++i) { deep = "{any: [" + deep + "]}"; }
    folder.write("policy.yaml", "answer: consent\nrules: [{name: deep, answer: ask, when: " + deep + "}]\n");
    agent.signal(SIGHUP);
    agent.await_log("the rules are not told to the host: nested deeper than 16 levels");
    agent.await_log("1 rules");
    host.send(wants);
    CHECK(host.hello().rules == "[]");
}

TEST_CASE("SIGTERM ends the agent and what it has started") {
    Folder folder;
    folder.write("policy.yaml", "answer: consent\n");
    folder.write("conf.d/db.yaml", application("db", "echo $$ > " + folder.path() + "/pid; exec sleep 60"));
    Host host(folder);
    Agent agent(folder, host.path());
    host.accept();
    host.send(serialise(request(1)));
    const int pid = std::stoi(folder.await("pid"));
    CHECK(agent.stop() == 0);
    CHECK(agent_test::gone(pid));
}

TEST_CASE("--help teaches, --version tells, --check judges, and wrong usage is named") {
    Folder folder;
    const auto run = [&](const std::string& arguments) { return agent_test::run(folder, arguments); };
    const auto help = run("--help");
    CHECK(help.status == 0);
    for (const std::string part :
         {"--channel", "--policy", "--drop-in", "--check", "--version", "answer: refuse", "name: database", "SIGHUP",
          "exits with 0 to consent, 1 to refuse, 3 to abstain", "CONSENT_ROLE", "Exit status"}) {
        CAPTURE(part);
        CHECK(help.output.find(part) != std::string::npos);
    }
    CHECK(run("--version").output == "consent-agent " CONSENT_VERSION ", guest protocol 1\n");

    const std::string files = "--policy " + folder.path() + "/policy.yaml --drop-in " + folder.path() + "/conf.d";
    CHECK(run("--check " + files).status == 78);
    folder.write("policy.yaml", "answer: refuse\n");
    CHECK(run("--check " + files).status == 0);
    CHECK(run("--check " + files).output == "policy good: answer refuse\n");
    folder.write("conf.d/a.yaml", "rules: [{name: a, answer: ask}]\n");
    CHECK(run("--check " + files).output == "policy good: 1 rules come first\npolicy good: answer refuse\n");
    folder.remove("conf.d/a.yaml");
    folder.write("conf.d/db.yaml", application("db", "exit 0", "0.5"));
    CHECK(run("--check " + files).output == "policy good: asks db: /bin/sh, at most 500 ms\n");
    folder.write("conf.d/db.yaml", "name: db\ncomand: [/bin/true]\n");
    const auto bad = run("--check " + files);
    CHECK(bad.status == 78);
    CHECK(bad.output.find("conf.d/db.yaml:2:1: comand: no such field; did you mean command?") != std::string::npos);
    CHECK(run(files).status == 78);  // it does not start either

    for (const std::string arguments : {"--frobnicate", "--policy", "extra", "--check=yes"}) {
        CAPTURE(arguments);
        const auto wrong = run(arguments);
        CHECK(wrong.status == 64);
        CHECK(wrong.output.find("see consent-agent --help") != std::string::npos);
    }
}

TEST_CASE("the agent in the documentation works") {
    std::ifstream page(CONSENT_DOCS "/write-an-agent.md");
    std::string program;
    bool inside = false;
    bool marked = false;
    int lines = 0;
    for (std::string line; std::getline(page, line);) {
        if (line == "<!-- run: agent -->") {
            marked = true;
        } else if (line == "```python" && marked) {
            inside = true;
        } else if (line == "```") {
            inside = marked = false;
        } else if (inside) {
            program += line + "\n";
            lines += line.empty() ? 0 : 1;
        }
    }
    CHECK(lines > 10);
    CHECK(lines <= 25);
    Folder folder;
    folder.write("agent.py", program);
    Terminal terminal(folder);
    const agent_test::Child child({"/usr/bin/env", "python3", folder.path() + "/agent.py", terminal.path()});
    terminal.send("\ngarbage\n[]\n{\"v\":2}\n" + serialise(request(1)));
    const wire::Reply reply = terminal.reply();
    CHECK(reply.id == id_of(1));
    CHECK(reply.answer != Answer::abstain);
}
