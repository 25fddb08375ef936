// Tests of outlooks: many hosts at once say what each says alone, whatever is kept and whatever had to go.
#include "consent/outlooks.hpp"

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "voters.hpp"

using namespace consent;
using namespace consent::testing;

namespace {

std::vector<std::optional<std::string_view>> views(const std::vector<std::string>& texts) {
    return {texts.begin(), texts.end()};
}

std::string text_of(int host) {
    return write_digest(source({neighbour(Source::flavor, {{"r",
                                                            {fact("guest.vcpus", "> " + std::to_string(host % 8))},
                                                            StandingAnswer::refuse,
                                                            std::to_string(host)}})}));
}

}  // namespace

TEST_CASE("a batch judges each host as that host alone, also when not all digests can be kept") {
    std::vector<std::string> texts;
    for (int host = 0; host < 64; ++host) { texts.push_back(text_of(host)); }
    for (const std::size_t kept : {std::size_t{1}, std::size_t{3}, std::size_t{64}, std::size_t{1000}}) {
        Outlooks outlooks(kept);
        for (int again = 0; again < 3; ++again) {
            const auto judgements = outlooks.judge(views(texts), mover(), noon, 120);
            REQUIRE(judgements.size() == texts.size());
            for (std::size_t i = 0; i < texts.size(); ++i) {
                REQUIRE(judgements[i] == read(texts[i]).judge(mover(), noon, 120));
            }
            CHECK(outlooks.size() == std::min(kept, texts.size()));
        }
        FactSet small = mover();
        small.set("guest.vcpus", "1");
        CHECK(outlooks.judge(views(texts), small, noon, 120)[1].outlook == Outlook::consent);
        CHECK(outlooks.judge(views(texts), small, noon, 120)[0].outlook == Outlook::refuse);
    }
}

TEST_CASE("no more text is kept than is allowed, and none that is too old") {
    std::vector<std::string> texts;
    for (int host = 0; host < 64; ++host) { texts.push_back(text_of(host)); }
    Outlooks outlooks(1000, 10 * texts.back().size());
    for (int again = 0; again < 2; ++again) {
        const auto judgements = outlooks.judge(views(texts), mover(), noon, 120);
        CHECK(judgements[63] == read(texts[63]).judge(mover(), noon, 120));
        CHECK(outlooks.size() == 10);
    }
    const std::string later = write_digest({Mode::enforce, noon + 100, {}, 0});
    CHECK(outlooks.judge({later}, mover(), noon + 120, 120).front().outlook == Outlook::consent);
    CHECK(outlooks.size() == 10);
    CHECK(outlooks.judge({later}, mover(), noon + 121, 120).front().outlook == Outlook::consent);
    CHECK(outlooks.size() == 1);
    // A text that is longer than all that may be kept is judged all the same.
    Outlooks small(1000, 10);
    CHECK(small.judge({texts[1]}, mover(), noon, 120).front() == read(texts[1]).judge(mover(), noon, 120));
    CHECK(small.size() == 1);
}

TEST_CASE("no digest, and one that cannot be used, are ask with a reason") {
    Outlooks outlooks;
    std::string damaged = text_of(1);
    damaged.back() = ' ';
    const std::string large(max_digest_bytes + 1, 'x');
    for (int again = 0; again < 2; ++again) {
        const auto judgements = outlooks.judge({std::nullopt, damaged, large, ""}, mover(), noon, 120);
        for (const Judgement& judgement : judgements) {
            CHECK(judgement.outlook == Outlook::ask);
            CHECK(judgement.mode == Mode::off);
        }
        CHECK(judgements[0].reason == "it publishes no digest");
        CHECK(judgements[1].reason == "its digest cannot be used: it is damaged: its hash does not fit");
        CHECK(judgements[2].reason == "its digest cannot be used: it is longer than 16384 bytes");
    }
    CHECK(outlooks.size() == 2);
    CHECK(outlooks.judge({}, mover(), noon, 120).empty());
}

TEST_CASE("rules that nobody uses any more are forgotten") {
    RulePool pool;
    for (int i = 0; i < 5000; ++i) { pool.keep(std::to_string(i), compiled({})); }
    CHECK(pool.size() <= 2048);
    const auto kept = compiled({});
    pool.keep("kept", kept);
    CHECK(pool.find("kept") == kept);
    CHECK(pool.find("17") == nullptr);
}
