// saccade inspect, devices, families, formats and tokens.
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>

#include "base/json.h"
#include "model_copy.h"
#include "process.h"

namespace saccade::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

std::string text_of(const std::vector<std::string>& arguments) {
  const Outcome outcome = run_program(arguments);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

json::object json_of(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  return parse_json(text_of(arguments), "output").as_object();
}

TEST(Inspect, DescribesEachCheckpoint) {
  for (const char* name : {"saved_f32", "saved_f16", "nested_bf16", "saved_sharded_f32",
                           "published_3b", "published_7b_sharded"}) {
    const json::object info = json_of({"inspect", golden_model(name)});
    EXPECT_EQ(info.at("family"), "qwen2_5_vl");
    EXPECT_GT(info.at("context_length").as_int64(), 0);
    EXPECT_GT(info.at("kv_bytes_per_token").as_int64(), 0);
    std::int64_t parameters = 0;
    for (const json::value& part : info.at("parts").as_array()) {
      parameters += part.at("parameters").as_int64();
    }
    EXPECT_EQ(info.at("parameters").as_int64(), parameters) << name;
    EXPECT_THAT(text_of({"inspect", golden_model(name)}), HasSubstr("vision"));
  }
}

TEST(Devices, ShowsTheInstructionSetInUse) {
  const json::object devices = json_of({"devices"});
  const json::object& device = devices.at("devices").at(0).as_object();
  EXPECT_GT(device.at("cores").as_int64(), 0);
  EXPECT_GT(device.at("memory_bytes").as_int64(), 0);
  const std::string used(device.at("instruction_set").as_string());
  EXPECT_THAT(text_of({"devices"}), HasSubstr(used + " in use"));
  const Outcome forced = run_program(Invocation{{"devices"}, "", {"SACCADE_ISA=scalar"}, {}, ""});
  EXPECT_THAT(forced.out, HasSubstr("scalar in use"));
}

TEST(Tokens, PartsAddUpToThePromptOfARun) {
  const std::vector<std::string> question = {
      golden_model(), "What is beside the map?",       "--image",  golden_image("odd_61x97.png"),
      "--image",      golden_image("even_112x84.png"), "--system", "Be brief."};
  std::vector<std::string> tokens = question;
  tokens.insert(tokens.begin(), "tokens");
  std::vector<std::string> run = question;
  run.insert(run.begin(), "run");
  run.insert(run.end(), {"--max-tokens", "1"});
  const json::object counted = json_of(tokens);
  const json::object ran = json_of(run);
  EXPECT_EQ(counted.at("prompt_tokens"), ran.at("usage").at("prompt_tokens"));
  EXPECT_EQ(counted.at("image_tokens"), ran.at("usage").at("image_tokens"));
  std::int64_t sum = 0;
  for (const json::value& part : counted.at("parts").as_array()) {
    sum += part.at("tokens").as_int64();
  }
  EXPECT_EQ(counted.at("prompt_tokens").as_int64(), sum);
  const std::string text = text_of(tokens);
  for (const char* word : {"61x97 -> ", "112x84", "system prompt", "user prompt", "total"}) {
    EXPECT_THAT(text, HasSubstr(word));
  }
}

TEST(Tokens, APictureAloneCanBeCounted) {
  const json::object counted = json_of({"tokens", golden_model(), "--image", golden_image()});
  EXPECT_GT(counted.at("image_tokens").as_int64(), 0);
}

TEST(Tokens, MeasuresWhatItPredicts) {
  const std::vector<std::string> line = {"tokens",       golden_model(), "What?",        "--image",
                                         golden_image(), "--measure",    "--max-tokens", "100"};
  const json::object counted = json_of(line);
  const json::object& measured = counted.at("measured").as_object();
  EXPECT_EQ(measured.at("completion_tokens"), 32);
  EXPECT_GT(measured.at("timings").at("decode_tokens_per_second").to_number<double>(), 0.0);
  EXPECT_EQ(counted.at("predicted").at("answer_tokens"), 100);
  EXPECT_GE(counted.at("predicted").at("total_ms").to_number<double>(),
            counted.at("predicted").at("ttft_ms").to_number<double>());
  EXPECT_THAT(text_of(line), HasSubstr("this request"));
}

/// Whether a page of docs/ shows, as a block of code, what a command prints.
void expect_page_shows(const std::string& page, const std::vector<std::string>& command) {
  const std::string printed = text_of(command);
  const std::filesystem::path path = std::filesystem::path(SACCADE_SOURCE_DIR) / "docs" / page;
  EXPECT_THAT(read_text_file(path), HasSubstr("```\n" + printed + "```"))
      << "paste what `saccade " << fmt::format("{}", fmt::join(command, " ")) << "` prints into "
      << path;
}

TEST(Formats, TheDocumentShowsWhatTheCommandPrints) {
  EXPECT_THAT(text_of({"formats"}), HasSubstr("Q4_K"));
  expect_page_shows("formats.md", {"formats"});
  const json::value list = json::parse(text_of({"formats", "--json"}));
  EXPECT_GT(list.as_array().size(), 20u);
}

TEST(Families, TheDocumentShowsWhatTheCommandPrints) {
  expect_page_shows("families.md", {"families"});
  const json::value list = json::parse(text_of({"families", "--json"}));
  EXPECT_GE(list.as_array().size(), 19u);
  for (const json::value& family : list.as_array()) {
    EXPECT_FALSE(family.at("goldens").as_array().empty()) << family.at("name");
  }
}

TEST(Serve, TheDocumentShowsWhatTheCommandPrints) {
  expect_page_shows("server.md", {"serve", "--routes"});
  expect_page_shows("server.md", {"serve", "--help"});
}

}  // namespace
}  // namespace saccade::cli
