// Names of tensors in GGUF files and in the Hugging Face checkpoints they are made from.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::checkpoint {

/// What llama.cpp's converter does to a tensor besides naming it.
enum class GgufChange {
  kNone,
  kRotaryRows,  ///< each head's rows put pairwise: i and i + half next to each other
  kPlusOne,     ///< one added, as Gemma's norms count
  kConvFrames,  ///< a convolution over two frames, cut into two tensors: NAME and NAME.1
  kQueryPart,   ///< the first, second and third part of a map to queries, keys and values
  kKeyPart,
  kValuePart,
  kBare,    ///< the Hugging Face name is the whole name, without ".weight"
  kUnused,  ///< of no use, and not in the Hugging Face checkpoint
};

/// A module in both. "{}" stands for the number of a layer. `.weight` and `.bias` follow.
struct GgufName {
  std::string gguf;
  std::string hugging_face;
  GgufChange change = GgufChange::kNone;
};

/// The names of one architecture or projector: what comes earlier counts.
using GgufNames = std::vector<GgufName>;

/// The decoder of an architecture ("llama", "qwen2", ...), under "model." and "lm_head". Throws
/// Error for an architecture that is not known, naming those that are.
GgufNames gguf_text_names(std::string_view architecture);

/// The tower and projector of a projector type ("qwen2.5vl_merger", "mlp", ...), in the layout of
/// transformers 5. Throws Error for a type that is not known, naming those that are.
GgufNames gguf_vision_names(std::string_view projector);

/// A tensor's name taken apart against a table.
struct GgufMatch {
  const GgufName* entry = nullptr;
  std::optional<int> layer;
  std::string suffix;  ///< ".weight", ".bias" or empty
};
/// Finds the entry for a GGUF name, or nothing.
std::optional<GgufMatch> match_gguf_name(const GgufNames& names, std::string_view name);
/// Finds the entries for a Hugging Face name: one, or the three parts of a fused map.
std::vector<GgufMatch> match_hugging_face_name(const GgufNames& names, std::string_view name);

/// A module's name with its layer filled in and the suffix added.
std::string name_with_layer(std::string_view pattern, std::optional<int> layer,
                            std::string_view suffix);

}  // namespace saccade::checkpoint
