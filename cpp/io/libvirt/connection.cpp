// Opening, watching and reopening the connection.
#include "connection.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <utility>

#include "consent/wire.hpp"
#include "log.hpp"

namespace consent {
namespace {

constexpr milliseconds first_back_off{50};
constexpr milliseconds last_back_off{1000};
constexpr int keepalive_interval_s = 5;  ///< a libvirtd that is silent for 10 to 15 s counts as gone, which also frees
constexpr unsigned keepalive_count = 2;  ///< the threads whose calls it left unanswered

/// What libvirt's close callback holds. It may come from any thread, and late.
struct Watch {
    EventLoop* loop;
    std::function<void(int)> closed;
    static void call(virConnectPtr /*connection*/, int reason, void* opaque) {
        const auto& self = *static_cast<Watch*>(opaque);
        self.loop->post([closed = self.closed, reason] { closed(reason); });
    }
    static void free(void* opaque) { delete static_cast<Watch*>(opaque); }  // NOLINT(cppcoreguidelines-owning-memory)
};

/// Asks to be told of the connection's end. Blocks: libvirtd is told so.
void watch(virConnectPtr connection, EventLoop& loop, std::function<void(int)> closed) {
    // Both fail for a driver that lives in this process (test:///), which cannot be lost either.
    virConnectSetKeepAlive(connection, keepalive_interval_s, keepalive_count);
    auto* watch = new Watch{&loop, std::move(closed)};  // NOLINT(cppcoreguidelines-owning-memory): libvirt's now
    if (virConnectRegisterCloseCallback(connection, &Watch::call, watch, &Watch::free) < 0) Watch::free(watch);
}

}  // namespace

DomainHandle own(virDomainPtr domain) {
    return {domain, [](virDomainPtr d) {
                if (d != nullptr) virDomainFree(d);
            }};
}

StreamHandle own(virStreamPtr stream) {
    return {stream, [](virStreamPtr s) {
                if (s != nullptr) virStreamFree(s);
            }};
}

LibvirtError LibvirtError::last() {
    const virError* const error = virGetLastError();
    if (error == nullptr) return {VIR_ERR_INTERNAL_ERROR, "libvirt gave no reason"};
    return {error->code, wire::clean(error->message != nullptr ? error->message : "", 300)};
}

Connection::Connection(EventLoop& loop, BlockingCalls& calls, std::string uri)
    : loop_(loop), calls_(calls), uri_(std::move(uri)) {
    // Errors are returned with the call that met them; libvirt need not print them as well.
    virSetErrorFunc(nullptr, [](void* /*opaque*/, virErrorPtr /*error*/) {});
}

void Connection::get(const std::weak_ptr<void>& owner, Opened then) {
    if (check()) {
        then(current_, {});
        return;
    }
    std::erase_if(waiters_, [](const Waiter& waiter) { return waiter.owner.expired(); });
    waiters_.push_back({owner, std::move(then)});
    if (!opening_) open();
}

void Connection::open() {
    opening_ = true;
    struct Result {
        ConnectionHandle connection;
        LibvirtError error;
    };
    calls_.run(
        [this, uri = uri_]() -> Result {
            virConnectPtr raw = virConnectOpen(uri.c_str());
            if (raw == nullptr) return {nullptr, LibvirtError::last()};
            watch(raw, loop_, [this, raw](int reason) {
                if (current_.get() != raw) return;  // of an earlier one
                lose(reason == VIR_CONNECT_CLOSE_REASON_KEEPALIVE ? "libvirtd no longer answers"
                                                                  : "libvirtd closed the connection");
            });
            return {ConnectionHandle(raw, [](virConnectPtr c) { virConnectClose(c); }), {}};
        },
        [this](const Result& result) { opened(result.connection, result.error); });
}

void Connection::opened(const ConnectionHandle& connection, const LibvirtError& error) {
    std::erase_if(waiters_, [](const Waiter& waiter) { return waiter.owner.expired(); });
    if (!connection) {
        trouble_ = "cannot open " + uri_ + ": " + error.text;
        log().warn("{}", trouble_);
        if (was_open_ && !waiters_.empty()) {
            back_off_ = std::clamp(back_off_ * 2, first_back_off, last_back_off);
            loop_.after(back_off_, [this] { open(); });
            return;
        }
        opening_ = false;
        for (const Waiter& waiter : std::exchange(waiters_, {})) waiter.then(nullptr, trouble_);
        return;
    }
    opening_ = false;
    was_open_ = true;
    back_off_ = milliseconds{0};
    trouble_.clear();
    current_ = connection;
    log().debug("connected to {}", uri_);
    for (const Waiter& waiter : std::exchange(waiters_, {}))
        if (!waiter.owner.expired()) waiter.then(current_, {});
}

bool Connection::check() {
    if (current_ && virConnectIsAlive(current_.get()) == 0) lose("the connection to libvirtd broke");
    return current_ != nullptr;
}

void Connection::lose(const std::string& why) {
    if (!current_) return;
    trouble_ = why;
    log().warn("{}: {}", uri_, why);
    // On a thread: both may ask libvirtd a last thing.
    calls_.run(
        [gone = std::exchange(current_, nullptr)] { virConnectUnregisterCloseCallback(gone.get(), &Watch::call); });
    if (lost_) lost_();
}

}  // namespace consent
