// What stands before the arguments of a call.
#pragma once

#include <cstddef>
#include <string_view>

#include "server/answer_syntax.h"

namespace saccade::server {

/// Where the parts of a call's head are, in bytes of the text it was looked for in.
struct CallHead {
  enum class State { kFound, kNone, kCutShort };
  State state = State::kNone;
  std::size_t name_begin = 0;
  std::size_t name_end = 0;
  std::size_t arguments_begin = 0;  ///< at their brace, or behind the name's tag
};

/// Reads the head of a call at the beginning of `text`, its marker included. `first`: of a list,
/// that before the bracket; otherwise what stands between two calls of a list has been read.
/// kCutShort: more text may make it a call.
CallHead find_call_head(std::string_view text, const CallSyntax& syntax, bool first);

}  // namespace saccade::server
