// saccade::convert to GGUF files: read back to the same numbers, codes and tokenizer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "checkpoint/gguf.h"
#include "checkpoints.h"
#include "tensor/quantize.h"

namespace saccade::conversion {
namespace {

using checkpoint::Checkpoint;
using testing::ElementsAre;
using testing::HasSubstr;

/// Families that GGUF files have names for.
const char* const kFamilies[] = {"gemma3",   "gemma3_text", "idefics3", "internvl", "llama",
                                 "llava",    "mistral",     "mistral3", "qwen2",    "qwen2_5_vl",
                                 "qwen2_vl", "qwen3",       "qwen3_vl", "smolvlm"};

TEST(ConvertGguf, NumbersComeBack) {
  std::set<std::string> written;
  for (const auto& [family, name] : all_goldens()) {
    if (std::ranges::find(kFamilies, family) == std::end(kFamilies)) continue;
    SCOPED_TRACE(family + "/" + name);
    const TemporaryDirectory folder;
    try {
      convert(golden(family, name), folder.file("model.gguf"));
    } catch (const Error& error) {
      // Windows and layers that the format has no words for.
      EXPECT_THAT(error.what(), HasSubstr("a GGUF file"));
      EXPECT_THAT(error.what(), HasSubstr("cannot hold"));
      EXPECT_THAT(names_in(folder.path()), ElementsAre());
      continue;
    }
    written.insert(family);
    const Checkpoint source(golden(family, name));
    // The file keeps only what comes of such settings, and the reader knows those of published
    // models alone.
    const std::string config = boost::json::serialize(source.config());
    if (config.find("\"llama3\"") != std::string::npos &&
        config.find("\"original_max_position_embeddings\":8192") == std::string::npos) {
      continue;
    }
    const Checkpoint copy(folder.file("model.gguf"));
    // Names differ by layout, so tensors are told by what they hold.
    std::multiset<std::vector<float>> wanted;
    for (const auto& [tensor, info] : source.tensors()) wanted.insert(values_of(source, tensor));
    std::size_t missing = 0;
    for (const auto& [tensor, info] : copy.tensors()) {
      const auto found = wanted.find(values_of(copy, tensor));
      if (found == wanted.end()) {
        // Adding one and taking it away again may round.
        EXPECT_TRUE(tensor.find("norm") != std::string::npos && family.starts_with("gemma"))
            << tensor;
        ++missing;
      } else {
        wanted.erase(found);
      }
    }
    EXPECT_LE(wanted.size(), missing + 1) << "a tied output layer may be left out";
    const auto original = source.json("tokenizer.json").at("model").at("vocab").as_object();
    const auto vocabulary = copy.json("tokenizer.json").at("model").at("vocab").as_object();
    for (const auto& [token, id] : original) {
      EXPECT_EQ(vocabulary.at(token).to_number<int>(), id.to_number<int>());
    }
  }
  EXPECT_EQ(written.size(), std::size(kFamilies)) << "each family at least once";
}

TEST(ConvertGguf, EveryTypeAndItsCodesAgain) {
  const Checkpoint source(glance());
  const std::string name = "model.layers.0.self_attn.q_proj.weight";
  const std::vector<float> values = values_of(source, name);
  for (const char* type : {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k",
                           "q6_k", "iq4_nl", "iq4_xs", "mxfp4"}) {
    SCOPED_TRACE(type);
    const TemporaryDirectory folder;
    convert(glance(), folder.file("model.gguf"), {.quantize = type});
    EXPECT_THAT(names_in(folder.path()), ElementsAre("mmproj-model.gguf", "model.gguf"));
    const checkpoint::GgufFile file(folder.file("model.gguf"));
    const auto& entry = file.entry("blk.0.attn_q.weight");
    EXPECT_EQ(ggml_type_named(type), static_cast<GgmlType>(entry.type));
    ThreadPool threads(1);
    const Shape shape = source.info(name).shape;
    const QuantizedRows rows =
        quantize_rows(WeightFormat::blocks(static_cast<GgmlType>(entry.type)), values.data(),
                      shape[0], shape[1], threads);
    EXPECT_EQ(std::memcmp(rows.data.data(), file.data(entry), entry.bytes), 0);
    // The same codes when it is written once more.
    convert(folder.file("model.gguf"), folder.file("again.gguf"));
    const checkpoint::GgufFile again(folder.file("again.gguf"));
    EXPECT_EQ(
        std::memcmp(again.data(again.entry("blk.0.attn_q.weight")), file.data(entry), entry.bytes),
        0);
    // And, where MLX can hold them, there.
    convert(folder.file("model.gguf"), folder.file("mlx"));
    const Checkpoint mlx(folder.file("mlx"));
    const Checkpoint blocks(folder.file("model.gguf"));
    for (const auto& [tensor, info] : mlx.tensors()) {
      if (!tensor.ends_with("layers.0.self_attn.q_proj.weight")) continue;
      const std::vector<float> there = values_of(mlx, tensor);
      const std::vector<float> here =
          values_of(blocks, "model.language_model.layers.0.self_attn.q_proj.weight");
      if (info.type.find("bit") != std::string::npos || info.type == "mxfp4") {
        EXPECT_EQ(there, here);
      }
    }
  }
}

TEST(ConvertGguf, RowsThatAreNoWholeBlocksGetAnotherType) {
  const TemporaryDirectory folder;
  // The decoder's MLP is 640 wide.
  const ConvertResult result =
      convert(glance(), folder.file("model.gguf"), {.quantize = "q4_k", .mixed = true});
  EXPECT_GT(result.left_unquantized, 0);
  const checkpoint::GgufFile file(folder.file("model.gguf"));
  EXPECT_EQ(ggml_type_name(file.entry("blk.1.ffn_down.weight").type), "Q5_0");
  EXPECT_EQ(ggml_type_name(file.entry("blk.1.ffn_up.weight").type), "Q4_K");
  EXPECT_EQ(ggml_type_name(file.entry("token_embd.weight").type), "Q6_K");
}

TEST(ConvertGguf, WhatCannotBeLeavesNothing) {
  const TemporaryDirectory folder;
  const auto refused = [&](const std::string& source, const ConvertOptions& options,
                           const std::string& text) {
    try {
      convert(source, folder.file("model.gguf"), options);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(text));
    }
  };
  refused(golden("phi3", "saved_f32"), {}, "phi3");
  refused(glance(), {.quantize = "4"}, "q4_k");
  refused(glance(), {.quantize = "f16"}, "found \"f16\"");
  EXPECT_THAT(names_in(folder.path()), ElementsAre());
  folder.write("mmproj-model.gguf", "mine");
  refused(glance(), {}, "is there already");
  EXPECT_THAT(names_in(folder.path()), ElementsAre("mmproj-model.gguf"));
}

}  // namespace
}  // namespace saccade::conversion
