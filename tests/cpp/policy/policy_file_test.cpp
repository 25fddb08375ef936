// Tests of policy files on disk: what is no plain file, what is missing, the drop-in folder.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "consent/policy.hpp"

using namespace consent;
namespace fs = std::filesystem;

namespace {

/// A folder of its own that goes with the test.
class Folder {
  public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "policy-test-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }
    fs::path write(const std::string& name, const std::string& text) const {
        fs::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary) << text;
        return path_ / name;
    }

  private:
    fs::path path_;
};

std::string problem_of(const fs::path& file) {
    try {
        (void)load_host_policy(file);
    } catch (const PolicyError& error) {
        CHECK(error.file == file.string());
        CHECK(error.line == 0);
        CHECK(error.column == 0);
        CHECK_FALSE(error.remedy.empty());
        return error.problem;
    }
    return "taken";
}

/// What is wrong with a host's file and its includes, without the folder.
std::string host_error(const Folder& folder, const fs::path& file) {
    try {
        (void)load_host_policy(file);
    } catch (const PolicyError& error) {
        std::string what = error.what();
        const std::string prefix = (folder / "").string();
        for (std::size_t at = what.find(prefix); at != std::string::npos; at = what.find(prefix)) {
            what.erase(at, prefix.size());
        }
        return what;
    }
    return "taken";
}

std::string agent_error(const fs::path& file, const fs::path& drop_in) {
    try {
        (void)load_agent_policy(file, drop_in);
    } catch (const PolicyError& error) { return error.what(); }
    return "taken";
}

std::string application(const std::string& name) { return "name: " + name + "\ncommand: [/bin/true]\n"; }

}  // namespace

TEST_CASE("a host without a file has an empty policy; a guest must have one") {
    const Folder folder;
    CHECK_FALSE(load_host_policy(folder / "none.yaml").mode);
    CHECK(agent_error(folder / "none.yaml", folder / "none").find("no such file; write one") != std::string::npos);
}

TEST_CASE("a plain file is read, through a link too") {
    const Folder folder;
    const fs::path file = folder.write("host.yaml", "mode: enforce\n");
    CHECK(load_host_policy(file).mode == Mode::enforce);
    fs::create_symlink(file, folder / "link.yaml");
    CHECK(load_host_policy(folder / "link.yaml").mode == Mode::enforce);
}

TEST_CASE("what is no plain file is refused, and none of them makes us wait") {
    const Folder folder;
    fs::create_directory(folder / "directory");
    CHECK(problem_of(folder / "directory") == "is a directory");
    REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    CHECK(problem_of(folder / "fifo") == "is a FIFO");
    CHECK(problem_of("/dev/zero") == "is a device");
    CHECK(problem_of("/dev/null") == "is a device");
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = (folder / "socket").string();
    REQUIRE(name.size() < sizeof address.sun_path);
    name.copy(address.sun_path, name.size());
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    CHECK(problem_of(folder / "socket").find("is a socket") == 0);
    ::close(fd);
    fs::create_symlink(folder / "loop", folder / "loop");
    CHECK(problem_of(folder / "loop").find("cannot be read") == 0);
    folder.write("plain", "");
    CHECK(problem_of(folder / "plain/host.yaml").find("cannot be read") == 0);
    if (::geteuid() != 0) {
        fs::permissions(folder.write("secret", ""), fs::perms::none);
        CHECK(problem_of(folder / "secret").find("cannot be read") == 0);
    }
}

TEST_CASE("a file above the limit is refused, whatever size it tells") {
    const Folder folder;
    CHECK(problem_of(folder.write("large.yaml", std::string(max_policy_bytes + 1, '#'))) == "larger than 65536 bytes");
    CHECK(problem_of(folder.write("full.yaml", std::string(max_policy_bytes, '#'))) == "taken");
    fs::resize_file(folder.write("sparse.yaml", ""), std::uintmax_t{1} << 40U);
    CHECK(problem_of(folder / "sparse.yaml") == "larger than 65536 bytes");
}

TEST_CASE("the drop-in folder adds applications in order of name, behind the policy's own") {
    const Folder folder;
    const fs::path file =
        folder.write("policy.yaml", "answer: refuse\napplications: [{name: own, command: [/bin/true]}]\n");
    folder.write("conf.d/20-b.yaml", application("b"));
    folder.write("conf.d/10-c.yaml", application("c"));
    folder.write("conf.d/.hidden.yaml", "not: one");
    folder.write("conf.d/README", "not one");
    folder.write("conf.d/old.yaml.dpkg-old", "not one");
    const AgentPolicy agent = load_agent_policy(file, folder / "conf.d");
    REQUIRE(agent.applications.size() == 3);
    CHECK(agent.applications[0].name == "own");
    CHECK(agent.applications[1].name == "c");
    CHECK(agent.applications[2].name == "b");
    CHECK(load_agent_policy(file, folder / "missing").applications.size() == 1);
}

