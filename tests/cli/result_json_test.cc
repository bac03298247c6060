#include "cli/result_json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>

#include "base/json_text.h"

namespace saccade::cli {
namespace {

namespace json = boost::json;

Result sample_result() {
  Result result;
  result.text = "A cat.";
  result.token_ids = {5, 7};
  result.finish_reason = FinishReason::kLength;
  result.usage = {12, 4, 2};
  result.timings = {.load_ms = 1.5,
                    .media_ms = 2.5,
                    .vision_ms = 3.5,
                    .prefill_ms = 4.5,
                    .decode_ms = 5.5,
                    .ttft_ms = 6.123456,
                    .prefill_tokens_per_second = 700.25,
                    .decode_tokens_per_second = 80.5};
  result.logprobs = {{{5, -0.25}, {{5, -0.25}, {9, -3.0}}}, {{7, -1.0}, {}}};
  return result;
}

TEST(ResultJson, HasEveryFieldOfTheFormat) {
  const json::value expected = json::parse(R"({
    "text": "A cat.", "token_ids": [5, 7], "finish_reason": "length",
    "usage": {"prompt_tokens": 12, "image_tokens": 4, "completion_tokens": 2},
    "timings": {"load_ms": 1.5, "media_ms": 2.5, "vision_ms": 3.5, "prefill_ms": 4.5,
                "decode_ms": 5.5, "ttft_ms": 6.123, "prefill_tokens_per_second": 700.25,
                "decode_tokens_per_second": 80.5}})");
  EXPECT_EQ(json::value(result_json(sample_result(), false)), expected);
}

TEST(ResultJson, LogprobsAreThereWhenAskedFor) {
  const json::object object = result_json(sample_result(), true);
  EXPECT_EQ(object.at("logprobs"), json::parse(R"([
    {"id": 5, "logprob": -0.25, "top": [{"id": 5, "logprob": -0.25}, {"id": 9, "logprob": -3.0}]},
    {"id": 7, "logprob": -1.0, "top": []}])"));
}

TEST(ResultJson, AnEmptyAnswerHasEmptyLists) {
  Result result;
  const json::object object = result_json(result, true);
  EXPECT_EQ(object.at("token_ids"), json::array());
  EXPECT_EQ(object.at("logprobs"), json::array());
  EXPECT_EQ(object.at("finish_reason"), "stop");
}

TEST(ResultJson, AOneTokenAnswerStaysAList) {
  Result result;
  result.token_ids = {3};
  EXPECT_EQ(json_text(result_json(result, false).at("token_ids")), "[3]");
}

TEST(ResultJson, NumbersThatAreNotFiniteDoNotBreakTheDocument) {
  Result result = sample_result();
  result.timings.decode_tokens_per_second = std::numeric_limits<double>::infinity();
  result.logprobs[0].token.logprob = -std::numeric_limits<double>::infinity();
  const json::value back = json::parse(json_text(result_json(result, true)));
  EXPECT_TRUE(back.at("timings").at("decode_tokens_per_second").is_null());
  EXPECT_TRUE(back.at("logprobs").at(0).at("logprob").is_null());
}

}  // namespace
}  // namespace saccade::cli
