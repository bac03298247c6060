// The pictures and prompts that models are compared on.
#pragma once

#include <string>
#include <vector>

namespace saccade::cli {

/// Paths of the picture files of a directory, sorted by name; directories below it and files with
/// other endings are left out. Throws Error when there are none.
std::vector<std::string> list_pictures(const std::string& directory);

/// The lines of a file, without the space around them; empty ones and those that begin with # are
/// left out. Throws Error when there are none.
std::vector<std::string> read_prompts(const std::string& path);

}  // namespace saccade::cli
