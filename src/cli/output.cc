#include "cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "base/error.h"
#include "cli/text_lines.h"

namespace saccade::cli {

int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

void throw_output_error(int error) {
  if (error == EPIPE) throw OutputClosed();
  fail("standard output: cannot write: {}", std::generic_category().message(error));
}

void write_output(std::string_view text) {
  if (const int error = write_all(STDOUT_FILENO, text)) throw_output_error(error);
}

void write_error_line(std::string_view message) {
  write_all(STDERR_FILENO, "saccade: " + one_line(message) + "\n");
}

}  // namespace saccade::cli
