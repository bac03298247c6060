// Finding the directory that a MODEL argument means.
#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "base/hub_cache.h"
#include "checkpoint/checkpoint.h"

namespace saccade::checkpoint {
namespace fs = std::filesystem;
namespace {

/// Where the assets of an installed or a freshly built Saccade lie.
std::vector<fs::path> asset_roots() {
  std::vector<fs::path> roots;
  if (const std::string given = environment_variable("SACCADE_ASSETS"); !given.empty()) {
    roots.emplace_back(given);
    return roots;
  }
  std::error_code status;
  const fs::path binary = fs::read_symlink("/proc/self/exe", status);
  if (!status) roots.push_back(binary.parent_path().parent_path() / "share" / "saccade");
  roots.emplace_back(SACCADE_SOURCE_ASSETS);
  return roots;
}

fs::path built_in_model(const std::string& name) {
  const std::vector<fs::path> roots = asset_roots();
  std::error_code status;
  for (const fs::path& root : roots) {
    if (fs::is_regular_file(root / name / "config.json", status)) return root / name;
  }
  fail("the built-in model {} is not in {}; set SACCADE_ASSETS to the folder that holds it", name,
       roots.back().string());
}

/// The snapshot of ORG/NAME: the one refs/main names, or the newest there is.
fs::path cached_snapshot(const std::string& model) {
  const fs::path root = hub_cache() / hub_model_folder(model);
  std::error_code status;
  std::string revision;
  std::ifstream(root / "refs" / "main") >> revision;
  if (!revision.empty() && fs::is_directory(root / "snapshots" / revision, status)) {
    return root / "snapshots" / revision;
  }
  fs::path newest;
  fs::file_time_type time{};
  for (const auto& entry : fs::directory_iterator(root / "snapshots", status)) {
    const fs::file_time_type changed = entry.last_write_time(status);
    if (entry.is_directory(status) && (newest.empty() || changed > time)) {
      newest = entry.path();
      time = changed;
    }
  }
  if (newest.empty()) {
    fail(
        "{}: neither a directory here nor a model in the Hugging Face cache ({}); saccade pull {} "
        "fetches it",
        model, root.string(), model);
  }
  return newest;
}

/// A directory may hold a model as a GGUF file instead of a Hugging Face checkpoint.
fs::path model_in(const fs::path& directory) {
  std::error_code status;
  if (fs::is_regular_file(directory / "config.json", status)) return directory;
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(directory, status)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".gguf") && name.find("mmproj") == std::string::npos) found.push_back(name);
  }
  std::sort(found.begin(), found.end());
  if (found.size() == 1) return directory / found[0];
  if (found.size() > 1) {
    fail("{}: {} models in it, {}; name the file of one", directory.string(), found.size(),
         fmt::join(found, ", "));
  }
  return directory;
}

}  // namespace

fs::path resolve_model(const std::string& model) {
  constexpr const char* kWanted =
      "wanted a Hugging Face checkpoint directory, a .gguf file, glance or ORG/NAME";
  if (model.empty()) fail_usage("MODEL is empty: {}", kWanted);
  std::error_code status;
  if (fs::is_directory(model, status)) return model_in(model);
  if (model == "glance") return built_in_model(model);
  if (fs::is_regular_file(model, status)) {
    if (model.ends_with(".gguf")) return model;
    fail("{}: {}; found another kind of file", model, kWanted);
  }
  const bool repository = std::count(model.begin(), model.end(), '/') == 1 &&
                          model.front() != '/' && model.back() != '/' && model.front() != '.' &&
                          !model.ends_with(".gguf");
  if (repository) return model_in(cached_snapshot(model));
  fail("{}: no such file or directory; {}", model, kWanted);
}

}  // namespace saccade::checkpoint
