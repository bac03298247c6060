// What a line of a chat means.
#pragma once

#include <string>
#include <string_view>

namespace saccade::cli {

struct ChatLine {
  enum class Kind { kNothing, kSay, kImage, kSystem, kReset, kHelp, kQuit };
  Kind kind = Kind::kNothing;
  std::string text;  ///< what is said, the file or the instructions
};

/// Throws Error (usage) for a command that is not known or lacks its file.
ChatLine parse_chat_line(std::string_view line);

}  // namespace saccade::cli
