// The text files of a model that is named by its sizes.
#include <array>

#include "checkpoint/random_shape.h"

namespace saccade::checkpoint {
namespace json = boost::json;
namespace {

constexpr std::array kSpecial = {"<|endoftext|>",        "<|im_start|>",       "<|im_end|>",
                                 "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
                                 "<|box_end|>",          "<|quad_start|>",     "<|quad_end|>",
                                 "<|vision_start|>",     "<|vision_end|>",     "<|vision_pad|>",
                                 "<|image_pad|>",        "<|video_pad|>"};
constexpr int kImEnd = 2;
constexpr int kVisionStart = 9;
constexpr int kImagePad = 12;

constexpr const char* kTemplate =
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}{% if part.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Where the special tokens begin: as in Qwen2.5 if there is room, else after the bytes.
std::int64_t first_special(const RandomShape& shape) {
  constexpr std::int64_t kQwen = 151643;
  return shape.vocab >= kQwen + 26 ? kQwen : 256;
}

/// The character that stands for a byte (GPT-2's byte-level alphabet), in UTF-8.
std::string byte_character(int byte) {
  const auto kept = [](int b) {
    return (b >= 33 && b < 127) || (b >= 161 && b < 173) || (b >= 174 && b < 256);
  };
  int code_point = byte;
  if (!kept(byte)) {
    code_point = 256;
    for (int before = 0; before < byte; ++before) code_point += kept(before) ? 0 : 1;
  }
  if (code_point < 128) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 63))};
}

json::object vocabulary(const RandomShape& shape) {
  const std::int64_t first = first_special(shape);
  json::object tokens;
  tokens.reserve(shape.vocab);
  std::int64_t id = 0;
  for (; id < 256; ++id) tokens[byte_character(static_cast<int>(id))] = id;
  for (; id < first; ++id) tokens["word" + std::to_string(id)] = id;
  for (const char* special : kSpecial) tokens[special] = id++;
  for (; id < shape.vocab; ++id) tokens["[PAD" + std::to_string(id) + "]"] = id;
  return tokens;
}

}  // namespace

json::value config_of(const RandomShape& shape) {
  // Sections of a head's half for time, height and width, as Qwen2.5-VL divides its 64.
  const std::int64_t half = shape.hidden / shape.heads / 2;
  const std::int64_t first = first_special(shape);
  return {
      {"model_type", "qwen2_5_vl"},
      {"hidden_act", "silu"},
      {"hidden_size", shape.hidden},
      {"intermediate_size", shape.inner},
      {"num_attention_heads", shape.heads},
      {"num_key_value_heads", shape.kv_heads},
      {"num_hidden_layers", shape.layers},
      {"vocab_size", shape.vocab},
      {"max_position_embeddings", 128000},
      {"rms_norm_eps", 1e-6},
      {"rope_theta", 1e6},
      {"tie_word_embeddings", shape.tied},
      {"use_sliding_window", false},
      {"image_token_id", first + kImagePad},
      {"vision_start_token_id", first + kVisionStart},
      {"eos_token_id", first + kImEnd},
      {"rope_scaling",
       {{"type", "mrope"}, {"mrope_section", json::array{half / 4, half * 3 / 8, half * 3 / 8}}}},
      {"vision_config",
       {{"model_type", "qwen2_5_vl"},
        {"depth", shape.tower_depth},
        {"hidden_size", shape.tower_hidden},
        {"intermediate_size", shape.tower_inner},
        {"num_heads", shape.tower_heads},
        {"out_hidden_size", shape.hidden},
        {"patch_size", 14},
        {"spatial_merge_size", 2},
        {"temporal_patch_size", 2},
        {"in_chans", 3},
        {"window_size", 112},
        {"hidden_act", "silu"},
        {"fullatt_block_indexes",
         json::array(shape.full_attention_blocks.begin(), shape.full_attention_blocks.end())}}}};
}

json::value preprocessor_config_of(const RandomShape&) {
  return {{"min_pixels", 3136},
          {"max_pixels", 12845056},
          {"patch_size", 14},
          {"temporal_patch_size", 2},
          {"merge_size", 2},
          {"image_mean", {0.48145466, 0.4578275, 0.40821073}},
          {"image_std", {0.26862954, 0.26130258, 0.27577711}}};
}

json::value tokenizer_config_of(const RandomShape&) {
  return {{"chat_template", kTemplate}};
}

json::value tokenizer_of(const RandomShape& shape) {
  json::array added;
  std::int64_t id = first_special(shape);
  for (const char* special : kSpecial) {
    added.push_back(json::object{{"id", id++},
                                 {"content", special},
                                 {"single_word", false},
                                 {"lstrip", false},
                                 {"rstrip", false},
                                 {"normalized", false},
                                 {"special", true}});
  }
  const json::object byte_level{{"type", "ByteLevel"},
                                {"add_prefix_space", false},
                                {"trim_offsets", false},
                                {"use_regex", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"merges", json::array()},
            {"vocab", vocabulary(shape)}}}};
}

}  // namespace saccade::checkpoint
