// Reading tests/goldens: checkpoints and values made with transformers.
#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "saccade/request.h"

namespace saccade::goldens {

inline std::filesystem::path root() {
  return std::filesystem::path(SACCADE_SOURCE_DIR) / "tests" / "goldens";
}

/// Families with goldens.
inline const std::vector<std::string>& families() {
  static const std::vector<std::string> kFamilies = {
      "gemma2",        //
      "gemma3_text",   //
      "granite",       //
      "llama",         //
      "mistral",       //
      "phi3",          //
      "qwen2",         //
      "qwen2_5_vl",    //
      "qwen2_vl",      //
      "qwen3",         //
      "qwen3_5",       //
      "qwen3_5_moe",   //
      "qwen3_moe",     //
      "qwen3_vl",      //
      "qwen3_vl_moe",  //
      "smollm3",       //
  };
  return kFamilies;
}

/// Names of the golden checkpoints of a family.
inline std::vector<std::string> checkpoints(const std::string& family) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(root() / family)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// The families whose goldens have pixels besides (tests/models/vlm_test.cc).
inline const std::vector<std::string>& vision_families() {
  static const std::vector<std::string> kFamilies = {
      "deepseek_ocr2",    //
      "fast_vlm",         //
      "florence2",        //
      "gemma3",           //
      "gemma4",           //
      "idefics2",         //
      "idefics3",         //
      "internvl",         //
      "llava",            //
      "llava_next",       //
      "llava_onevision",  //
      "mistral3",         //
      "paligemma",        //
      "smolvlm",          //
  };
  return kFamilies;
}

/// The golden checkpoints of families, as FAMILY/CHECKPOINT.
inline std::vector<std::string> checkpoints_of(const std::vector<std::string>& families) {
  std::vector<std::string> names;
  for (const std::string& family : families) {
    for (const std::string& name : checkpoints(family)) names.push_back(family + "/" + name);
  }
  return names;
}

inline std::vector<std::string> all_checkpoints() {
  std::vector<std::string> names = checkpoints_of(families());
  for (std::string& name : checkpoints_of(vision_families())) names.push_back(std::move(name));
  return names;
}

/// FAMILY/CHECKPOINT as GoogleTest wants the names of parameters.
inline std::string test_name(std::string checkpoint) {
  std::replace(checkpoint.begin(), checkpoint.end(), '/', '_');
  return checkpoint;
}

/// The conversation of a case as a request for greedy tokens, end tokens ignored.
inline Request greedy_request(const boost::json::object& golden, std::int64_t max_tokens) {
  Request request;
  request.max_tokens = max_tokens;
  request.ignore_end = true;
  request.sampling.temperature = 0.0;
  request.sampling.repetition_penalty = 1.0;
  for (const auto& item : golden.at("messages").as_array()) {
    Message message{std::string(item.at("role").as_string()), {}};
    if (const auto* text = item.at("content").if_string()) {
      message.content.emplace_back(std::string(*text));
    } else {
      for (const auto& part : item.at("content").as_array()) {
        if (part.at("type").as_string() == "image") {
          const auto file = root() / "images" / std::string(part.at("image").as_string());
          message.content.emplace_back(read_image(file.string()));
        } else {
          message.content.emplace_back(std::string(part.at("text").as_string()));
        }
      }
    }
    request.messages.push_back(std::move(message));
  }
  if (const auto* pixels = golden.if_contains("min_pixels"))
    request.min_pixels = pixels->as_int64();
  if (const auto* pixels = golden.if_contains("max_pixels"))
    request.max_pixels = pixels->as_int64();
  return request;
}

inline std::vector<std::int32_t> ids(const boost::json::value& list) {
  std::vector<std::int32_t> result;
  for (const auto& item : list.as_array()) {
    result.push_back(static_cast<std::int32_t>(item.as_int64()));
  }
  return result;
}

/// The tokens of a case as a model reads them: the prompt's or, of an encoder-decoder, those of its
/// encoder followed by the decoder's first.
inline std::vector<std::int32_t> prompt_ids(const boost::json::object& golden) {
  std::vector<std::int32_t> tokens = ids(golden.at("input_ids"));
  if (const auto* more = golden.if_contains("decoder_input_ids")) {
    const std::vector<std::int32_t> first = ids(*more);
    tokens.insert(tokens.end(), first.begin(), first.end());
  }
  return tokens;
}

inline std::vector<float> values(const HostTensor& tensor) {
  std::vector<float> result(tensor.shape.elements());
  std::memcpy(result.data(), tensor.data, tensor.bytes());
  return result;
}

/// The largest deviation, relative to the largest magnitude wanted.
inline double deviation(const std::vector<float>& found, const std::vector<float>& wanted) {
  if (found.size() != wanted.size()) return INFINITY;
  double largest = 0.0;
  double off = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(wanted[i])));
    const double difference = std::abs(static_cast<double>(found[i]) - wanted[i]);
    off = std::isnan(difference) ? INFINITY : std::max(off, difference);
  }
  return off / largest;
}

}  // namespace saccade::goldens
