// From a request as it came to what the scheduler runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "engine/picture_index.h"
#include "engine/sampler.h"
#include "media/patches.h"
#include "models/processor.h"
#include "saccade/engine.h"

namespace saccade::engine {

/// A request's conversation with its pictures decoded and cut into patches.
struct PreparedPrompt {
  std::vector<models::ChatMessage> messages;
  std::vector<media::Patches> patches;  ///< of each picture; without values if it was known
  std::vector<std::string> image_names;
  std::vector<media::Size> image_sizes;  ///< as decoded
  std::vector<int> order;                ///< picture at each placeholder
  std::string rendered;
  models::Prompt prompt;
};

/// Decodes, preprocesses, renders and tokenizes; of `options` those of picture files are read.
/// Pictures that `index` knows are not decoded; it may be null. Throws Error naming the picture or
/// the template. Thread-safe, as is the next one.
PreparedPrompt prepare_prompt(const models::Processor& processor, const Request& request,
                              const EngineOptions& options, Listener* listener,
                              PictureIndex* index = nullptr);

/// The patches of one picture of a request, with their values.
media::Patches process_picture(const models::Processor& processor, const Request& request,
                               const ImageBytes& image, const EngineOptions& options);

/// The pictures of a request in the order of their messages.
std::vector<const ImageBytes*> pictures_of(const Request& request);

/// The defaults that a checkpoint's generation_config.json sets, as transformers reads it: greedy
/// unless do_sample is true. Throws Error for values out of range.
SamplingParams default_sampling(const checkpoint::Checkpoint& checkpoint);

/// What generation_config.json asks for beside sampling and is not done here, a sentence each.
std::vector<std::string> generation_notes(const checkpoint::Checkpoint& checkpoint);

/// The request's settings over the defaults. Throws Error (usage) for values out of range.
SamplingParams merged_sampling(const SamplingParams& defaults, const Sampling& request);

/// Tokens of each part of a prepared prompt.
std::vector<PromptPart> prompt_parts(const models::Processor& processor,
                                     const PreparedPrompt& prepared);

}  // namespace saccade::engine
