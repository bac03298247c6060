#include "cli/reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace saccade::cli {
namespace {

using testing::HasSubstr;

ModelInfo sample_model() {
  ModelInfo info;
  info.directory = "/models/tiny";
  info.family = "qwen2_5_vl";
  info.parts = {{"vision tower", "2 layers, hidden 16", 1'500'000, 3'000'000, {"bf16"}},
                {"decoder", "4 layers, hidden 24", 9'750'000, 39'000'000, {"bf16", "f32"}}};
  info.parameters = 11'250'000;
  info.bytes = 42'000'000;
  info.vocab_size = 4096;
  info.context_length = 32768;
  info.kv_bytes_per_token = 2048;
  return info;
}

TEST(InspectReport, ShowsPartsAndTotals) {
  EXPECT_EQ(inspect_text(sample_model()),
            "directory   /models/tiny\n"
            "family      qwen2_5_vl\n"
            "context     32,768 tokens\n"
            "vocabulary  4,096 tokens\n"
            "KV cache    2.00 KiB a token, 64.0 MiB for the whole context\n"
            "\n"
            "part          parameters     bytes  dtype\n"
            "vision tower      1.50 M  2.86 MiB  bf16       2 layers, hidden 16\n"
            "decoder           9.75 M  37.2 MiB  bf16, f32  4 layers, hidden 24\n"
            "total             11.2 M  40.1 MiB\n");
}

TEST(InspectReport, ShowsWhatLayersRemember) {
  ModelInfo info = sample_model();
  info.state_bytes_per_sequence = 50LL << 20;
  EXPECT_THAT(inspect_text(info), HasSubstr("recurrent state  50.0 MiB a sequence\n"));
  EXPECT_EQ(inspect_json(info).at("state_bytes_per_sequence"), 50LL << 20);
}

TEST(InspectReport, ShowsWhatIsDoneOtherwise) {
  ModelInfo info = sample_model();
  EXPECT_THAT(inspect_text(info), testing::Not(HasSubstr("note")));
  info.notes = {"no beams"};
  EXPECT_THAT(inspect_text(info), HasSubstr("note"));
  EXPECT_EQ(inspect_json(info).at("notes"), boost::json::parse(R"(["no beams"])"));
}

TEST(InspectReport, JsonIsExact) {
  const boost::json::object object = inspect_json(sample_model());
  EXPECT_EQ(object.at("parameters"), 11'250'000);
  EXPECT_EQ(object.at("parts").at(1).at("bytes"), 39'000'000);
  EXPECT_EQ(object.at("parts").at(1).at("dtypes"), boost::json::parse(R"(["bf16", "f32"])"));
  EXPECT_EQ(object.at("parts").at(0).at("dtypes"), boost::json::parse(R"(["bf16"])"));
  EXPECT_EQ(object.at("kv_bytes_per_token"), 2048);
}

TEST(DevicesReport, ShowsUsedAndBuiltInstructionSets) {
  DeviceInfo info{"cpu",      "Some Processor", 8, "avx2", {"avx512", "avx2", "scalar"},
                  16LL << 30, 4LL << 30};
  EXPECT_EQ(devices_text({info}),
            "device           cpu\n"
            "processor        Some Processor\n"
            "cores            8\n"
            "instruction set  avx2 in use, of avx512, avx2, scalar built\n"
            "memory           16.0 GiB, 4.00 GiB available\n");
  const boost::json::object object = devices_json({info});
  EXPECT_EQ(object.at("devices").at(0).at("instruction_set"), "avx2");
  EXPECT_EQ(object.at("devices").at(0).at("memory_bytes"), 16LL << 30);
}

DeviceInfo sample_gpu() {
  return {"cuda:0",    "Some GPU", 132, "compute capability 9.0", {"compute capability 9.0"},
          140LL << 30, 139LL << 30};
}

TEST(DevicesReport, ShowsWhatAGpuHas) {
  const DeviceInfo cpu{"cpu", "Some Processor", 1, "avx2", {"avx2"}, 16LL << 30, 4LL << 30};
  EXPECT_EQ(devices_text({cpu, sample_gpu()}),
            "device           cpu\n"
            "processor        Some Processor\n"
            "cores            1\n"
            "instruction set  avx2 in use, of avx2 built\n"
            "memory           16.0 GiB, 4.00 GiB available\n"
            "\n"
            "device           cuda:0\n"
            "processor        Some GPU\n"
            "multiprocessors  132\n"
            "architecture     compute capability 9.0\n"
            "memory           140 GiB, 139 GiB available\n");
  const boost::json::object object = devices_json({cpu, sample_gpu()});
  EXPECT_EQ(object.at("devices").as_array().size(), 2U);
  EXPECT_EQ(object.at("devices").at(1).at("multiprocessors"), 132);
  EXPECT_EQ(object.at("devices").at(1).at("architecture"), "compute capability 9.0");
  EXPECT_FALSE(object.at("devices").at(1).as_object().contains("cores"));
}

TEST(DevicesReport, NamesThreadsForWhatTheyAre) {
  EXPECT_EQ(device_powers(sample_gpu()), "compute capability 9.0, 132 multiprocessors");
  EXPECT_EQ(device_powers({"cpu", "Some Processor", 1, "avx2", {}, 0, 0}), "avx2, 1 thread");
  EXPECT_EQ(device_powers({"cpu", "Some Processor", 2, "avx2", {}, 0, 0}), "avx2, 2 threads");
}

TokenReport sample_tokens() {
  TokenReport report;
  report.math = {{{"image 1 (cat.jpg)", "640x480 -> 644x476", 391},
                  {"user prompt", "", 5},
                  {"chat template", "", 14}},
                 410,
                 391,
                 1000,
                 590,
                 1024};
  report.max_tokens = 1024;
  return report;
}

TEST(TokensReport, ShowsPartsContextAndMemory) {
  EXPECT_EQ(tokens_text(sample_tokens()),
            "part               size                tokens   share\n"
            "image 1 (cat.jpg)  640x480 -> 644x476     391  95.4 %\n"
            "user prompt                                 5   1.2 %\n"
            "chat template                              14   3.4 %\n"
            "total                                     410\n"
            "\n"
            "context   41.0 % of 1,000 tokens\n"
            "KV cache  410 KiB for the prompt, 1000 KiB with 590 tokens of answer\n");
}

TEST(TokensReport, SaysWhenThereIsNoRoom) {
  TokenReport report = sample_tokens();
  report.math.context_length = 400;
  report.math.answer_limit = 0;
  EXPECT_THAT(tokens_text(report), HasSubstr("102.5 % of 400 tokens: no room for an answer"));
}

TEST(TokensReport, PredictsFromAMeasurement) {
  TokenReport report = sample_tokens();
  Measurement measurement{{"cpu", "Some Processor", 2, "avx2"}, {410, 391, 32}, {}};
  measurement.timings.ttft_ms = 500.0;
  measurement.timings.decode_tokens_per_second = 10.0;
  report.measurement = measurement;
  EXPECT_DOUBLE_EQ(report.predicted_ms(), 500.0 + 589 * 100.0) << "limited by the context";
  EXPECT_THAT(tokens_text(report), HasSubstr("500 ms to the first token, 59.4 s for 590 tokens"));
  EXPECT_EQ(tokens_json(report).at("predicted").at("answer_tokens"), 590);
  report.measurement->timings.decode_tokens_per_second = 0.0;
  EXPECT_DOUBLE_EQ(report.predicted_ms(), 500.0) << "an answer of one token has no rate";
}

TEST(TokensReport, JsonHasNoMeasurementThatWasNotMade) {
  const boost::json::object object = tokens_json(sample_tokens());
  EXPECT_FALSE(object.contains("measured"));
  EXPECT_EQ(object.at("prompt_kv_bytes"), 410 * 1024);
  EXPECT_EQ(object.at("parts").at(0).at("tokens"), 391);
}

}  // namespace
}  // namespace saccade::cli
