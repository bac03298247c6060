#include "cli/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "cli/interrupt.h"

namespace saccade::cli {
namespace {

/// Waits until there is input or Ctrl-C came.
void wait_for_input() {
  // poll leaves out a negative descriptor.
  std::array<pollfd, 2> waiting = {
      {{STDIN_FILENO, POLLIN, 0}, {interrupt_descriptor(), POLLIN, 0}}};
  poll(waiting.data(), waiting.size(), -1);
}

}  // namespace

LineStatus LineReader::read(std::string& line) {
  std::array<char, 4096> chunk;
  while (true) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return LineStatus::kLine;
    }
    wait_for_input();
    if (interrupted()) {
      buffer_.clear();
      return LineStatus::kInterrupted;
    }
    const ssize_t count = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (count > 0) {
      buffer_.append(chunk.data(), static_cast<std::size_t>(count));
    } else if (count >= 0 || errno != EINTR) {
      // Ctrl-D on a line that has text, or a terminal that went away.
      line = std::exchange(buffer_, {});
      return line.empty() ? LineStatus::kEnd : LineStatus::kLine;
    }
  }
}

}  // namespace saccade::cli
