// Models that are named by their sizes alone, to measure speed and memory with.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/shape.h"

namespace saccade::checkpoint {

/// Sizes of a Qwen2.5-VL model.
struct RandomShape {
  std::string name;
  // The decoder.
  int layers = 0;
  std::int64_t hidden = 0;
  std::int64_t inner = 0;  ///< of the gated MLP
  int heads = 0;
  int kv_heads = 0;
  std::int64_t vocab = 0;
  bool tied = false;  ///< embeddings and output head are one matrix
  // The tower; patches are 14 x 14 pixels, four of them a token.
  int tower_depth = 32;
  std::int64_t tower_hidden = 1280;
  std::int64_t tower_inner = 3420;
  int tower_heads = 16;
  std::vector<int> full_attention_blocks = {7, 15, 23, 31};
};

/// The shape called `name`. Throws Error (usage) with the names there are.
const RandomShape& random_shape(const std::string& name);
/// The names of all shapes, the largest first.
std::vector<std::string> random_shape_names();

/// A tensor of a shape, under its Hugging Face name.
struct NamedShape {
  std::string name;
  Shape shape;
};
std::vector<NamedShape> tensors_of(const RandomShape& shape);

/// config.json, preprocessor_config.json, tokenizer_config.json and tokenizer.json. The tokenizer
/// has Qwen2.5's special tokens, at their places if the vocabulary is large enough, and a token for
/// every byte; the rest are made-up words.
boost::json::value config_of(const RandomShape& shape);
boost::json::value preprocessor_config_of(const RandomShape& shape);
boost::json::value tokenizer_config_of(const RandomShape& shape);
boost::json::value tokenizer_of(const RandomShape& shape);

}  // namespace saccade::checkpoint
