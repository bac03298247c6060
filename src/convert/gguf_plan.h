// Which tensors GGUF files get: the language model's, and those of its vision tower.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/gguf_names.h"
#include "convert/target.h"
#include "convert/weight_stream.h"

namespace saccade::conversion {

/// The files a model becomes.
struct GgufKind {
  std::string architecture;  ///< "qwen2vl"
  std::string projector;     ///< "qwen2.5vl_merger", or empty where there is no tower
};

/// By config.json. Throws Error for a family that llama.cpp's format has no names for, or Saccade
/// none of its names, naming those that can be written.
GgufKind gguf_kind(const checkpoint::Checkpoint& source);

/// A tensor of a GGUF file.
struct GgufTensor {
  WeightPlan weight;
  GgmlType type = GgmlType::kF32;
  int frame = -1;  ///< of a convolution over two: this one alone
};

struct GgufPlan {
  std::vector<GgufTensor> model;
  std::vector<GgufTensor> tower;
  std::int64_t left_unquantized = 0;  ///< in another type than the one asked for
};

GgufPlan plan_gguf(const checkpoint::Checkpoint& source, const GgufKind& kind,
                   const Target& target);

/// The configuration of the language model: text_config, or the whole.
const boost::json::object& text_config(const checkpoint::Checkpoint& source);

}  // namespace saccade::conversion
