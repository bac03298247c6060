// Writing to standard output and standard error, at once and with failures noticed.
#pragma once

#include <string_view>

namespace saccade::cli {

/// Thrown when whoever read standard output has gone, as `| head` does.
struct OutputClosed {};

/// Writes all of `text` to a descriptor; returns 0 or the errno of the failure.
int write_all(int descriptor, std::string_view text);

/// Throws for the errno of a failed write to standard output: OutputClosed or Error.
[[noreturn]] void throw_output_error(int error);

/// Writes to standard output. Throws OutputClosed or Error.
void write_output(std::string_view text);

/// Writes `saccade: <message>` as one line to standard error.
void write_error_line(std::string_view message);

}  // namespace saccade::cli
