// The second stage of DeepSeek-OCR 2's encoder: layers of a language model in which learned
// queries, one after the other, read a view and become its tokens.
#pragma once

#include <string>
#include <vector>

#include "nn/decoder.h"

namespace saccade::models::deepseek_ocr2 {

/// Tokens of views by their size: as many queries as these are in the files, fixed by the model.
inline constexpr int kSmallViewTokens = 144;
inline constexpr int kLargeViewTokens = 256;

class QueryEncoder {
 public:
  /// Loads `prefix`query_768, `prefix`query_1024 and the layers below `prefix`model.model.
  QueryEncoder(const nn::DecoderConfig& config, nn::WeightLoader& weights,
               const std::string& prefix);

  /// views[i] f32 [rows, hidden_size] -> f32 [tokens of all views, hidden_size]. Rows of a view see
  /// each other, a query sees these and the queries up to itself.
  Tensor forward(nn::Device& device, const std::vector<Tensor>& views) const;

  /// Tokens of a view of so many rows.
  static int tokens(std::int64_t rows) {
    return rows <= kSmallViewTokens ? kSmallViewTokens : kLargeViewTokens;
  }

 private:
  nn::Decoder layers_;
  Tensor small_queries_;  // [kSmallViewTokens, hidden_size]
  Tensor large_queries_;  // [kLargeViewTokens, hidden_size]
};

}  // namespace saccade::models::deepseek_ocr2
