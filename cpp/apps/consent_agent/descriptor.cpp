// A file descriptor that is closed with its owner: see descriptor.hpp.
#include "descriptor.hpp"

#include <unistd.h>

namespace consent::agent {

void Descriptor::close() noexcept {
    if (fd_ >= 0) { ::close(std::exchange(fd_, -1)); }
}

}  // namespace consent::agent
