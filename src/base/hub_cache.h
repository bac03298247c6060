// Where the local Hugging Face cache lies: one place for who reads it and who fills it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace saccade {

/// The value of an environment variable; empty when it is not set.
std::string environment_variable(const char* name);

/// $HF_HOME, $XDG_CACHE_HOME/huggingface or ~/.cache/huggingface, as huggingface_hub has it.
std::filesystem::path hub_home();

/// $HF_HUB_CACHE or the folder hub/ in hub_home().
std::filesystem::path hub_cache();

/// The name of a model's folder in the cache: ORG/NAME -> models--ORG--NAME.
std::string hub_model_folder(std::string_view repository);

}  // namespace saccade
