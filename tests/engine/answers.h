// Asking what the goldens ask, and comparing answers bit for bit.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "goldens.h"
#include "saccade/request.h"

namespace saccade {

/// The requests of a golden checkpoint, with log-probabilities.
inline std::vector<Request> requests_of(const std::filesystem::path& directory,
                                        std::int64_t max_tokens) {
  std::vector<Request> requests;
  const boost::json::value cases = read_json_file(directory / "cases.json");
  for (const auto& item : cases.as_array()) {
    requests.push_back(goldens::greedy_request(item.as_object(), max_tokens));
    requests.back().logprobs = 5;
  }
  return requests;
}

/// Every bit of two answers.
inline void expect_same(const Result& a, const Result& b) {
  EXPECT_EQ(a.token_ids, b.token_ids);
  EXPECT_EQ(a.text, b.text);
  ASSERT_EQ(a.logprobs.size(), b.logprobs.size());
  for (std::size_t i = 0; i < a.logprobs.size(); ++i) {
    EXPECT_EQ(a.logprobs[i].token.logprob, b.logprobs[i].token.logprob);
    for (std::size_t j = 0; j < a.logprobs[i].top.size(); ++j) {
      EXPECT_EQ(a.logprobs[i].top[j].id, b.logprobs[i].top[j].id);
      EXPECT_EQ(a.logprobs[i].top[j].logprob, b.logprobs[i].top[j].logprob);
    }
  }
}

}  // namespace saccade
