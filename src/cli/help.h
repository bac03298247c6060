// How --help looks.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Formatter.hpp>
#include <string>

namespace saccade::cli {

/// CLI11's layout with descriptions that wrap at the width of a terminal.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();

  std::string make_option_desc(const CLI::Option* option) const override;
};

/// Breaks a text between words into lines of at most `width` characters.
std::string wrapped(const std::string& text, std::size_t width);

}  // namespace saccade::cli
