// Threads as all files of the machine make them.
#pragma once

#include "grammar/machine.h"

namespace saccade::grammar {

/// A thread at the beginning of a place.
Thread thread_at(Place::Kind kind, std::uint32_t spec, FramePtr parent);

/// Puts a thread behind the others, unless it is there already. Throws Error beyond
/// Machine::kMaxThreads.
void add_thread(Threads& out, Thread thread);

}  // namespace saccade::grammar
