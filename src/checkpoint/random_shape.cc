#include "checkpoint/random_shape.h"

#include "base/error.h"

namespace saccade::checkpoint {
namespace {

constexpr std::int64_t kPatch = 14;
constexpr std::int64_t kFrames = 2;  // of a patch

const std::vector<RandomShape>& shapes() {
  static const std::vector<RandomShape> kShapes = {
      {"qwen2.5-vl-7b", 28, 3584, 18944, 28, 4, 152064, false},
      {"qwen2.5-vl-3b", 36, 2048, 11008, 16, 2, 151936, true},
      {"0.5b", 24, 896, 4864, 14, 2, 151936, true},
      // A decoder as small as may be under the tower of the 3B model.
      {"tower", 1, 2048, 256, 16, 2, 1024, true},
      // To see whether everything works; its figures mean nothing.
      {"tiny", 2, 64, 128, 2, 1, 512, true, 2, 64, 128, 2, {1}},
  };
  return kShapes;
}

/// Collects tensors of modules that have a weight and perhaps a bias.
class Tensors {
 public:
  void weight(const std::string& name, const Shape& shape) {
    list_.push_back({name + ".weight", shape});
  }
  void linear(const std::string& name, std::int64_t outputs, std::int64_t inputs, bool bias) {
    weight(name, {outputs, inputs});
    if (bias) list_.push_back({name + ".bias", {outputs}});
  }
  std::vector<NamedShape> take() { return std::move(list_); }

 private:
  std::vector<NamedShape> list_;
};

void add_decoder(Tensors& tensors, const RandomShape& shape) {
  const std::int64_t kv = shape.hidden / shape.heads * shape.kv_heads;
  tensors.weight("model.embed_tokens", {shape.vocab, shape.hidden});
  for (int i = 0; i < shape.layers; ++i) {
    const std::string layer = fmt::format("model.layers.{}.", i);
    tensors.weight(layer + "input_layernorm", {shape.hidden});
    tensors.weight(layer + "post_attention_layernorm", {shape.hidden});
    tensors.linear(layer + "self_attn.q_proj", shape.hidden, shape.hidden, true);
    tensors.linear(layer + "self_attn.k_proj", kv, shape.hidden, true);
    tensors.linear(layer + "self_attn.v_proj", kv, shape.hidden, true);
    tensors.linear(layer + "self_attn.o_proj", shape.hidden, shape.hidden, false);
    tensors.linear(layer + "mlp.gate_proj", shape.inner, shape.hidden, false);
    tensors.linear(layer + "mlp.up_proj", shape.inner, shape.hidden, false);
    tensors.linear(layer + "mlp.down_proj", shape.hidden, shape.inner, false);
  }
  tensors.weight("model.norm", {shape.hidden});
  if (!shape.tied) tensors.weight("lm_head", {shape.vocab, shape.hidden});
}

void add_tower(Tensors& tensors, const RandomShape& shape) {
  const std::int64_t hidden = shape.tower_hidden;
  tensors.weight("visual.patch_embed.proj", {hidden, 3, kFrames, kPatch, kPatch});
  for (int i = 0; i < shape.tower_depth; ++i) {
    const std::string block = fmt::format("visual.blocks.{}.", i);
    tensors.weight(block + "norm1", {hidden});
    tensors.weight(block + "norm2", {hidden});
    tensors.linear(block + "attn.qkv", 3 * hidden, hidden, true);
    tensors.linear(block + "attn.proj", hidden, hidden, true);
    tensors.linear(block + "mlp.gate_proj", shape.tower_inner, hidden, true);
    tensors.linear(block + "mlp.up_proj", shape.tower_inner, hidden, true);
    tensors.linear(block + "mlp.down_proj", hidden, shape.tower_inner, true);
  }
  tensors.weight("visual.merger.ln_q", {hidden});
  tensors.linear("visual.merger.mlp.0", 4 * hidden, 4 * hidden, true);
  tensors.linear("visual.merger.mlp.2", shape.hidden, 4 * hidden, true);
}

}  // namespace

std::vector<std::string> random_shape_names() {
  std::vector<std::string> names;
  for (const RandomShape& shape : shapes()) names.push_back(shape.name);
  return names;
}

const RandomShape& random_shape(const std::string& name) {
  for (const RandomShape& shape : shapes()) {
    if (shape.name == name) return shape;
  }
  fail_usage("random: wanted {}, found \"{}\"", fmt::join(random_shape_names(), ", "), name);
}

std::vector<NamedShape> tensors_of(const RandomShape& shape) {
  Tensors tensors;
  add_decoder(tensors, shape);
  add_tower(tensors, shape);
  return tensors.take();
}

}  // namespace saccade::checkpoint
