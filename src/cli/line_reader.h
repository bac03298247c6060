// Lines from a terminal.
#pragma once

#include <string>

namespace saccade::cli {

enum class LineStatus { kLine, kEnd, kInterrupted };

/// Reads standard input line by line. Editing is the terminal's own; what makes this more than
/// std::getline is that Ctrl-C ends the wait and leaves the input usable.
class LineReader {
 public:
  /// The next line without its line break.
  LineStatus read(std::string& line);

 private:
  std::string buffer_;
};

}  // namespace saccade::cli
