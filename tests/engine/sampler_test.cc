#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>

#include "saccade/error.h"

namespace saccade::engine {
namespace {

const std::vector<float> kLogits = {std::log(0.3f), std::log(0.1f), std::log(0.4f), std::log(0.2f)};

TEST(Sampling, RangesAreChecked) {
  EXPECT_THROW(check_sampling({.temperature = -1}), Error);
  EXPECT_THROW(check_sampling({.temperature = NAN}), Error);
  EXPECT_THROW(check_sampling({.top_p = 0}), Error);
  EXPECT_THROW(check_sampling({.top_p = 1.1}), Error);
  EXPECT_THROW(check_sampling({.top_k = -1}), Error);
  EXPECT_THROW(check_sampling({.min_p = 2}), Error);
  EXPECT_THROW(check_sampling({.repetition_penalty = 0}), Error);
}

TEST(Logprobs, AreThoseOfTheSoftmax) {
  const GeneratedLogprob found = logprobs_of(kLogits, 1, 2);
  EXPECT_NEAR(found.token.logprob, std::log(0.1), 1e-6);
  ASSERT_EQ(found.top.size(), 2u);
  EXPECT_EQ(found.top[0].id, 2);
  EXPECT_NEAR(found.top[0].logprob, std::log(0.4), 1e-6);
  EXPECT_EQ(found.top[1].id, 0);
}

}  // namespace
}  // namespace saccade::engine
