// What converted models answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoints.h"
#include "saccade/engine.h"

namespace saccade::conversion {
namespace {

/// The greedy answers to a golden's requests.
std::vector<std::vector<std::int32_t>> answers(const std::string& model,
                                               const std::string& golden_path,
                                               std::int64_t max_tokens = 8) {
  Engine engine = Engine::load(model, {.threads = 1});
  const boost::json::value cases = read_json_file(golden_path + "/cases.json");
  std::vector<std::vector<std::int32_t>> ids;
  for (const auto& item : cases.as_array()) {
    const Result result = engine.generate(goldens::greedy_request(item.as_object(), max_tokens));
    ids.emplace_back(result.token_ids.begin(), result.token_ids.end());
  }
  return ids;
}

TEST(ConvertedModel, AnswersAsTheOriginalDoes) {
  for (const auto& [family, name] : all_goldens()) {
    if (!std::filesystem::exists(golden(family, name) + "/cases.json")) continue;
    SCOPED_TRACE(family + "/" + name);
    std::vector<std::vector<std::int32_t>> wanted;
    try {
      wanted = answers(golden(family, name), golden(family, name));
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("is not a family")) << "goldens come first";
      continue;
    }
    const TemporaryDirectory folder;
    convert(golden(family, name), folder.file("mlx"));
    EXPECT_EQ(answers(folder.file("mlx"), golden(family, name)), wanted);
  }
}

TEST(ConvertedModel, QuantizedAnswersAsTheSameModelDequantized) {
  // The requests are those of any golden of the family.
  const std::string cases = golden("qwen2_5_vl", "saved_f32");
  for (const char* type : {"3", "4", "8", "mxfp4", "mxfp8", "nvfp4"}) {
    SCOPED_TRACE(type);
    const TemporaryDirectory folder;
    ConvertOptions options{.quantize = type};
    if (std::isdigit(type[0])) options.group_size = 32;
    convert(glance(), folder.file("quantized"), options);
    convert(folder.file("quantized"), folder.file("plain"), {.dtype = "f32"});
    EXPECT_EQ(answers(folder.file("quantized"), cases, 6), answers(folder.file("plain"), cases, 6));
  }
}

}  // namespace
}  // namespace saccade::conversion
