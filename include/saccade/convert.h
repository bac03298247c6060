// Writing a model in another format or precision.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "saccade/error.h"

namespace saccade {

struct ConvertOptions {
  /// What Linear and Embedding weights become: "2", "3", "4", "5", "6", "8" bits in groups,
  /// "mxfp4", "mxfp8" or "nvfp4" in an MLX directory; "q8_0", "q4_k", ... in a .gguf file. Empty:
  /// they keep their precision, and quantized ones their codes where the destination can hold them.
  std::string quantize;
  std::optional<std::int64_t> group_size;  ///< 32, 64 (usual) or 128 weights; for bits in groups
  /// A higher width for the weights that suffer most: the output layer, embeddings, and in some of
  /// the layers v_proj and down_proj.
  bool mixed = false;
  bool quantize_towers = false;  ///< vision towers and projectors too
  std::string dtype;             ///< "f32", "f16" or "bf16" of the rest; empty: as it is
  int threads = 0;               ///< 0: one for each core
};

struct ConvertResult {
  std::string path;                   ///< what was written
  std::string projector_path;         ///< the mmproj file beside a .gguf one, or empty
  std::int64_t source_bytes = 0;      ///< of all weights
  std::int64_t bytes = 0;             ///< likewise, as written
  std::int64_t parameters = 0;        ///< weights
  std::int64_t quantized = 0;         ///< matrices written in a quantized format
  std::int64_t kept_codes = 0;        ///< of these: with exactly the codes they had
  std::int64_t left_unquantized = 0;  ///< matrices whose rows the format does not divide
};

/// Follows a conversion.
class ConvertListener {
 public:
  virtual ~ConvertListener() = default;
  /// After every few million weights, in bytes of the source. May throw: nothing is left behind.
  virtual void on_progress(std::int64_t /*done*/, std::int64_t /*total*/) {}
};

/// Writes a model (a directory, a .gguf file, "glance" or ORG/NAME) as an MLX directory or, when
/// `destination` ends in .gguf, as a GGUF file with its vision tower in mmproj-NAME.gguf beside it.
/// The destination must not exist; it appears complete or not at all. Memory stays under 1 GiB
/// whatever the size. Throws Error.
ConvertResult convert(const std::string& model, const std::string& destination,
                      const ConvertOptions& options = {}, ConvertListener* listener = nullptr);

}  // namespace saccade
