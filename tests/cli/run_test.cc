// saccade run, from the command line to the answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "base/json.h"
#include "model_copy.h"
#include "process.h"

namespace saccade::cli {
namespace {

namespace json = boost::json;

json::object run_json(std::vector<std::string> arguments, const std::string& input = "",
                      std::vector<std::string> environment = {}) {
  arguments.insert(arguments.begin(), "run");
  arguments.push_back("--json");
  const Outcome outcome =
      run_program(Invocation{std::move(arguments), input, std::move(environment), {}, ""});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << "one line";
  return parse_json(outcome.out, "output").as_object();
}

/// Greedy, whatever the checkpoint's defaults are.
std::vector<std::string> greedy(std::vector<std::string> arguments) {
  for (const char* option : {"--temperature", "0", "--repetition-penalty", "1"}) {
    arguments.emplace_back(option);
  }
  return arguments;
}

/// The words and pictures of a one-turn case with its pictures first; nothing for other cases.
std::optional<std::vector<std::string>> arguments_of(const json::object& golden) {
  const json::array& messages = golden.at("messages").as_array();
  if (messages.size() != 1) return std::nullopt;
  const json::value& content = messages[0].at("content");
  if (content.is_string()) return {{std::string(content.get_string())}};
  std::vector<std::string> arguments;
  for (const json::value& part : content.as_array()) {
    if (part.at("type") == "image") {
      arguments.insert(arguments.end(),
                       {"--image", golden_image(std::string(part.at("image").get_string()))});
    } else {
      arguments.emplace_back(part.at("text").get_string());
      if (&part != &content.as_array().back()) return std::nullopt;
    }
  }
  if (content.as_array().back().at("type") != "text") return std::nullopt;
  for (const auto& [key, option] :
       {std::pair{"min_pixels", "--min-pixels"}, std::pair{"max_pixels", "--max-pixels"}}) {
    if (const json::value* pixels = golden.if_contains(key)) {
      arguments.insert(arguments.end(), {option, json::serialize(*pixels)});
    }
  }
  return arguments;
}

class GoldenAnswers : public testing::TestWithParam<const char*> {};

TEST_P(GoldenAnswers, AreTheReferencesTokens) {
  const std::string model = golden_model(GetParam());
  int tried = 0;
  const json::value cases = read_json_file(model + "/cases.json");
  for (const json::value& value : cases.as_array()) {
    const json::object& golden = value.as_object();
    auto arguments = arguments_of(golden);
    if (!arguments) continue;
    arguments->insert(arguments->begin(), model);
    arguments->insert(arguments->end(), {"--max-tokens", "64"});
    const json::object result = run_json(greedy(*arguments));
    const json::array& expected = golden.at("greedy").as_array();
    const json::array& found = result.at("token_ids").as_array();
    ASSERT_GE(found.size(), 1U);
    ASSERT_LE(found.size(), expected.size());
    // The reference goes on after an end token, an answer stops there.
    if (found.size() < expected.size()) {
      EXPECT_EQ(result.at("finish_reason"), "stop");
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i], expected[i]) << golden.at("name") << ", token " << i;
    }
    EXPECT_EQ(result.at("usage").at("prompt_tokens").as_int64(),
              static_cast<std::int64_t>(golden.at("input_ids").as_array().size()));
    ++tried;
  }
  EXPECT_GE(tried, 3);
}

INSTANTIATE_TEST_SUITE_P(EachCheckpoint, GoldenAnswers,
                         testing::Values("saved_f32", "saved_f16", "nested_bf16",
                                         "saved_sharded_f32", "published_3b",
                                         "published_7b_sharded"));

