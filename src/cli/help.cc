#include "cli/help.h"

#include <sstream>

namespace saccade::cli {
namespace {

constexpr std::size_t kNameWidth = 28;  // fits the longest option and its value
constexpr std::size_t kHelpWidth = 100;

}  // namespace

HelpFormatter::HelpFormatter() {
  column_width(kNameWidth);
  label("REQUIRED", "");
  label("SUBCOMMAND", "COMMAND");
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  return wrapped(CLI::Formatter::make_option_desc(option), kHelpWidth - kNameWidth);
}

std::string wrapped(const std::string& text, std::size_t width) {
  std::istringstream words(text);
  std::string lines;
  std::size_t column = 0;
  for (std::string word; words >> word;) {
    if (column > 0 && column + 1 + word.size() > width) {
      lines += '\n';
      column = 0;
    } else if (column > 0) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
  }
  return lines;
}

}  // namespace saccade::cli
