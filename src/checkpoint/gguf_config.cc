#include "checkpoint/gguf_config.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "checkpoint/gguf_rope.h"
#include "checkpoint/gguf_vision_config.h"

namespace saccade::checkpoint {
namespace {

using boost::json::array;
using boost::json::object;

/// A count or a length under the architecture's name; an absent one is an error.
std::int64_t size_of(const GgufFile& file, const std::string& prefix, const char* key) {
  // No model is near this; it keeps what follows from the sizes in range.
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  const auto value = file.integer(prefix + key);
  if (!value) fail("{}: {}{} is missing", file.path().string(), prefix, key);
  if (*value < 1 || *value > kMost) {
    fail("{}: {}{} is {}; wanted 1 to {}", file.path().string(), prefix, key, *value, kMost);
  }
  return *value;
}

/// Rows of the embeddings: one for each token.
std::int64_t vocab_size(const GgufFile& file) {
  const Shape& shape = file.entry("token_embd.weight").shape;
  if (shape.rank() != 2) {
    fail("{}: tensor token_embd.weight has shape {}; wanted a matrix", file.path().string(),
         shape.text());
  }
  const std::size_t tokens = file.strings("tokenizer.ggml.tokens").size();
  if (tokens > 0 && std::cmp_not_equal(tokens, shape[0])) {
    fail("{}: tensor token_embd.weight has {} rows for the {} tokens of tokenizer.ggml.tokens",
         file.path().string(), shape[0], tokens);
  }
  return shape[0];
}

/// The family that computes as an architecture does where there are no pictures.
std::string text_model_type(const std::string& architecture) {
  if (architecture == "gemma3") return "gemma3_text";
  if (architecture == "mistral3") return "llama";
  if (architecture == "qwen2vl") return "qwen2";
  if (architecture == "qwen3vl") return "qwen3";
  return architecture;
}

/// Gemma scales embeddings by a number of the precision that the model is kept in. Quantized files
/// come from bf16.
const char* torch_dtype(const GgufFile& file) {
  switch (file.entry("token_embd.weight").type) {
    case static_cast<std::uint32_t>(GgmlType::kF32):
      return "float32";
    case static_cast<std::uint32_t>(GgmlType::kF16):
      return "float16";
    default:
      return "bfloat16";
  }
}

void add_gemma3(object& config, const GgufFile& file, const std::string& prefix) {
  config["sliding_window"] = size_of(file, prefix, "attention.sliding_window");
  config["sliding_window_pattern"] =
      file.integer(prefix + "attention.sliding_window_pattern").value_or(6);
  config["rope_local_base_freq"] = file.number(prefix + "rope.freq_base_swa").value_or(10000.0);
  config["hidden_activation"] = "gelu_pytorch_tanh";
  config["torch_dtype"] = torch_dtype(file);
  // Only the largest, of 62 layers, divides by the width of all heads together; the metadata do not
  // say so.
  const std::int64_t heads = config.at("num_attention_heads").as_int64();
  const bool largest = config.at("num_hidden_layers").as_int64() == 62;
  config["query_pre_attn_scalar"] =
      largest ? config.at("hidden_size").as_int64() / heads : config.at("head_dim").as_int64();
}

/// The decoder's sizes, as text_config or as the whole of config.json has them.
object text_config(const GgufFile& file, const std::string& architecture, bool with_pictures) {
  const std::string prefix = architecture + ".";
  object config;
  const std::string model_type = text_model_type(architecture);
  config["model_type"] = model_type;
  config["vocab_size"] = vocab_size(file);
  config["hidden_size"] = size_of(file, prefix, "embedding_length");
  config["intermediate_size"] = size_of(file, prefix, "feed_forward_length");
  config["num_hidden_layers"] = size_of(file, prefix, "block_count");
  const std::int64_t heads = size_of(file, prefix, "attention.head_count");
  config["num_attention_heads"] = heads;
  config["num_key_value_heads"] = file.integer(prefix + "attention.head_count_kv").value_or(heads);
  config["head_dim"] = file.integer(prefix + "attention.key_length")
                           .value_or(config.at("hidden_size").as_int64() / heads);
  const auto eps = file.number(prefix + "attention.layer_norm_rms_epsilon");
  if (!eps) {
    fail("{}: {}attention.layer_norm_rms_epsilon is missing", file.path().string(), prefix);
  }
  config["rms_norm_eps"] = *eps;
  config["max_position_embeddings"] = size_of(file, prefix, "context_length");
  config["tie_word_embeddings"] = !file.tensors().contains("output.weight");
  config["rope_theta"] = file.number(prefix + "rope.freq_base").value_or(10000.0);
  const auto has = [&](const char* tensor) { return file.tensors().contains(tensor); };
  config["attention_bias"] = has("blk.0.attn_q.bias") || has("blk.0.attn_output.bias");
  config["mlp_bias"] = has("blk.0.ffn_down.bias");
  if (model_type == "gemma3_text") add_gemma3(config, file, prefix);
  add_rope_scaling(config, file, prefix, with_pictures);
  return config;
}

/// Tokens that end an answer: those the file names, and those that end turns by their name.
array end_tokens(const GgufFile& file) {
  std::vector<std::int64_t> ids;
  for (const char* key : {"eos_token_id", "eot_token_id", "eom_token_id"}) {
    if (const auto id = file.integer(std::string("tokenizer.ggml.") + key)) ids.push_back(*id);
  }
  const std::vector<std::string_view> tokens = file.strings("tokenizer.ggml.tokens");
  for (const std::string_view name : {"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>",
                                      "<|endoftext|>", "<end_of_utterance>", "<|end|>"}) {
    const auto found = std::find(tokens.begin(), tokens.end(), name);
    if (found != tokens.end()) ids.push_back(found - tokens.begin());
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return array(ids.begin(), ids.end());
}

}  // namespace

std::string gguf_architecture(const GgufFile& model) {
  const auto architecture = model.string("general.architecture");
  if (!architecture) fail("{}: general.architecture is missing", model.path().string());
  if (*architecture == "clip") {
    fail("{}: an mmproj alone is no model; name the language model's file", model.path().string());
  }
  return std::string(*architecture);
}

std::map<std::string, boost::json::value> gguf_config_files(const GgufFile& model,
                                                            const GgufFile* mmproj) {
  const std::string architecture = gguf_architecture(model);
  std::map<std::string, boost::json::value> files;
  object text = text_config(model, architecture, mmproj != nullptr);
  if (const array ids = end_tokens(model); !ids.empty()) {
    files["generation_config.json"] = object{{"eos_token_id", ids}};
  }
  if (mmproj) {
    add_vision_files(files, std::move(text), model, *mmproj);
  } else {
    files["config.json"] = std::move(text);
  }
  return files;
}

}  // namespace saccade::checkpoint