TEST(RunJson, HasEveryField) {
  const json::object result =
      run_json({golden_model(), "What is it?", "--image", golden_image(), "--max-tokens", "4"});
  EXPECT_TRUE(result.at("text").is_string());
  EXPECT_GE(result.at("token_ids").as_array().size(), 1U);
  const json::object& usage = result.at("usage").as_object();
  EXPECT_GT(usage.at("image_tokens").as_int64(), 0);
  EXPECT_GT(usage.at("prompt_tokens").as_int64(), usage.at("image_tokens").as_int64());
  EXPECT_EQ(usage.at("completion_tokens").as_int64(),
            static_cast<std::int64_t>(result.at("token_ids").as_array().size()));
  const json::object& timings = result.at("timings").as_object();
  for (const char* key : {"load_ms", "media_ms", "vision_ms", "prefill_ms", "decode_ms", "ttft_ms",
                          "prefill_tokens_per_second", "decode_tokens_per_second"}) {
    EXPECT_GE(timings.at(key).to_number<double>(), 0.0) << key;
  }
  EXPECT_FALSE(result.contains("logprobs"));
}

TEST(RunJson, LogprobsAreOfEachToken) {
  const json::object result =
      run_json(greedy({golden_model(), "What is it?", "--max-tokens", "5", "--logprobs", "3"}));
  const json::array& ids = result.at("token_ids").as_array();
  const json::array& logprobs = result.at("logprobs").as_array();
  ASSERT_EQ(logprobs.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const json::array& top = logprobs[i].at("top").as_array();
    EXPECT_EQ(logprobs[i].at("id"), ids[i]);
    ASSERT_EQ(top.size(), 3U);
    EXPECT_EQ(top[0].at("id"), ids[i]) << "greedy takes the likeliest";
    EXPECT_LE(top[0].at("logprob").to_number<double>(), 0.0);
    EXPECT_GE(top[0].at("logprob").to_number<double>(), top[1].at("logprob").to_number<double>());
  }
}

TEST(Run, StreamedTextIsTheTextOfTheObject) {
  const std::vector<std::string> question =
      greedy({golden_model(), "Tell me about the hat.", "--max-tokens", "12"});
  const json::object object = run_json(question);
  std::vector<std::string> arguments = question;
  arguments.insert(arguments.begin(), "run");
  const Outcome outcome = run_program(arguments);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "") << "nothing but the answer where no terminal is";
  std::string text(object.at("text").as_string());
  if (!text.ends_with('\n')) text += '\n';
  EXPECT_EQ(outcome.out, text);
}

TEST(Run, ThePromptMayComeThroughAPipe) {
  const json::object argument =
      run_json(greedy({golden_model(), "Hello there", "--max-tokens", "8"}));
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{golden_model(), "--max-tokens", "8"},
        std::vector<std::string>{golden_model(), "-", "--max-tokens", "8"}}) {
    const json::object piped = run_json(greedy(line), "Hello there\n");
    EXPECT_EQ(piped.at("token_ids"), argument.at("token_ids"));
    EXPECT_EQ(piped.at("usage"), argument.at("usage"));
  }
}

TEST(Run, ThePictureMayComeThroughAPipe) {
  const json::object file =
      run_json(greedy({golden_model(), "What?", "--image", golden_image(), "--max-tokens", "8"}));
  const json::object piped =
      run_json(greedy({golden_model(), "What?", "--image", "-", "--max-tokens", "8"}),
               read_file(golden_image()));
  EXPECT_EQ(piped.at("token_ids"), file.at("token_ids"));
  EXPECT_EQ(piped.at("usage"), file.at("usage"));
}

TEST(Run, TheOrderOfPicturesCounts) {
  const std::string one = golden_image("odd_61x97.png");
  const std::string two = golden_image("even_112x84.png");
  const auto ask = [&](const std::string& first, const std::string& second) {
    return run_json(greedy({golden_model(), "Compare.", "--image", first, "--image", second,
                            "--max-tokens", "2", "--logprobs", "1"}));
  };
  const json::object forward = ask(one, two);
  const json::object backward = ask(two, one);
  EXPECT_EQ(forward.at("usage").at("prompt_tokens"), backward.at("usage").at("prompt_tokens"));
  EXPECT_NE(forward.at("logprobs"), backward.at("logprobs"));
}

