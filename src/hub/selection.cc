#include "hub/selection.h"

#include <fnmatch.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/error.h"
#include "hub/names.h"

namespace saccade::hub {
namespace {

constexpr std::size_t kMaxShownName = 200;

/// The patterns of huggingface_hub: * and ? match slashes too, a backslash is a character, and a
/// folder (with its slash) means all in it.
bool matches(const std::string& name, std::string pattern) {
  if (pattern.ends_with('/')) pattern += '*';
  return fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

bool is_weight_file(const std::string& name) {
  return name.ends_with(".safetensors");
}

/// Configuration, tokenizer, processor, templates and weights at the top of the repository.
/// Folders hold other forms of the same model: onnx/, original/, openvino/.
bool is_read_by_saccade(const std::string& name) {
  if (name.starts_with("additional_chat_templates/")) return name.ends_with(".jinja");
  if (name.find('/') != std::string::npos || name.starts_with('.')) return false;
  for (const char* ending : {".json", ".jinja", ".txt", ".model", ".tiktoken"}) {
    if (name.ends_with(ending)) return true;
  }
  return is_weight_file(name);
}

std::vector<RemoteFile> default_files(const std::vector<RemoteFile>& files) {
  std::vector<RemoteFile> chosen;
  std::copy_if(files.begin(), files.end(), std::back_inserter(chosen),
               [](const RemoteFile& file) { return is_read_by_saccade(file.name); });
  const auto is_model = [](const RemoteFile& file) {
    return file.name.starts_with("model") && is_weight_file(file.name);
  };
  if (std::any_of(chosen.begin(), chosen.end(), is_model)) {
    // Mistral's repositories carry all weights a second time, in their own names.
    std::erase_if(chosen, [](const RemoteFile& file) {
      return file.name.starts_with("consolidated") && is_weight_file(file.name);
    });
  }
  return chosen;
}

std::vector<RemoteFile> matching_files(const std::vector<std::string>& patterns,
                                       const std::vector<RemoteFile>& files) {
  std::vector<RemoteFile> chosen;
  for (const RemoteFile& file : files) {
    const bool wanted =
        std::any_of(patterns.begin(), patterns.end(),
                    [&](const std::string& pattern) { return matches(file.name, pattern); });
    if (wanted) chosen.push_back(file);
  }
  return chosen;
}

[[noreturn]] void ask_for_choice(const std::vector<RemoteFile>& files, PullListener& listener,
                                 const std::string& message) {
  std::vector<FileInfo> offered;
  offered.reserve(files.size());
  for (const RemoteFile& file : files) offered.push_back({file.name, file.bytes});
  listener.on_choice_needed(offered);
  throw Error(message);
}

[[noreturn]] void ask_for_weights(const PullRequest& request, const std::vector<RemoteFile>& files,
                                  PullListener& listener) {
  std::vector<RemoteFile> gguf = matching_files({"*.gguf"}, files);
  if (gguf.empty()) {
    ask_for_choice(files, listener,
                   fmt::format("{}: no .safetensors or .gguf file among its {} files; choose files "
                               "with --include PATTERN",
                               request.repository, files.size()));
  }
  const std::string message = fmt::format(
      "{}: its weights are .gguf files, {} of them; choose with --include, for example "
      "--include \"{}\"",
      request.repository, gguf.size(), gguf.front().name);
  ask_for_choice(gguf, listener, message);
}

void check_names(const PullRequest& request, const std::vector<RemoteFile>& files) {
  std::set<std::string_view> seen;
  for (const RemoteFile& file : files) {
    if (!is_safe_path(file.name)) {
      fail("{}: the Hub lists a file {}, which is no safe path; leave it out with --include",
           request.repository,
           boost::json::serialize(boost::json::string(file.name.substr(0, kMaxShownName))));
    }
    if (!seen.insert(file.name).second) {
      fail("{}: the Hub lists the file \"{}\" twice", request.repository,
           file.name.substr(0, kMaxShownName));
    }
  }
}

}  // namespace

std::vector<RemoteFile> select_files(const PullRequest& request,
                                     const std::vector<RemoteFile>& files, PullListener& listener) {
  std::vector<RemoteFile> chosen;
  if (request.include.empty()) {
    chosen = default_files(files);
    const bool weights = std::any_of(chosen.begin(), chosen.end(), [](const RemoteFile& file) {
      return is_weight_file(file.name);
    });
    if (!weights) ask_for_weights(request, files, listener);
  } else {
    chosen = matching_files(request.include, files);
    if (chosen.empty()) {
      ask_for_choice(
          files, listener,
          fmt::format("{}: none of its {} files matches --include \"{}\"", request.repository,
                      files.size(), fmt::join(request.include, "\", \"")));
    }
  }
  check_names(request, chosen);
  return chosen;
}

}  // namespace saccade::hub