TEST_CASE("one bad drop-in refuses the whole, and is the one that is named") {
    const Folder folder;
    const fs::path file = folder.write("policy.yaml", "answer: consent\n");
    folder.write("conf.d/a.yaml", application("a"));
    const auto with = [&](const std::string& name, const std::string& text) {
        const fs::path bad = folder.write("conf.d/" + name, text);
        const std::string error = agent_error(file, folder / "conf.d");
        fs::remove(bad);
        CHECK(error.find((folder / ("conf.d/" + name)).string()) == 0);
        return error;
    };
    CHECK(with("b.yaml", "name: b\ncomand: [/bin/true]").find(":2:1: comand: no such field; did you mean command?") !=
          std::string::npos);
    CHECK(with("b.yaml", application("a")).find("given twice") != std::string::npos);
    CHECK(with("b.yaml", "").find("has no name") != std::string::npos);
    fs::create_directory(folder / "conf.d/d.yaml");
    CHECK(agent_error(file, folder / "conf.d").find("d.yaml: is a directory") != std::string::npos);
    fs::remove(folder / "conf.d/d.yaml");
    fs::create_symlink(folder / "nowhere", folder / "conf.d/l.yaml");
    CHECK(agent_error(file, folder / "conf.d").find("l.yaml: no such file") != std::string::npos);
    fs::remove(folder / "conf.d/l.yaml");
    CHECK(agent_error(file, file).find("cannot be read") != std::string::npos);
    for (int i = 0; i < 32; ++i) {
        folder.write("conf.d/many-" + std::to_string(i) + ".yaml", application("m" + std::to_string(i)));
    }
    CHECK(agent_error(file, folder / "conf.d").find("more than 32") != std::string::npos);
}

TEST_CASE("a host's rules come first, then those of the files that it includes, in order") {
    const Folder folder;
    const fs::path file = folder.write(
        "host.yaml",
        "include: [rules/a.yaml, rules/b.yaml]\nrules: [{name: own, answer: ask}]\nfacts: {site.zone: z}\nveto: [p]\n");
    folder.write("rules/a.yaml", "rules: [{name: a, answer: ask}]\ninclude: [deep/c.yaml]\nveto: [q]\n");
    folder.write("rules/b.yaml", "rules: [{name: b, answer: ask}]\nfacts: {site.traits: [HW_A]}\n");
    folder.write("rules/deep/c.yaml", "rules: [{name: c, answer: ask}]\n");
    const HostPolicy host = load_host_policy(file);
    REQUIRE(host.rules);
    std::string names;
    for (std::size_t i = 0; i < host.rules->size(); ++i) { names += std::string(host.rules->name(i)) + ' '; }
    CHECK(names == "own a c b ");
    CHECK(host.facts.size() == 2);
    CHECK(host.veto == std::vector<std::string>{"p", "q"});
    CHECK(host.files ==
          std::vector<fs::path>{file, folder / "rules/a.yaml", folder / "rules/deep/c.yaml", folder / "rules/b.yaml"});
    CHECK(load_host_policy(folder / "none.yaml").files.empty());
}

