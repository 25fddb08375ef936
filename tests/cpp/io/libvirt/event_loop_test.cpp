// The loop's order and timers, and the threads beside it.
#include "event_loop.hpp"

#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <stdexcept>
#include <string>
#include <thread>

#include "blocking_calls.hpp"

using namespace consent;
using namespace std::chrono_literals;

namespace {

/// One loop for the whole program: libvirt keeps one event implementation a process.
EventLoop& loop() {
    static EventLoop only;
    return only;
}

/// Turns the loop until `last` ran.
void run_until_posted(const std::function<void()>& last) {
    struct Done {};
    loop().post([&] {
        last();
        throw Done{};
    });
    try {
        loop().run();
    } catch (const Done&) {}
}

}  // namespace

TEST_CASE("work that several threads post runs in the loop's thread, each thread's in its order") {
    const auto here = std::this_thread::get_id();
    std::array<int, 4> last{};
    bool in_order = true;
    {
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < last.size(); ++t)
            threads.emplace_back([&, t] {
                for (int i = 1; i <= 1000; ++i)
                    loop().post([&, t, i] {
                        in_order = in_order && std::this_thread::get_id() == here && last.at(t) == i - 1;
                        last.at(t) = i;
                    });
            });
    }
    run_until_posted([] {});
    CHECK(in_order);
    CHECK(last == std::array<int, 4>{1000, 1000, 1000, 1000});
}

TEST_CASE("timers run by their time, none before it, and none that was cancelled") {
    struct Done {};
    std::string ran;
    const TimePoint start = loop().now();
    loop().at(start + 30ms, [&] {
        ran += 'c';
        throw Done{};
    });
    const auto cancelled = loop().at(start + 20ms, [&] { ran += 'x'; });
    loop().at(start + 10ms, [&] { ran += 'b'; });
    loop().at(start, [&] { ran += 'a'; });
    loop().at(start + 10ms, [&] { loop().cancel(cancelled); });
    loop().cancel(0);
    CHECK_THROWS_AS(loop().run(), Done);
    CHECK(ran == "abc");
    CHECK(loop().now() - start >= 30ms);
    loop().cancel(cancelled);  // over: no mistake
}

TEST_CASE("a descriptor that became readable is told") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    struct Done {};
    std::string got;
    loop().watch(ends[0], [&] {
        char byte = 0;
        if (::read(ends[0], &byte, 1) != 1) return;
        got += byte;
        if (got == "hi") throw Done{};
    });
    REQUIRE(::write(ends[1], "hi", 2) == 2);
    CHECK_THROWS_AS(loop().run(), Done);
    CHECK(got == "hi");
}

TEST_CASE("blocking calls overlap, and their results come into the loop") {
    struct Done {};
    BlockingCalls calls(loop(), 3);
    std::mutex mutex;
    std::condition_variable all;
    int inside = 0;
    int results = 0;
    const auto here = std::this_thread::get_id();
    bool in_loop = true;
    for (int i = 0; i < 3; ++i)
        calls.run(
            [&] {  // returns only when the three of them are being made at once
                std::unique_lock lock(mutex);
                ++inside;
                all.notify_all();
                all.wait(lock, [&] { return inside == 3; });
                return 7;
            },
            [&](int result) {
                in_loop = in_loop && std::this_thread::get_id() == here && result == 7;
                if (++results == 3) throw Done{};
            });
    CHECK_THROWS_AS(loop().run(), Done);
    CHECK(in_loop);
}
