// From a request as it came to what the scheduler runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "engine/sampler.h"
#include "media/patches.h"
#include "models/processor.h"
#include "saccade/engine.h"

namespace saccade::engine {

/// A request's conversation with its pictures decoded and cut into patches.
struct PreparedPrompt {
  std::vector<models::ChatMessage> messages;
  std::vector<media::Patches> patches;  ///< of each picture
  std::vector<std::string> image_names;
  std::vector<media::Size> image_sizes;  ///< as decoded
  std::vector<int> order;                ///< picture at each placeholder
  std::string rendered;
  models::Prompt prompt;
};

/// Decodes, preprocesses, renders and tokenizes; of `options` those of picture files are read.
/// Throws Error naming the picture or the template.
PreparedPrompt prepare_prompt(const models::Processor& processor, const Request& request,
                              const EngineOptions& options, Listener* listener);

/// The defaults that a checkpoint's generation_config.json sets, as transformers reads it: greedy
/// unless do_sample is true. Throws Error for values out of range.
SamplingParams default_sampling(const checkpoint::Checkpoint& checkpoint);

/// The request's settings over the defaults. Throws Error (usage) for values out of range.
SamplingParams merged_sampling(const SamplingParams& defaults, const Sampling& request);

/// Tokens of each part of a prepared prompt.
std::vector<PromptPart> prompt_parts(const models::Processor& processor,
                                     const PreparedPrompt& prepared);

}  // namespace saccade::engine
