#include "consent/outlooks.hpp"

#include <functional>
#include <utility>

namespace consent {

std::size_t Outlooks::HeadHash::operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text.substr(0, 64)) ^ text.size();
}

const std::variant<Digest, Digest::Unusable>& Outlooks::read(std::string_view text) {
    if (const auto known = by_text_.find(text); known != by_text_.end()) {
        kept_.splice(kept_.begin(), kept_, known->second);
        return known->second->read;
    }
    while (!kept_.empty() && (kept_.size() >= max_ || bytes_ + text.size() > max_bytes_)) { forget_last(); }
    kept_.push_front({std::string(text), Digest::read(text, pool_)});
    bytes_ += text.size();
    by_text_.emplace(kept_.front().text, kept_.begin());
    return kept_.front().read;
}

void Outlooks::forget_last() {
    bytes_ -= kept_.back().text.size();
    by_text_.erase(kept_.back().text);
    kept_.pop_back();
}

void Outlooks::forget_old(std::int64_t now, std::int64_t max_age_s) {
    while (!kept_.empty()) {
        const auto* digest = std::get_if<Digest>(&kept_.back().read);
        if (digest == nullptr || !digest->is_too_old(now, max_age_s)) { return; }
        forget_last();
    }
}

std::vector<Judgement> Outlooks::judge(const std::vector<std::optional<std::string_view>>& digests,
                                       const FactSet& mover, std::int64_t now, std::int64_t max_age_s) {
    Mover before(mover);
    std::vector<Judgement> judgements(digests.size());
    for (std::size_t i = 0; i < digests.size(); ++i) {
        const std::optional<std::string_view>& text = digests[i];
        if (!text) {
            judgements[i].reason = "it publishes no digest";
        } else if (text->size() > max_digest_bytes) {  // not worth keeping
            judgements[i].reason = "its digest cannot be used: it is longer than 16384 bytes";
        } else if (const auto& read_digest = read(*text); std::holds_alternative<Digest>(read_digest)) {
            judgements[i] = std::get<Digest>(read_digest).judge(before, now, max_age_s);
        } else {
            judgements[i].reason = "its digest cannot be used: " + std::get<Digest::Unusable>(read_digest).why;
        }
    }
    forget_old(now, max_age_s);
    return judgements;
}

}  // namespace consent
