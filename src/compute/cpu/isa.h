// Which instruction set the kernels run on, chosen at run time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compute/cpu/kernels/kernels.h"

namespace saccade::compute::cpu {

/// Instruction sets this binary holds kernels for, best first; "scalar", the plain array code that
/// the others are tested against, is last and never chosen by itself.
std::vector<std::string> built_isas();

/// Whether this processor can run `isa`.
bool isa_runs_here(std::string_view isa);

/// The kernels of `isa`, or with an empty name those of the best one that runs here. Throws Error
/// when it is not built, not known or does not run on this processor: never a silent slow path.
const Kernels& kernels_for(std::string_view isa);

/// The processor's own name, as the operating system gives it.
std::string processor_name();

}  // namespace saccade::compute::cpu
