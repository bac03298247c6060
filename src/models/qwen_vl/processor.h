// Pictures and prompts of the Qwen-VL families.
#pragma once

#include <memory>

#include "models/processor.h"
#include "models/qwen_vl/config.h"

namespace saccade::models::qwen_vl {

/// The processor of a checkpoint whose model is described by `config` and `vision`. Throws Error
/// when the files of the processor contradict them.
std::unique_ptr<Processor> make_processor(const checkpoint::Checkpoint& checkpoint,
                                          const Config& config, const VisionConfig& vision);

}  // namespace saccade::models::qwen_vl
