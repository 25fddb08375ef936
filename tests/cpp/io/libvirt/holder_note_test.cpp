// Notes of who holds a channel: read back, and never followed, believed or waited for when somebody else wrote them.
#include "holder_note.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

using consent::HolderNotes;

namespace {

/// A folder of its own, gone with the test.
struct Folder {
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "notes-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    void put(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
    std::filesystem::path path;
};

const std::string self = std::to_string(::getpid());

}  // namespace

TEST_CASE("a note names its holder until it is removed, and replaces an older one") {
    const Folder folder;
    const HolderNotes notes((folder.path / "consent").string(), self + " nova-compute\n");
    CHECK(notes.read("guest").empty());
    notes.write("guest");
    CHECK(notes.read("guest") == "pid " + self + " (nova-compute)");
    const HolderNotes other((folder.path / "consent").string(), self + " consentctl\n");
    other.write("guest");
    CHECK(notes.read("guest") == "pid " + self + " (consentctl)");
    notes.remove("guest");
    CHECK(notes.read("guest").empty());
    struct stat made {};
    REQUIRE(::stat((folder.path / "consent").c_str(), &made) == 0);
    CHECK((made.st_mode & 07777U) == 01777U);
}

TEST_CASE("a note of a process that is gone, or of none, says nothing") {
    const Folder folder;
    const HolderNotes notes(folder.path.string(), self);
    folder.put("gone", "4194305 nova-compute\n");  // above the kernel's largest pid
    folder.put("zero", "0 all\n");
    folder.put("minus", "-1 all\n");
    folder.put("text", "nova-compute\n");
    folder.put("empty", "");
    for (const char* name : {"gone", "zero", "minus", "text", "empty"}) CHECK(notes.read(name).empty());
}

TEST_CASE("a note is cut and cleaned, a link is not followed, a pipe is not waited for") {
    const Folder folder;
    const HolderNotes notes(folder.path.string(), self + " me\n");
    folder.put("loud", self + " \x1b[31m" + std::string(100'000, 'x'));
    const std::string shown = notes.read("loud");
    CHECK(shown.size() <= 120);
    CHECK(shown.find('\x1b') == std::string::npos);

    folder.put("secret", self + " secret\n");
    std::filesystem::create_symlink(folder.path / "secret", folder.path / "link");
    CHECK(notes.read("link").empty());
    notes.write("link");  // replaces the link, and leaves alone what it led to
    CHECK(notes.read("link") == "pid " + self + " (me)");
    CHECK(notes.read("secret") == "pid " + self + " (secret)");

    REQUIRE(::mkfifo((folder.path / "pipe").c_str(), 0600) == 0);
    CHECK(notes.read("pipe").empty());
}

TEST_CASE("a folder that cannot be made costs the notes and nothing else") {
    const HolderNotes notes("/proc/consent", self);
    notes.write("guest");
    CHECK(notes.read("guest").empty());
}