TEST(Run, TheBudgetOfPixelsCounts) {
  const auto tokens = [](const std::string& max_pixels) {
    return run_json({golden_model(), "What?", "--image", golden_image("large_150x201.png"),
                     "--max-pixels", max_pixels, "--max-tokens", "1"})
        .at("usage")
        .at("image_tokens")
        .as_int64();
  };
  EXPECT_LT(tokens("6272"), tokens("25088"));
}

TEST(Run, SystemPromptAndTemplateReachTheModel) {
  const json::object with = run_json(
      {golden_model(), "Hi", "--system", "Answer in rhymes, please.", "--max-tokens", "1"});
  const json::object without = run_json({golden_model(), "Hi", "--max-tokens", "1"});
  EXPECT_NE(with.at("usage").at("prompt_tokens"), without.at("usage").at("prompt_tokens"));
}

TEST(Run, TheSeedDecides) {
  const auto sample = [](const std::string& seed) {
    return run_json({golden_model(), "Hi", "--temperature", "2", "--top-k", "0", "--top-p", "1",
                     "--repetition-penalty", "1", "--seed", seed, "--max-tokens", "16"})
        .at("token_ids");
  };
  EXPECT_EQ(sample("7"), sample("7"));
  EXPECT_NE(sample("7"), sample("8"));
}

TEST(Run, InstructionSetsAndThreadsAgreeOnTheTokens) {
  const std::vector<std::string> question =
      greedy({golden_model(), "Hi", "--image", golden_image(), "--max-tokens", "16"});
  const json::object best = run_json(question);
  EXPECT_EQ(run_json(question, "", {"SACCADE_ISA=scalar"}).at("token_ids"), best.at("token_ids"));
  std::vector<std::string> single = question;
  single.insert(single.end(), {"--threads", "1"});
  EXPECT_EQ(run_json(single).at("token_ids"), best.at("token_ids"));
}

TEST(Run, StopTextEndsTheAnswer) {
  const std::vector<std::string> question =
      greedy({golden_model(), "Tell me about the hat.", "--max-tokens", "40"});
  const std::string text(run_json(question).at("text").as_string());
  const std::size_t letter = text.find_first_of("abcdefghijklmnopqrstuvwxyz");
  ASSERT_NE(letter, std::string::npos) << text;
  std::vector<std::string> stopped = question;
  stopped.insert(stopped.end(), {"--stop", "never said", "--stop", text.substr(letter, 1)});
  const json::object result = run_json(stopped);
  EXPECT_EQ(result.at("text").as_string(), text.substr(0, letter));
  EXPECT_EQ(result.at("finish_reason"), "stop");
}

TEST(Run, NoTokensIsAnAnswer) {
  const json::object result = run_json({golden_model(), "Hi", "--max-tokens", "0"});
  EXPECT_EQ(result.at("text"), "");
  EXPECT_EQ(result.at("finish_reason"), "length");
}

TEST(Run, WordsThatNameCommandsOrAreNotUtf8AreJustWords) {
  for (const char* prompt : {"devices", "run", "\xFF\xFE broken", "[a,b]"}) {
    run_json({golden_model(), prompt, "--max-tokens", "1"});
  }
}

TEST(Run, TheBuiltInModelIsThere) {
  const std::string assets = std::string(SACCADE_SOURCE_DIR) + "/assets/glance/model.safetensors";
  if (access(assets.c_str(), R_OK) != 0) GTEST_SKIP() << "assets/glance has no weights yet";
  const json::object result = run_json(
      {"glance", "What is this?", "--image", golden_image("even_112x84.png"), "--max-tokens", "4"});
  EXPECT_GT(result.at("usage").at("image_tokens").as_int64(), 0);
}

}  // namespace
}  // namespace saccade::cli
