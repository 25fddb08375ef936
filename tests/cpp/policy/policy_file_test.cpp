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
