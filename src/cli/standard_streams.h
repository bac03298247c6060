// The three streams every program starts with, or should.
#pragma once

namespace saccade::cli {

/// Fills descriptors 0 to 2 where the caller closed them, so that no file opened later takes their
/// number and receives what was meant for a stream. A filled stream fails on use.
void hold_standard_streams();

bool stdin_is_terminal();
bool stdout_is_terminal();
/// Also asks that the terminal understands how to erase a line.
bool stderr_shows_progress();

}  // namespace saccade::cli
