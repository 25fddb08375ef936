#include "page.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "page_html.hpp"

namespace consentctl {
namespace {

/// Texts that stand in the page once, however often they are used.
class Texts {
  public:
    std::size_t add(const std::string& text) {
        const auto [at, fresh] = places_.emplace(text, list_.size());
        if (fresh) { list_.push_back(text); }
        return at->second;
    }
    [[nodiscard]] const nlohmann::json& list() const { return list_; }

  private:
    std::map<std::string, std::size_t> places_;
    nlohmann::json list_ = nlohmann::json::array();
};

std::string base64(const std::vector<std::uint8_t>& bytes) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) { group = group << 8U | (k < count ? bytes[i + k] : 0U); }
        for (std::size_t k = 0; k < 4; ++k) { out += k <= count ? letters[group >> (18 - 6 * k) & 63U] : '='; }
    }
    return out;
}

/// A host's cells as bytes, and the decision that each byte stands for. A host with more than 253 different decisions is
/// told the rest of them by their outlook alone.
struct Packed {
    std::vector<std::uint8_t> cells;
    std::vector<std::uint32_t> palette;
};

Packed pack(const Grid& grid, std::size_t host, std::size_t first_plain) {
    constexpr std::size_t most = 253;
    Packed packed;
    std::map<std::uint32_t, std::uint8_t> places;
    for (std::size_t m = 0; m < grid.movers.size(); ++m) {
        std::uint32_t decision = grid.cells[m * grid.hosts.size() + host];
        if (!places.contains(decision) && packed.palette.size() >= most) {
            decision =
                static_cast<std::uint32_t>(first_plain + static_cast<std::size_t>(grid.decisions[decision].outlook));
        }
        const auto [at, fresh] = places.emplace(decision, static_cast<std::uint8_t>(packed.palette.size()));
        if (fresh) { packed.palette.push_back(decision); }
        packed.cells.push_back(at->second);
    }
    return packed;
}

std::string line_of(const Facts& facts) {
    std::string line;
    for (const auto& [name, value] : facts) {
        if (!line.empty()) { line += "  "; }
        line.append(name).append("=").append(value);
    }
    return line.substr(0, 400);
}

nlohmann::json decision_of(const Decision& decision, Texts& texts) {
    return nlohmann::json::array({static_cast<int>(decision.outlook), texts.add(decision.voter),
                                  texts.add(decision.source), texts.add(decision.rule), texts.add(decision.because),
                                  texts.add(decision.why)});
}

}  // namespace

std::string page(const Grid& grid, const Inventory& inventory) {
    Texts texts;
    nlohmann::json decisions = nlohmann::json::array();
    for (const Decision& decision : grid.decisions) { decisions.push_back(decision_of(decision, texts)); }
    for (const auto outlook : {consent::Outlook::consent, consent::Outlook::ask, consent::Outlook::refuse}) {
        decisions.push_back(decision_of({outlook, "", "", "", "", "one of many reasons: see the table"}, texts));
    }
    nlohmann::json palettes = nlohmann::json::array();
    std::vector<std::uint8_t> cells;
    for (std::size_t h = 0; h < grid.hosts.size(); ++h) {
        Packed packed = pack(grid, h, grid.decisions.size());
        cells.insert(cells.end(), packed.cells.begin(), packed.cells.end());
        palettes.push_back(std::move(packed.palette));
    }
    nlohmann::json mover_facts = nlohmann::json::array();
    for (const InventoryMover& mover : inventory.movers) { mover_facts.push_back(line_of(mover.facts)); }
    nlohmann::json host_facts = nlohmann::json::array();
    for (const InventoryHost& host : inventory.hosts) { host_facts.push_back(line_of(facts_of(host))); }
    nlohmann::json modes = nlohmann::json::array();
    for (const auto& mode : grid.modes) { modes.push_back(mode ? to_string(*mode) : std::string_view{}); }

    const nlohmann::json data{{"movers", grid.movers},
                              {"hosts", grid.hosts},
                              {"moverFacts", std::move(mover_facts)},
                              {"hostFacts", std::move(host_facts)},
                              {"modes", std::move(modes)},
                              {"moverOrder", by_similarity(outlooks_of(grid, false))},
                              {"hostOrder", by_similarity(outlooks_of(grid, true))},
                              {"decisions", std::move(decisions)},
                              {"palettes", std::move(palettes)},
                              {"texts", texts.list()},
                              {"cells", base64(cells)}};
    constexpr std::string_view hole = "@CONSENT_DATA@";
    const std::string_view whole = page_html();
    const std::size_t at = whole.find(hole);
    std::string out(whole.substr(0, at));
    // A name must not end the script that holds the data.
    for (const char c : data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) {
        if (c == '<') {
            out += "\\u003c";
        } else {
            out += c;
        }
    }
    out += whole.substr(at + hole.size());
    return out;
}

}  // namespace consentctl
