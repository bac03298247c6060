#include "server/memory_plan.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace saccade::server {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kMiB = 1 << 20;

/// 100 MiB of weights, 10 to 1000 for sequences.
PlannedModel model(const std::string& name, std::int64_t most = 1000) {
  return {name, {100 * kMiB, 10 * kMiB, 10 * kMiB, most * kMiB}};
}

class MemoryPlan : public testing::Test {
 protected:
  MemoryPlan() { options_.engine.vision_cache_bytes = 40 * kMiB; }

  std::vector<MemoryShare> plan(const std::vector<PlannedModel>& models,
                                std::int64_t available = 0) const {
    return plan_memory(models, options_, available);
  }
  std::string refusal(const std::vector<PlannedModel>& models, std::int64_t available = 0) const {
    try {
      plan(models, available);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
  /// Of keys and values, in MiB.
  static std::vector<std::int64_t> kv(const std::vector<MemoryShare>& shares) {
    std::vector<std::int64_t> result;
    for (const MemoryShare& share : shares) result.push_back(*share.kv_bytes / kMiB);
    return result;
  }

  ServeOptions options_;
};

TEST_F(MemoryPlan, LeavesOneModelToTheEngine) {
  const auto shares = plan({model("a")});
  EXPECT_FALSE(shares[0].kv_bytes);
  EXPECT_EQ(shares[0].bytes, 150 * kMiB);
}

TEST_F(MemoryPlan, DividesWhatTheWeightsLeave) {
  options_.memory_budget = 600 * kMiB;  // 300 after the weights
  const auto shares = plan({model("a"), model("b")});
  EXPECT_THAT(kv(shares), testing::ElementsAre(150, 150));
  EXPECT_EQ(shares[0].bytes + shares[1].bytes, *options_.memory_budget);
  // What one has no use for goes to the other.
  EXPECT_THAT(kv(plan({model("a"), model("b", 20)})), testing::ElementsAre(280, 20));
  EXPECT_THAT(kv(plan({model("a", 50), model("b", 20)})), testing::ElementsAre(50, 20));
}

TEST_F(MemoryPlan, LeavesPartOfTheFreeMemoryFree) {
  EXPECT_THAT(kv(plan({model("a"), model("b")}, 800 * kMiB)), testing::ElementsAre(200, 200));
  EXPECT_THAT(refusal({model("a"), model("b")}, 310 * kMiB),
              HasSubstr("need 320 MiB of memory together, 310 MiB are free"));
}

TEST_F(MemoryPlan, HasModelsTakeTurnsWhereTheyDoNotAllFit) {
  options_.memory_budget = 310 * kMiB;
  const auto shares = plan({model("a"), model("b")});
  EXPECT_THAT(kv(shares), testing::ElementsAre(80, 80));
  EXPECT_EQ(shares[0].bytes, 230 * kMiB);
  options_.memory_budget = 165 * kMiB;  // half of what is left would be too little
  EXPECT_THAT(kv(plan({model("a"), model("b")})), testing::ElementsAre(10, 10));
}

TEST_F(MemoryPlan, RefusesWhatCanNeverFit) {
  options_.memory_budget = 159 * kMiB;
  EXPECT_THAT(refusal({model("a"), model("b")}),
              HasSubstr("--memory-budget: a needs 160 MiB (weights 100, pictures 40, keys and "
                        "values at least 10, working memory 10), found a budget of 159 MiB"));
  EXPECT_THAT(refusal({model("a")}), HasSubstr("a needs 160 MiB"));
}

TEST_F(MemoryPlan, TakesWhatIsSaidForKeysAndValues) {
  options_.memory_budget = 400 * kMiB;
  options_.engine.kv_memory_bytes = 30 * kMiB;
  EXPECT_THAT(kv(plan({model("a"), model("b", 20)})), testing::ElementsAre(30, 20));
  options_.engine.kv_memory_bytes = 300 * kMiB;
  EXPECT_THAT(refusal({model("a")}), HasSubstr("a needs 450 MiB"));
}

TEST(MemoryNeeds, CountPagesAndStates) {
  ModelInfo info;
  info.bytes = 7;
  info.context_length = 32768;
  info.kv_bytes_per_token = 100;
  const MemoryNeeds needs = memory_needs(info);
  EXPECT_EQ(needs.weights, 7);
  EXPECT_EQ(needs.least_sequences, 4096 * 100);
  EXPECT_EQ(needs.most_sequences, 4 * 32768 * 100);
  info.context_length = 512;
  EXPECT_EQ(memory_needs(info).least_sequences, 512 * 100);
  EXPECT_EQ(memory_needs(info).most_sequences, 65536 * 100);
  // States get a quarter at most.
  info.state_bytes_per_sequence = 1'000'000;
  EXPECT_EQ(memory_needs(info).least_sequences, 4'000'000);
}

}  // namespace
}  // namespace saccade::server
