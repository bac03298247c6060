// The processor of models with Pixtral's tower: pictures at their own aspect, a token at the end of
// every row of patches.
#pragma once

#include <memory>

#include "models/processor.h"
#include "models/processor_files.h"

namespace saccade::models {

/// What config.json says of it.
struct PixtralPrompt {
  std::int32_t image_token = 0;
  std::int64_t vocab_size = 0;
  int patch_size = 0;
  int merge_size = 1;  ///< patches along the side of a token
};

std::unique_ptr<Processor> load_pixtral_processor(const checkpoint::Checkpoint& checkpoint,
                                                  const ProcessorFiles& files,
                                                  const PixtralPrompt& prompt);

}  // namespace saccade::models