TEST_CASE("a fault in an included file names that file; one that cannot be read is named where it is included") {
    const Folder folder;
    const auto with = [&](const std::string& text) {
        return host_error(folder, folder.write("host.yaml", "mode: audit\ninclude:\n  - " + text + "\n"));
    };
    folder.write("good.yaml", "rules: [{name: good, answer: ask}]");
    CHECK(with("good.yaml") == "taken");
    folder.write("bad.yaml", "rules:\n- {name: a, answer: yes}\n");
    CHECK(with("bad.yaml").find("bad.yaml:2:21: rules[0].answer: \"yes\" is no word for it; ") == 0);
    folder.write("own.yaml", "rules: []\nmode: audit\n");
    CHECK(with("own.yaml") ==
          "own.yaml:2:1: mode: stands in an included file; move it to the host's own file; an included "
          "one holds one of rules, include, facts, veto");
    CHECK(with("none.yaml") ==
          "host.yaml:3:5: include[0]: \"none.yaml\": no such file; write it, or correct the path, which is relative to "
          "this "
          "file");
    fs::create_directory(folder / "folder.yaml");
    CHECK(with("folder.yaml") == "host.yaml:3:5: include[0]: \"folder.yaml\": is a directory; name a plain file");
    REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    CHECK(with("fifo") == "host.yaml:3:5: include[0]: \"fifo\": is a FIFO; name a plain file");
    CHECK(with("/dev/zero") == "host.yaml:3:5: include[0]: \"/dev/zero\": is a device; name a plain file");
    fs::create_symlink(folder / "loop", folder / "loop");
    CHECK(with("loop").find("host.yaml:3:5: include[0]: \"loop\": cannot be read") == 0);
    fs::resize_file(folder.write("sparse.yaml", ""), std::uintmax_t{1} << 40U);
    CHECK(with("sparse.yaml").find("host.yaml:3:5: include[0]: \"sparse.yaml\": larger than 65536 bytes") == 0);
    folder.write("again.yaml", "rules: [{name: good, answer: refuse}]");
    CHECK(with("good.yaml\n  - again.yaml") ==
          "again.yaml:1:16: rules[0].name: the name good is given twice, first in line 1 of good.yaml; give each rule "
          "its "
          "own name");
    CHECK(with("good.yaml\n  - ./good.yaml").find("host.yaml:4:5: include[1]: \"./good.yaml\" is included twice") == 0);
    folder.write("facts.yaml", "facts: {site.zone: a}");
    folder.write("facts2.yaml", "facts: {site.zone: b}");
    CHECK(with("facts.yaml\n  - facts2.yaml").find("facts2.yaml:1:20: facts.site.zone: is stated in two files") == 0);
}

TEST_CASE("files that include each other in a circle, too deep or too many are refused") {
    const Folder folder;
    const fs::path file = folder.write("host.yaml", "include: [a.yaml]\n");
    folder.write("a.yaml", "include: [b.yaml]");
    folder.write("b.yaml", "include: [a.yaml]");
    CHECK(host_error(folder, file).find("b.yaml:1:11: include[0]: \"a.yaml\" includes itself, or this file; remove") ==
          0);
    folder.write("b.yaml", "include: [host.yaml]");
    CHECK(host_error(folder, file).find("b.yaml:1:11: include[0]: \"host.yaml\" includes itself") == 0);
    fs::create_symlink("a.yaml", folder / "link.yaml");
    folder.write("b.yaml", "include: [link.yaml]");
    CHECK(host_error(folder, file).find("b.yaml:1:11: include[0]: \"link.yaml\" includes itself") == 0);
    folder.write("b.yaml", "include: [c.yaml]");
    folder.write("c.yaml", "include: [d.yaml]");
    folder.write("d.yaml", "");
    CHECK(host_error(folder, file) == "taken");
    folder.write("d.yaml", "include: [e.yaml]");
    CHECK(host_error(folder, file).find("d.yaml:1:11: include[0]: files include each other deeper than 4") == 0);
    std::string list = "include: [";
    for (int i = 0; i < 16; ++i) {
        folder.write("m" + std::to_string(i), "");
        list += "m" + std::to_string(i) + ", ";
    }
    folder.write("m15", "include: [more]");
    folder.write("more", "");
    CHECK(host_error(folder, folder.write("host.yaml", list + "]")).find("m15:1:11: include[0]: more than 16") == 0);
    CHECK(host_error(folder, folder.write("host.yaml", list + "more]")).find("include: holds 17 items") !=
          std::string::npos);
}

TEST_CASE("a drop-in of a guest holds an application, rules, or both") {
    const Folder folder;
    const fs::path file = folder.write("policy.yaml", "answer: refuse\nrules: [{name: own, answer: ask}]\n");
    folder.write("conf.d/a.yaml", "rules: [{name: a, answer: consent}]\n");
    folder.write("conf.d/b.yaml", application("b") + "rules: [{name: b, answer: refuse}]\n");
    const AgentPolicy agent = load_agent_policy(file, folder / "conf.d");
    REQUIRE(agent.rules.size() == 3);
    CHECK(agent.rules[1].name == "a");
    CHECK(agent.rules[2].name == "b");
    CHECK(agent.applications.size() == 1);
    folder.write("conf.d/c.yaml", "rules: [{name: a, answer: consent}]\n");
    CHECK(
        agent_error(file, folder / "conf.d").find("c.yaml:1:16: rules[0].name: the name a is given twice, first in") !=
        std::string::npos);
    folder.write("conf.d/c.yaml", "timeout_s: 1\nrules: []\n");
    CHECK(agent_error(file, folder / "conf.d").find("has no name") != std::string::npos);
}
