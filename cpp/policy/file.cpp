// Reads policy files from disk: see file.hpp.
#include "file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "consent/policy.hpp"

namespace consent::policy {
namespace {

/// A descriptor that is closed with its scope.
struct Descriptor {
    explicit Descriptor(int number) : fd(number) {}
    ~Descriptor() {
        if (fd >= 0) { ::close(fd); }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int fd;
};

[[noreturn]] void fail(const std::filesystem::path& file, std::string problem, std::string remedy) {
    throw PolicyError(file.string(), 0, 0, "", std::move(problem), std::move(remedy));
}

std::string reason(int error) { return std::string("cannot be read: ") + std::strerror(error); }

std::string kind_of(mode_t mode) {
    if (S_ISDIR(mode)) { return "is a directory"; }
    if (S_ISFIFO(mode)) { return "is a FIFO"; }
    if (S_ISSOCK(mode)) { return "is a socket"; }
    return "is a device";
}

}  // namespace

std::optional<std::string> read_file(const std::filesystem::path& file) {
    // O_NONBLOCK: opening a FIFO without a writer must not wait for one.
    const Descriptor in(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    if (in.fd < 0) {
        if (errno == ENOENT) { return std::nullopt; }
        if (errno == ENXIO) {  // what opening a socket gives
            fail(file, "is a socket or a device without a driver", "name a plain file");
        }
        fail(file, reason(errno), "make it a plain file that this program may read");
    }
    struct stat status {};
    if (::fstat(in.fd, &status) != 0) { fail(file, reason(errno), "make it a plain file that this program may read"); }
    if (!S_ISREG(status.st_mode)) { fail(file, kind_of(status.st_mode), "name a plain file"); }
    // Read to its end, not to the size told: the file may grow meanwhile, and files in /proc tell none.
    std::string text(max_policy_bytes + 1, '\0');
    std::size_t length = 0;
    while (length < text.size()) {
        const ssize_t got = ::read(in.fd, text.data() + length, text.size() - length);
        if (got < 0 && errno == EINTR) { continue; }
        if (got < 0) { fail(file, reason(errno), "make it a plain file that this program may read"); }
        if (got == 0) { break; }
        length += static_cast<std::size_t>(got);
    }
    if (length > max_policy_bytes) {
        fail(file, "larger than " + std::to_string(max_policy_bytes) + " bytes", "keep the policy small");
    }
    text.resize(length);
    text.shrink_to_fit();
    return text;
}

std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder, std::size_t most) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    if (error == std::errc::no_such_file_or_directory) { return files; }
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        const std::filesystem::path& path = entry->path();
        if (path.extension() != ".yaml" || path.filename().string().starts_with('.')) {
            continue;  // editors' and package managers' leftovers
        }
        if (files.size() == most) {
            fail(folder, "holds more than " + std::to_string(most) + " *.yaml files", "remove some");
        }
        files.push_back(path);
    }
    if (error) { fail(folder, reason(error.value()), "make it a folder that this program may read"); }
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace consent::policy
