// Qwen3.5: what its configuration may say, and what is refused by name.
#include "changed_config.h"
#include "compute/cpu/cpu_device.h"

namespace saccade::models {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class Qwen35Config : public ChangedConfig {
 protected:
  void load_weights() {
    const checkpoint::Checkpoint checkpoint = open();
    compute::cpu::CpuDevice device({1, {}});
    load_model(checkpoint, device, {});
  }
};

TEST_F(Qwen35Config, WhatIsNotImplementedIsRefusedByName) {
  const std::tuple<const char*, boost::json::value, const char*> changes[] = {
      {"attn_output_gate", false, "attn_output_gate false is not supported"},
      {"mamba_ssm_dtype", "bfloat16", "mamba_ssm_dtype \"bfloat16\" is not supported"},
      {"hidden_act", "mish", "hidden_act \"mish\""},
      {"layer_types", {"linear_attention"}, "layer_types must list 5 layers"},
      {"layer_types",
       {"full_attention", "mamba", "full_attention", "full_attention", "full_attention"},
       "layer_types: \"mamba\" is not supported"}};
  for (const auto& [key, value, message] : changes) {
    use("qwen3_5/saved_f32");
    text()[key] = value;
    expect_refusal(message);
  }
  use("qwen3_5/saved_f32");
  vision()["deepstack_visual_indexes"] = {0};
  expect_refusal("deepstack_visual_indexes is not supported for qwen3_5");
}

TEST_F(Qwen35Config, HostileSizesAreRefused) {
  for (const char* key :
       {"linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim",
        "linear_value_head_dim", "linear_conv_kernel_dim", "shared_expert_intermediate_size",
        "num_experts", "num_experts_per_tok", "moe_intermediate_size"}) {
    for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-4}, std::int64_t{1} << 40}) {
      use("qwen3_5_moe/saved_f32");
      text()[key] = value;
      expect_refusal(key);
    }
  }
  use("qwen3_5/saved_f32");
  text()["linear_num_value_heads"] = 5;
  expect_refusal("linear_num_value_heads 5 is not a multiple of linear_num_key_heads 2");
  use("qwen3_5/interval_bf16");
  text()["full_attention_interval"] = 0;
  expect_refusal("full_attention_interval");
}

TEST_F(Qwen35Config, LayersFollowTheIntervalOrTheList) {
  use("qwen3_5/interval_bf16");
  EXPECT_EQ(load().kv_layout.layers.size(), 2U);
  EXPECT_EQ(load().state_layout.num_layers, 4);
  text().erase("full_attention_interval");  // every fourth
  EXPECT_EQ(load().kv_layout.layers.size(), 1U);
  EXPECT_EQ(load().state_layout.num_layers, 5);
  use("qwen3_5/saved_f32");
  EXPECT_EQ(load().kv_layout, (compute::KvLayout{2, 1, 16}));
  EXPECT_EQ(load().state_layout, (compute::StateLayout{3, 4, 8, 10, 4, 2 * 2 * 8 + 4 * 10}));
}

TEST_F(Qwen35Config, RotaryPartsAreReadWhereTheyCount) {
  use("qwen3_5/saved_f32");
  auto& rope = text().at("rope_parameters").as_object();
  rope.erase("partial_rotary_factor");
  // The one beside it, a quarter of 16, has two frequencies.
  expect_refusal("must be three numbers that add up to half the head size, 2");
  text().erase("partial_rotary_factor");  // a quarter as well
  expect_refusal("must be three numbers that add up to half the head size, 2");
  rope["partial_rotary_factor"] = 0.3;
  expect_refusal("must be three numbers that add up to half the head size, 2");
  rope["partial_rotary_factor"] = 1.5;
  expect_refusal("partial_rotary_factor 1.5 is not supported");
}

TEST_F(Qwen35Config, WeightsOfOtherSizesAreNamed) {
  const std::tuple<const char*, std::int64_t, const char*> changes[] = {
      {"linear_conv_kernel_dim", 3, "linear_attn.conv1d.weight"},
      {"linear_value_head_dim", 12, "linear_attn.in_proj_qkv.weight"},
      {"num_attention_heads", 4, "self_attn.q_proj.weight"}};
  for (const auto& [key, value, tensor] : changes) {
    use("qwen3_5/saved_f32");
    text()[key] = value;
    EXPECT_THAT([&] { load_weights(); }, ThrowsMessage<Error>(HasSubstr(tensor)));
  }
  use("qwen3_5_moe/saved_f32");
  text()["shared_expert_intermediate_size"] = 13;
  EXPECT_THAT([&] { load_weights(); },
              ThrowsMessage<Error>(HasSubstr("mlp.shared_expert.gate_proj")));
}

TEST_F(Qwen35Config, MlxsLayoutIsRefused) {
  use("qwen3_5/saved_f32");
  std::string file = read_text_file(directory_.path() / "model.safetensors");
  const std::string shape = "[72,1,4]";
  const std::size_t at = file.find(shape);
  ASSERT_NE(at, std::string::npos);
  file.replace(at, shape.size(), "[72,4,1]");
  directory_.write("model.safetensors", file);
  EXPECT_THAT([&] { load_weights(); },
              ThrowsMessage<Error>(HasSubstr("layers.0.linear_attn.conv1d.weight has shape "
                                             "[72, 4, 1], as MLX stores it")));
}

TEST_F(Qwen35Config, ExpertsNeedNoIntermediateSize) {
  use("qwen3_5_moe/saved_f32");
  text().erase("intermediate_size");
  EXPECT_NO_THROW(load_weights());
  use("qwen3_5/saved_f32");
  text().erase("intermediate_size");
  expect_refusal("\"intermediate_size\" is missing");
}

}  // namespace
}  // namespace saccade::models
