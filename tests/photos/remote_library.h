// A library whose models are behind a server that the test holds.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>

#include "photos/library.h"
#include "temporary_directory.h"

namespace saccade::photos {

inline constexpr const char* kSmallPrompt = "look";
inline constexpr const char* kLargePrompt = "look closely";
inline constexpr const char* kSmallModel = "small-model";
inline constexpr const char* kLargeModel = "large-model";

/// What a person may write into photos.toml: all kinds of tiers, two attempts for each photo; the
/// small model's questions go on to the large one.
inline std::string remote_settings(const std::string& url) {
  return fmt::format(R"([[tier]]
name = "import"
kind = "import"
concurrency = 2

[[tier]]
name = "vision"
kind = "vision"
concurrency = 2

[[tier]]
name = "small"
kind = "vlm"
model = "{1}"
url = "{0}"
prompt = "{2}"
attempts = 2
references = ["relationships.subject -> entities"]
escalate = "large"
schema = '{{"type": "object"}}'

[[tier]]
name = "large"
kind = "vlm"
model = "{3}"
url = "{0}"
prompt = "{4}"
attempts = 2
background = true
shared = true
schema = '{{"type": "object"}}'
)",
                     url, kSmallModel, kSmallPrompt, kLargeModel, kLargePrompt);
}

/// Makes a library in `folder` with these settings.
inline void make_remote_library(const TemporaryDirectory& folder, const std::string& name,
                                const std::string& url) {
  { const Library library(folder.path() / name, Library::Missing::kCreate); }
  folder.write(name + "/photos.toml", remote_settings(url));
}

}  // namespace saccade::photos
