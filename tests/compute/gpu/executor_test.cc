// What the host executor promises: barriers and shuffles as a GPU has them, and an error where a
// GPU would hang or read garbage.
#include "compute/gpu/host/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "saccade/error.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::Group;
using saccade::gpu::u32;
using saccade::gpu::u8;
using testing::HasSubstr;

using Lambda = std::function<void(u8*, Group)>;

void call(const void* args, u8* shared, Group group) {
  (*static_cast<const Lambda*>(args))(shared, group);
}

void run(HostExecutor& executor, const Grid& grid, const Lambda& body) {
  executor.run("a_kernel", call, grid, &body);
}

std::string error_of(HostExecutor& executor, const Grid& grid, const Lambda& body) {
  try {
    run(executor, grid, body);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

class ExecutorTest : public testing::TestWithParam<std::tuple<int, TurnOrder>> {
 protected:
  ThreadPool threads_{std::get<0>(GetParam())};
  HostExecutor executor_{&threads_, std::get<1>(GetParam())};
};

TEST_P(ExecutorTest, EveryThreadOfEveryGroupRunsOnce) {
  const Grid grid = {.x = 3, .y = 2, .z = 2, .threads = 70};
  std::vector<int> runs(3 * 2 * 2 * 70);
  run(executor_, grid, [&](u8*, Group group) {
    EXPECT_EQ(group.threads(), 70u);
    EXPECT_EQ(group.warps(), 3u);
    EXPECT_EQ(group.groups_x(), 3u);
    EXPECT_EQ(group.warp() * 32 + group.lane(), group.thread_index());
    ++runs[((group.z() * 2 + group.y()) * 3 + group.x()) * 70 + group.thread_index()];
  });
  EXPECT_EQ(runs, std::vector<int>(runs.size(), 1));
}

TEST_P(ExecutorTest, BarriersSeparateWritesFromReads) {
  const Grid grid = {.x = 5, .threads = 1000, .shared_bytes = 8000};
  std::vector<u32> sums(5);
  run(executor_, grid, [&](u8* shared, Group group) {
    auto* values = reinterpret_cast<u32*>(shared);
    for (u32 round = 0; round < 3; ++round) {
      values[(round % 2) * 1000 + group.thread_index()] = group.thread_index() + round + group.x();
      group.barrier();
      const u32 next = (group.thread_index() + 1) % 1000;
      EXPECT_EQ(values[(round % 2) * 1000 + next], next + round + group.x());
    }
    group.barrier();
    if (group.thread_index() == 0) sums[group.x()] = values[999];
  });
  EXPECT_EQ(sums, (std::vector<u32>{1001, 1002, 1003, 1004, 1005}));
}

TEST_P(ExecutorTest, ShufflesExchangeWithinAWarp) {
  run(executor_, {.threads = 96}, [&](u8*, Group group) {
    const u32 other = group.shuffle_xor(group.thread_index(), 5u);
    EXPECT_EQ(other, group.warp() * 32 + (group.lane() ^ 5u));
    EXPECT_EQ(group.shuffle(static_cast<float>(group.thread_index()), 7u),
              group.warp() * 32 + 7.0f);
    EXPECT_EQ(saccade::gpu::warp_sum(1.0f, group), 32.0f);
    EXPECT_EQ(saccade::gpu::warp_max(static_cast<float>(group.thread_index()), group),
              group.warp() * 32 + 31.0f);
  });
}

TEST_P(ExecutorTest, WarpsMayShuffleDifferentlyOften) {
  run(executor_, {.threads = 128}, [&](u8*, Group group) {
    u32 value = group.lane();
    for (u32 i = 0; i <= group.warp(); ++i) value = group.shuffle_xor(value, 1u);
    EXPECT_EQ(value, group.warp() % 2 == 0 ? group.lane() ^ 1u : group.lane());
    group.barrier();
  });
}

TEST_P(ExecutorTest, LanesThatEndedAreAbsent) {
  run(executor_, {.threads = 64}, [&](u8*, Group group) {
    if (group.lane() >= 16) return;
    EXPECT_EQ(group.shuffle_xor(group.lane(), 8u), group.lane() ^ 8u);
  });
  const std::string error = error_of(executor_, {.threads = 64}, [&](u8*, Group group) {
    if (group.lane() >= 16) return;
    group.shuffle_xor(group.lane(), 16u);
  });
  EXPECT_THAT(error, HasSubstr("a_kernel, group (0, 0, 0)"));
  EXPECT_THAT(error, HasSubstr("which has ended"));
}

TEST_P(ExecutorTest, ShufflesFromOutsideTheWarpAreErrors) {
  EXPECT_THAT(error_of(executor_, {.threads = 40},
                       [&](u8*, Group group) { group.shuffle_xor(group.lane(), 16u); }),
              HasSubstr("which its warp of 8 does not have"));
  EXPECT_THAT(error_of(executor_, {.threads = 32},
                       [&](u8*, Group group) { group.shuffle(group.lane(), 32u); }),
              HasSubstr("lane 32"));
}

TEST_P(ExecutorTest, WaitingInVainIsAnError) {
  const Grid grid = {.x = 2, .threads = 64};
  EXPECT_THAT(error_of(executor_, grid,
                       [](u8*, Group group) {
                         if (group.thread_index() != 3) group.barrier();
                       }),
              HasSubstr("63 at a barrier (the first is 0), 1 ended (the first is 3)"));
  EXPECT_THAT(error_of(executor_, grid,
                       [](u8*, Group group) {
                         if (group.lane() == 5) {
                           group.barrier();
                         } else {
                           group.shuffle(1.0f, 0);
                         }
                       }),
              HasSubstr("wait for each other in vain"));
  // It can be used again.
  EXPECT_EQ(error_of(executor_, grid, [](u8*, Group group) { group.barrier(); }), "");
}

TEST_P(ExecutorTest, SharedMemoryBeginsAsNansAndIsGuarded) {
  const Grid grid = {.x = 3, .threads = 32, .shared_bytes = 128};
  run(executor_, grid, [](u8* shared, Group group) {
    float value = 0.0f;
    std::memcpy(&value, shared + group.lane() * 4, 4);
    EXPECT_TRUE(std::isnan(value));
    std::memset(shared + group.lane() * 4, 0, 4);
  });
  EXPECT_THAT(error_of(executor_, grid, [](u8* shared, Group) { shared[128] = 0; }),
              HasSubstr("wrote past its 128 bytes"));
}

TEST_P(ExecutorTest, GridsOutOfRangeAreErrors) {
  const auto nothing = [](u8*, Group) {};
  EXPECT_THAT(error_of(executor_, {.threads = 0}, nothing), HasSubstr("1 to 1024"));
  EXPECT_THAT(error_of(executor_, {.threads = 1025}, nothing), HasSubstr("1 to 1024"));
  EXPECT_THAT(error_of(executor_, {.threads = 1, .shared_bytes = kMaxSharedBytes + 1}, nothing),
              HasSubstr("shared memory"));
  const KernelArgs<Kernel::rms_norm_f32_f32> args = {};
  EXPECT_THROW(executor_.run<Kernel::rms_norm_f32_f32>({.threads = 1024}, args), Error);
}

INSTANTIATE_TEST_SUITE_P(Executors, ExecutorTest,
                         testing::Combine(testing::Values(1, 3),
                                          testing::Values(TurnOrder::kForward,
                                                          TurnOrder::kBackward)));

}  // namespace
}  // namespace saccade::compute::gpu
