// A file descriptor that is closed with its owner.
#pragma once

#include <utility>

namespace consent::agent {

class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    ~Descriptor() { close(); }
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }

    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    /// Gives the descriptor away.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    void close() noexcept;

  private:
    int fd_ = -1;
};

}  // namespace consent::agent
