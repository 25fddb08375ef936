// What a guest may learn of a migration: see disclosure.hpp.
#include "consent/disclosure.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <span>
#include <stdexcept>
#include <utility>

namespace consent {
namespace {

constexpr std::size_t pseudonym_bytes = 16;  // 128 bits: as wide as the UUID it stands for

std::string hex(std::span<const unsigned char> bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const unsigned char byte : bytes) {
        out += digits[byte >> 4U];
        out += digits[byte & 0x0fU];
    }
    return out;
}

}  // namespace

std::string pseudonym(const PseudonymKey& key, std::string_view voter, std::string_view mover) {
    // The length in front keeps ("a", "bc") and ("ab", "c") apart.
    const std::string text = std::to_string(voter.size()) + ":" + std::string(voter) + std::string(mover);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length) == nullptr ||
        length < pseudonym_bytes) {
        throw std::runtime_error("libcrypto gives no HMAC-SHA256");
    }
    return hex(std::span(digest).first(pseudonym_bytes));
}

std::string host_id(std::string_view project, std::string_view host) {
    const std::string text = std::string(project) + std::string(host);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha224(), nullptr) != 1) {
        throw std::runtime_error("libcrypto gives no SHA-224");
    }
    return hex(std::span(digest).first(length));
}

wire::Request disclose(const Subject& subject, const Voter& voter, const PseudonymKey& key, std::string id,
                       std::uint32_t deadline_ms) {
    const bool itself = voter.id == subject.mover;
    const bool own_project = !voter.project.empty() && voter.project == subject.mover_project;
    wire::Request request;
    request.id = std::move(id);
    request.operation = subject.operation;
    request.role = voter.kind == VoterKind::mover ? VoterKind::mover : VoterKind::neighbour;
    request.mover =
        itself || own_project || subject.disclosed ? subject.mover : pseudonym(key, voter.id, subject.mover);
    request.vcpus = subject.vcpus;
    request.memory_mib = subject.memory_mib;
    // Without a project all such guests would know a host by one name: each gets its own instead.
    const std::string& salt = voter.project.empty() ? voter.id : voter.project;
    request.source = host_id(salt, subject.source);
    request.site = host_id(salt, subject.site);
    request.deadline_ms = deadline_ms;
    return request;
}

}  // namespace consent
