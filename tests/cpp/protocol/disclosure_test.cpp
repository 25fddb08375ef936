// Tests of what a guest may learn. Digests were computed with Python's hashlib and hmac.
#include "consent/disclosure.hpp"

#include <catch2/catch_test_macros.hpp>
#include <numeric>

using namespace consent;

namespace {

const std::string voter_id = "11111111-1111-4111-8111-111111111111";
const std::string mover_id = "22222222-2222-4222-8222-222222222222";
const std::string id(32, '7');

PseudonymKey key_of(unsigned char first) {
    PseudonymKey key{};
    std::iota(key.begin(), key.end(), first);
    return key;
}

Subject subject() {
    Subject out;
    out.mover = mover_id;
    out.mover_name = "instance-00000001";
    out.mover_project = "9a3f";
    out.vcpus = 4;
    out.memory_mib = 8192;
    out.source = "host1";
    out.site = "host2";
    return out;
}

Voter voter(std::string project, VoterKind kind = VoterKind::neighbour) {
    Voter out;
    out.id = kind == VoterKind::mover ? mover_id : voter_id;
    out.project = std::move(project);
    out.kind = kind;
    return out;
}

}  // namespace

TEST_CASE("a host is named as Nova's hostId names it") {
    CHECK(host_id("9a3f", "host2") == "f70a3ba0b54ae548102cbc3ab3e74c815a9726c570e3ea0330c2f2b6");
    CHECK(host_id("", "host2") == "6f7ccbca38c4857d70d3a15fec10f053f1e042551ce9b8e57685a6e2");
}

TEST_CASE("a pseudonym is one voter's own name for one mover under one key") {
    const std::string name = pseudonym(key_of(0), voter_id, mover_id);
    CHECK(name == "2ae27440a4873db5c4146a5deb8f1093");
    CHECK(pseudonym(key_of(0), voter_id, mover_id) == name);
    CHECK(pseudonym(key_of(1), voter_id, mover_id) != name);
    CHECK(pseudonym(key_of(0), "33333333-3333-4333-8333-333333333333", mover_id) != name);
    CHECK(pseudonym(key_of(0), voter_id, voter_id) != name);
    CHECK(pseudonym(key_of(0), "a", "bc") != pseudonym(key_of(0), "ab", "c"));
}

TEST_CASE("a guest of another project learns a pseudonym, hashes for its own project, and the size") {
    const wire::Request request = disclose(subject(), voter("other"), key_of(0), id, 1234);
    CHECK(request == wire::Request{id, "live-migration", VoterKind::neighbour, pseudonym(key_of(0), voter_id, mover_id),
                                   4, 8192, host_id("other", "host1"), host_id("other", "host2"), 1234});
    const std::string line = serialise(request);
    for (const std::string& secret :
         {mover_id, subject().mover_name, subject().mover_project, voter_id, subject().source, subject().site}) {
        CHECK(line.find(secret) == std::string::npos);
    }
}

TEST_CASE("the mover's own project, and the mover, learn its UUID") {
    CHECK(disclose(subject(), voter("9a3f"), key_of(0), id, 1).mover == mover_id);
    const wire::Request own = disclose(subject(), voter("9a3f", VoterKind::mover), key_of(0), id, 1);
    CHECK(own.mover == mover_id);
    CHECK(own.role == VoterKind::mover);
    CHECK(disclose(subject(), voter("", VoterKind::mover), key_of(0), id, 1).mover == mover_id);
}

TEST_CASE("an unknown project is another project") {
    Subject unknown = subject();
    unknown.mover_project.clear();
    CHECK(disclose(unknown, voter(""), key_of(0), id, 1).mover == pseudonym(key_of(0), voter_id, mover_id));
    CHECK(disclose(subject(), voter(""), key_of(0), id, 1).mover != mover_id);
    CHECK(disclose(unknown, voter("9a3f"), key_of(0), id, 1).mover != mover_id);
    Subject disclosed = subject();
    disclosed.disclosed = true;
    const wire::Request told = disclose(disclosed, voter("other"), key_of(0), id, 1);
    CHECK(told.mover == mover_id);
    CHECK(told.source == disclose(subject(), voter("other"), key_of(0), id, 1).source);
}

TEST_CASE("guests without a project cannot tell by a host's name that they share it") {
    Voter other = voter("");
    other.id = "33333333-3333-4333-8333-333333333333";
    const wire::Request one = disclose(subject(), voter(""), key_of(0), id, 1);
    const wire::Request two = disclose(subject(), other, key_of(0), id, 1);
    CHECK(one.site == host_id(voter_id, "host2"));
    CHECK(one.site != two.site);
    CHECK(one.source != two.source);
}

TEST_CASE("what is disclosed is a message that an agent can read") {
    std::string line = serialise(disclose(subject(), voter("other"), key_of(0), id, 5000));
    line.pop_back();
    CHECK(std::holds_alternative<wire::Request>(wire::parse(line)));
}
