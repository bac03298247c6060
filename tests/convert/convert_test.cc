// saccade::convert to MLX directories: names, formats, round trips, and what is left behind.
#include "saccade/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>

#include "checkpoint/mlx_names.h"
#include "checkpoint/safetensors.h"
#include "checkpoints.h"
#include "tensor/dequantize.h"
#include "tensor/quantize.h"

namespace saccade::conversion {
namespace {

using checkpoint::Checkpoint;
using testing::ElementsAre;
using testing::HasSubstr;

/// The model whose matrices are wide enough for groups.
const std::string kWide = glance();

template <typename Action>
void expect_error(Action action, const std::string& text) {
  try {
    action();
    FAIL() << "no error; wanted one about " << text;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(text));
  }
}

TEST(ConvertMlx, EveryFamilyComesBackBitForBit) {
  for (const auto& [family, name] : all_goldens()) {
    SCOPED_TRACE(family + "/" + name);
    const TemporaryDirectory folder;
    const Checkpoint source(golden(family, name));
    convert(golden(family, name), folder.file("mlx"), {.threads = 1});
    const Checkpoint copy(folder.file("mlx"));
    const checkpoint::MlxNames names = checkpoint::mlx_names(source.config());
    std::size_t compared = 0;
    std::size_t counters = 0;  // of training, in whole numbers
    for (const auto& [tensor, info] : source.tensors()) {
      counters += tensor.ends_with("num_batches_tracked");
      const std::string back =
          checkpoint::from_mlx_name(names, checkpoint::to_mlx_name(names, tensor));
      if (!copy.has(back)) continue;  // a tied output layer
      ++compared;
      EXPECT_EQ(copy.info(back).type, info.type) << tensor;
      EXPECT_EQ(copy.info(back).shape, info.shape) << tensor;
      const HostTensor a = source.tensor(tensor);
      const HostTensor b = copy.tensor(back);
      ASSERT_EQ(a.bytes(), b.bytes()) << tensor;
      EXPECT_EQ(std::memcmp(a.data, b.data, a.bytes()), 0) << tensor;
    }
    EXPECT_GE(compared + counters + 1, source.tensors().size());
    EXPECT_EQ(compared, copy.tensors().size());
    EXPECT_EQ(copy.config(), source.config());
    EXPECT_TRUE(copy.optional_text("tokenizer.json").has_value());
  }
}

TEST(ConvertMlx, NamesAreMlxs) {
  const TemporaryDirectory folder;
  convert(kWide, folder.file("mlx"), {.quantize = "4", .group_size = 32});
  const checkpoint::SafetensorsFile file(folder.file("mlx") + "/model.safetensors");
  EXPECT_EQ(file.format(), "mlx");
  const auto& entries = file.entries();
  for (const char* name :
       {"language_model.model.embed_tokens.scales",
        "language_model.model.layers.0.self_attn.q_proj.weight",
        "language_model.model.layers.0.self_attn.q_proj.bias", "language_model.model.norm.weight",
        "vision_tower.patch_embed.proj.weight", "vision_tower.merger.mlp.0.weight"}) {
    EXPECT_TRUE(entries.contains(name)) << name;
  }
  EXPECT_FALSE(entries.contains("vision_tower.merger.mlp.0.scales")) << "towers stay";
  const Shape kernel = entries.at("vision_tower.patch_embed.proj.weight").shape;
  EXPECT_EQ(kernel[4], 3);
  EXPECT_EQ(kernel[1], 2);
  const Checkpoint copy(folder.file("mlx"));
  const auto& config = copy.config().as_object();
  const boost::json::object wanted{{"group_size", 32}, {"bits", 4}, {"mode", "affine"}};
  EXPECT_EQ(config.at("quantization"), boost::json::value(wanted));
  EXPECT_EQ(config.at("quantization_config"), config.at("quantization"));
  const boost::json::value index =
      read_json_file(folder.file("mlx") + "/model.safetensors.index.json");
  EXPECT_EQ(index.at("weight_map").as_object().size(), entries.size());
}

TEST(ConvertMlx, EveryFormatIsWhatTheQuantizerMakes) {
  const Checkpoint source(kWide);
  const std::string name = "model.layers.0.mlp.gate_proj.weight";
  const std::vector<float> values = values_of(source, name);
  const Shape shape = source.info(name).shape;
  ThreadPool threads(1);
  for (const char* type : {"2", "3", "4", "5", "6", "8", "mxfp4", "mxfp8", "nvfp4"}) {
    SCOPED_TRACE(type);
    const TemporaryDirectory folder;
    ConvertOptions options{.quantize = type};
    const bool affine = std::isdigit(type[0]) != 0;
    if (affine) options.group_size = 32;
    const ConvertResult result = convert(kWide, folder.file("mlx"), options);
    EXPECT_GT(result.quantized, 0);
    const Checkpoint copy(folder.file("mlx"));
    const std::vector<HostMatrix> parts = copy.matrix(name);
    ASSERT_EQ(parts.size(), 1u);
    ASSERT_TRUE(parts[0].format.quantized());
    const QuantizedRows rows =
        quantize_rows(parts[0].format, values.data(), shape[0], shape[1], threads);
    EXPECT_EQ(std::memcmp(rows.data.data(), parts[0].data, rows.data.size()), 0);
    EXPECT_EQ(std::memcmp(rows.scales.data(), parts[0].scales, rows.scales.size()), 0);
    if (affine) {
      EXPECT_EQ(std::memcmp(rows.offsets.data(), parts[0].offsets, rows.offsets.size()), 0);
    }
    // Once more: the same codes, whether asked for or not.
    for (const ConvertOptions& again : {ConvertOptions{}, options}) {
      const TemporaryDirectory second;
      const ConvertResult kept = convert(folder.file("mlx"), second.file("mlx"), again);
      EXPECT_EQ(kept.kept_codes, kept.quantized);
      const checkpoint::SafetensorsFile a(folder.file("mlx") + "/model.safetensors");
      const checkpoint::SafetensorsFile b(second.file("mlx") + "/model.safetensors");
      ASSERT_EQ(a.entries().size(), b.entries().size());
      for (const auto& [tensor, entry] : a.entries()) {
        EXPECT_EQ(std::memcmp(a.get(tensor).data, b.get(tensor).data, a.get(tensor).bytes), 0)
            << tensor;
      }
    }
    // And back to plain numbers.
    const TemporaryDirectory plain;
    convert(folder.file("mlx"), plain.file("mlx"), {.dtype = "f32"});
    EXPECT_EQ(values_of(Checkpoint(plain.file("mlx")), name), values_of(copy, name));
  }
}

TEST(ConvertMlx, MixedKeepsWhatSuffersMost) {
  const TemporaryDirectory folder;
  convert(kWide, folder.file("mlx"), {.quantize = "4", .group_size = 32, .mixed = true});
  const Checkpoint copy(folder.file("mlx"));
  EXPECT_EQ(copy.info("model.embed_tokens.weight").type, "6-bit (groups of 32)");
  EXPECT_EQ(copy.info("model.layers.2.self_attn.v_proj.weight").type, "6-bit (groups of 32)");
  EXPECT_EQ(copy.info("model.layers.4.mlp.down_proj.weight").type, "6-bit (groups of 32)");
  EXPECT_EQ(copy.info("model.layers.1.self_attn.v_proj.weight").type, "4-bit (groups of 32)");
  EXPECT_EQ(copy.info("model.layers.0.self_attn.q_proj.weight").type, "4-bit (groups of 32)");
  const auto& quantization = copy.config().at("quantization").as_object();
  EXPECT_EQ(quantization.at("bits"), 4);
  EXPECT_EQ(quantization.at("language_model.model.embed_tokens").at("bits"), 6);
}

TEST(ConvertMlx, TowersWhenAsked) {
  const TemporaryDirectory folder;
  convert(kWide, folder.file("mlx"), {.quantize = "8", .group_size = 32, .quantize_towers = true});
  const Checkpoint copy(folder.file("mlx"));
  EXPECT_EQ(copy.info("visual.merger.mlp.0.weight").type, "8-bit (groups of 32)");
  EXPECT_EQ(copy.info("visual.patch_embed.proj.weight").shape,
            Checkpoint(kWide).info("visual.patch_embed.proj.weight").shape);
}

TEST(ConvertMlx, OptionsThatMakeNoSense) {
  const TemporaryDirectory folder;
  const auto with = [&](const ConvertOptions& options) {
    return [&folder, options] { convert(kWide, folder.file("mlx"), options); };
  };
  expect_error(with({.quantize = "7"}), "found \"7\"");
  expect_error(with({.quantize = "q4_k"}), ".gguf");
  expect_error(with({.quantize = "4", .group_size = 48}), "--group-size");
  expect_error(with({.quantize = "mxfp4", .group_size = 64}), "--group-size");
  expect_error(with({.quantize = "8", .mixed = true}), "--mixed");
  expect_error(with({.mixed = true}), "--mixed needs --quantize");
  expect_error(with({.dtype = "int8"}), "--dtype");
  expect_error(
      [&] {
        convert(golden("qwen2_5_vl", "saved_f32"), folder.file("mlx"),
                {.quantize = "4", .group_size = 128});
      },
      "--group-size");
  expect_error([&] { convert(folder.file("nothing"), folder.file("mlx")); }, "nothing");
  expect_error([&] { convert(kWide, folder.path().string()); }, "is there already");
  expect_error([&] { convert(kWide, folder.file("no/such/folder/mlx")); }, "no/such/folder");
  EXPECT_THAT(names_in(folder.path()), ElementsAre());
}

TEST(ConvertMlx, FullDisksAndCancellingLeaveNothing) {
  struct Stop : ConvertListener {
    void on_progress(std::int64_t done, std::int64_t total) override {
      if (done > total / 2) throw 7;
    }
  };
  const TemporaryDirectory folder;
  Stop stop;
  EXPECT_THROW(convert(kWide, folder.file("mlx"), {}, &stop), int);
  EXPECT_THAT(names_in(folder.path()), ElementsAre());
  // A file may grow no further than half of what is needed.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 100'000;
  setrlimit(RLIMIT_FSIZE, &small);
  expect_error([&] { convert(kWide, folder.file("mlx")); }, "no room");
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(names_in(folder.path()), ElementsAre());
}

/// The largest deviation of a converted layout's weights, of the largest weight.
double converted_deviation(const std::string& layout) {
  const std::filesystem::path source =
      std::filesystem::path(SACCADE_SOURCE_DIR) / "tests/goldens/quantization/layouts" / layout;
  const TemporaryDirectory scratch;
  const std::string to = scratch.file("converted");
  convert(source.string(), to, {.quantize = "4"});
  const checkpoint::Checkpoint converted(to);
  const checkpoint::Checkpoint original(source);
  const HostTensor found = converted.tensor("proj.weight");
  const HostTensor wanted = original.tensor("proj.weight");
  double largest = 0.0, off = 0.0;
  for (std::int64_t i = 0; i < wanted.shape.elements(); ++i) {
    const double value = float_at(wanted.data, wanted.dtype, i);
    largest = std::max(largest, std::abs(value));
    off = std::max(off, std::abs(float_at(found.data, found.dtype, i) - value));
  }
  return off / largest;
}

TEST(ConvertMlx, IntegerLayoutsKeepTheirCodes) {
  EXPECT_EQ(converted_deviation("packed_int4"), 0.0) << "the middle code is an exact offset";
  // Other offsets are rounded to the type of the scales, f16 and bf16.
  EXPECT_LT(converted_deviation("awq"), 1e-3);
  EXPECT_LT(converted_deviation("gptq"), 1e-3);
  EXPECT_LT(converted_deviation("packed_int4_zeros"), 1e-2);
  // Groups that are not runs of inputs cannot stay, so these are quantized once more.
  EXPECT_LT(converted_deviation("gptq_act_order"), 0.1);
}

}  // namespace
}  // namespace saccade::conversion
