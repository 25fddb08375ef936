// The worker's own connection to libvirt: opened on first need, opened again when libvirtd went away.
//
// Also the handles of libvirt's objects, as values that release themselves. Must not know channels or rounds.
#pragma once

#include <libvirt/libvirt.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "blocking_calls.hpp"
#include "event_loop.hpp"

namespace consent {

using ConnectionHandle = std::shared_ptr<virConnect>;
using DomainHandle = std::shared_ptr<virDomain>;
using StreamHandle = std::shared_ptr<virStream>;

[[nodiscard]] DomainHandle own(virDomainPtr domain);
[[nodiscard]] StreamHandle own(virStreamPtr stream);

/// What libvirt said last in this thread.
struct LibvirtError {
    int code = 0;      ///< virErrorNumber
    std::string text;  ///< cleaned, at most 300 characters
    [[nodiscard]] static LibvirtError last();
};

/// For the loop's thread. Never blocks.
class Connection {
  public:
    Connection(EventLoop& loop, BlockingCalls& calls, std::string uri);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Exactly one is set: the connection, or why there is none.
    using Opened = std::function<void(const ConnectionHandle&, const std::string& why)>;

    /// Calls `then` with the connection, at once when it is open. A first attempt that fails is told at once: the URI may
    /// be wrong. Once a connection was open, attempts are repeated (50 ms apart, then up to 1 s) for as long as somebody
    /// still waits: libvirtd is being restarted. `owner`: who waits; once it is gone, `then` is not called.
    void get(const std::weak_ptr<void>& owner, Opened then);

    /// The open connection, or nothing.
    [[nodiscard]] const ConnectionHandle& current() const { return current_; }
    /// Finds out, without asking libvirtd, whether the connection broke; then does what its loss asks for.
    [[nodiscard]] bool check();
    /// Why the last attempt failed or how the connection was lost; empty when nothing is wrong.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }
    [[nodiscard]] const std::string& uri() const { return uri_; }
    /// `lost` runs each time the connection is lost.
    void on_lost(std::function<void()> lost) { lost_ = std::move(lost); }

  private:
    struct Waiter {
        std::weak_ptr<void> owner;
        Opened then;
    };
    void open();
    void opened(const ConnectionHandle& connection, const LibvirtError& error);
    void lose(const std::string& why);

    EventLoop& loop_;
    BlockingCalls& calls_;
    std::string uri_;
    ConnectionHandle current_;
    bool opening_ = false;
    bool was_open_ = false;
    milliseconds back_off_{0};
    std::string trouble_;
    std::vector<Waiter> waiters_;
    std::function<void()> lost_;
};

}  // namespace consent
