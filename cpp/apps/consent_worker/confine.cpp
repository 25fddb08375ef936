// Limits of the worker's own process. Must not know what it does within them.
#include "confine.hpp"

#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace consent {
namespace {

constexpr rlim_t open_files = 512;  ///< one connection carries all channels; the rest is for libvirt and its ssh
constexpr rlim_t mebibyte = 1024 * 1024;

/// Raises what may be raised up to `limit`, and caps it there.
void limit(__rlimit_resource what, rlim_t value) {
    struct rlimit now {};
    if (::getrlimit(what, &now) != 0) throw std::system_error(errno, std::system_category(), "getrlimit");
    const rlim_t most = std::min(value, now.rlim_max);
    const struct rlimit next {
        most, most
    };
    if (::setrlimit(what, &next) != 0) throw std::system_error(errno, std::system_category(), "setrlimit");
}

void control(int option, unsigned long value) {
    if (::prctl(option, value, 0UL, 0UL, 0UL) != 0) throw std::system_error(errno, std::system_category(), "prctl");
}

}  // namespace

void confine() {
    control(PR_SET_PDEATHSIG, SIGKILL);  // had it died before this, standard input would be at its end
    control(PR_SET_NO_NEW_PRIVS, 1);
    control(PR_SET_DUMPABLE, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, open_files);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // these map terabytes
    limit(RLIMIT_DATA, 512 * mebibyte);
    limit(RLIMIT_AS, 2048 * mebibyte);
    // One heap for all threads: with one for each, what a guest's flood took in one of them stays there unused while
    // another's grows.
    if (::mallopt(M_ARENA_MAX, 1) != 1) throw std::runtime_error("mallopt: the heaps cannot be bounded");
#endif
    ::closefrom(3);
}

}  // namespace consent
