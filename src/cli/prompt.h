// From the command line's words and files to a conversation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"

namespace saccade::cli {

enum class PromptSource {
  kArgument,
  kStandardInput,
  kNobody,  ///< there is no PROMPT, and standard input is a terminal
};

/// Where the prompt comes from. Throws Error (usage) when two things want standard input.
PromptSource prompt_source(const PromptOptions& options, bool stdin_is_a_terminal);

/// All of standard input as it is. Throws Error when it cannot be read, beginning with `complaint`.
std::string read_standard_input(std::string_view complaint = "");

/// All of standard input, without the line break at its end. Throws Error when there is no text.
std::string read_prompt_from_stdin();

/// Reads the pictures. Throws Error.
std::vector<ImageBytes> read_images(const std::vector<std::string>& paths);

/// The user's turn: pictures in their order, then the text.
Message user_message(std::vector<ImageBytes> images, const std::string& text);
Message text_message(const std::string& role, const std::string& text);

/// The whole conversation that the options describe.
std::vector<Message> first_messages(const PromptOptions& options, const std::string& prompt);

}  // namespace saccade::cli
