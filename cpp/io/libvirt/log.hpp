// The worker's log: standard error, one line an event. Standard output carries reports and nothing else.
#pragma once

#include <spdlog/spdlog.h>

namespace consent {

/// spdlog's default logger; where it writes is the program's choice.
[[nodiscard]] inline spdlog::logger& log() { return *spdlog::default_logger_raw(); }

}  // namespace consent
