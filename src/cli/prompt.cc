#include "cli/prompt.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace saccade::cli {
namespace {

// Far beyond any model's context; keeps an endless pipe from filling memory.
constexpr std::size_t kMaxPromptBytes = std::size_t{64} << 20;

}  // namespace

PromptSource prompt_source(const PromptOptions& options, bool stdin_is_a_terminal) {
  const bool named = options.prompt == "-";
  const auto images = std::count(options.images.begin(), options.images.end(), "-");
  if (images + (named ? 1 : 0) > 1) {
    fail_usage("- is given {} times, but standard input can be read only once", images + named);
  }
  if (named) return PromptSource::kStandardInput;
  if (options.prompt) return PromptSource::kArgument;
  if (images > 0) {
    fail_usage(
        "PROMPT is missing: standard input is the picture, so give the prompt as an "
        "argument");
  }
  return stdin_is_a_terminal ? PromptSource::kNobody : PromptSource::kStandardInput;
}

std::string read_standard_input(std::string_view complaint) {
  std::string text;
  std::array<char, 65536> chunk;
  while (true) {
    const ssize_t count = read(STDIN_FILENO, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      fail_usage("{}standard input cannot be read: {}", complaint,
                 std::generic_category().message(errno));
    }
    if (count == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(count));
    if (text.size() > kMaxPromptBytes) {
      fail("standard input: a text of more than {} MiB; no model reads that much",
           kMaxPromptBytes >> 20);
    }
  }
  return text;
}

std::string read_prompt_from_stdin() {
  std::string text = read_standard_input("PROMPT is missing, and ");
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) {
    fail_usage("PROMPT is missing, and standard input is empty; give one of them");
  }
  return text;
}

std::vector<ImageBytes> read_images(const std::vector<std::string>& paths) {
  std::vector<ImageBytes> images;
  for (const std::string& path : paths) images.push_back(read_image(path));
  return images;
}

Message user_message(std::vector<ImageBytes> images, const std::string& text) {
  Message message{"user", {}};
  for (ImageBytes& image : images) message.content.emplace_back(std::move(image));
  // A picture may speak for itself; a turn may not be empty.
  if (!text.empty() || message.content.empty()) message.content.emplace_back(text);
  return message;
}

Message text_message(const std::string& role, const std::string& text) {
  return {role, {text}};
}

std::vector<Message> first_messages(const PromptOptions& options, const std::string& prompt) {
  std::vector<Message> messages;
  if (options.system) messages.push_back(text_message("system", *options.system));
  messages.push_back(user_message(read_images(options.images), prompt));
  return messages;
}

}  // namespace saccade::cli
