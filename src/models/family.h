// The families of models that Saccade knows.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "models/model.h"
#include "models/processor.h"
#include "nn/weights.h"

namespace saccade::models {

/// One part of a model: a tower, a projector, the decoder.
struct PartDescription {
  std::string name;     ///< "vision tower"
  std::string summary;  ///< "32 layers, hidden 1280, 16 heads"
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;
  std::vector<std::string> dtypes;
};

/// What the files say about a model, without loading its weights.
struct Description {
  std::string family;
  std::vector<PartDescription> parts;
  std::int64_t vocab_size = 0;
  std::int64_t context_length = 0;
  compute::KvLayout kv_layout;
  compute::StateLayout state_layout;

  /// Whether the decoder's layers take fewer bits than floats of 16.
  bool quantized_decoder() const;
};

/// How one family is described, loaded and fed.
struct Family {
  std::string model_type;  ///< as in config.json
  Description (*describe)(const checkpoint::Checkpoint&);
  /// Called by load_model, below, which also looks for tensors that nobody asked for.
  std::unique_ptr<Model> (*load_model)(const checkpoint::Checkpoint&, compute::Device&,
                                       const nn::LoadOptions&);
  std::unique_ptr<Processor> (*load_processor)(const checkpoint::Checkpoint&);
  const char* modalities = "text, images";  ///< of a request
};

/// All families, by name.
const std::vector<Family>& families();

/// The family that config.json names. Throws Error with the list of families known.
const Family& family_of(const checkpoint::Checkpoint& checkpoint);

/// Loads the model of the family that config.json names. Throws Error when a tensor is missing, has
/// another shape than config.json implies, or is one that the model has no use for.
std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  nn::LoadOptions options);

/// Parameters, bytes and dtypes of all tensors whose name starts with one of `prefixes`.
PartDescription describe_part(const checkpoint::Checkpoint& checkpoint, std::string name,
                              std::string summary, const std::vector<std::string>& prefixes);

}  // namespace saccade::models
