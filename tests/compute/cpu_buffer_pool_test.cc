#include "compute/cpu/buffer_pool.h"

#include <gtest/gtest.h>

namespace saccade::compute::cpu {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

TEST(BufferPool, GivesAFreedBufferAgainAndNoOneThatIsHeld) {
  BufferPool pool;
  std::shared_ptr<void> first = pool.take(10 * kMiB);
  const void* address = first.get();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(address) % 64, 0U);
  const std::shared_ptr<void> second = pool.take(10 * kMiB);
  EXPECT_NE(second.get(), address);
  first.reset();
  EXPECT_EQ(pool.take(10 * kMiB).get(), address);
}

TEST(BufferPool, GivesBackWhatIsNoLongerOfUseWhenTheWorkChanges) {
  BufferPool pool;
  const std::weak_ptr<void> picture = pool.take(50 * kMiB);
  const std::shared_ptr<void> held = pool.take(20 * kMiB);
  const std::weak_ptr<void> small = pool.take(1000);
  // A step after the other of the same sizes: nothing is needed from the system.
  for (std::int64_t i = 0; i < 2 * BufferPool::kLargeAge; ++i) (void)pool.take(4 * kMiB);
  const std::weak_ptr<void> step = pool.take(4 * kMiB);
  EXPECT_FALSE(picture.expired()) << "may be of the same work";
  (void)pool.take(7 * kMiB);
  EXPECT_TRUE(picture.expired());
  EXPECT_FALSE(step.expired()) << "was taken just now";
  EXPECT_FALSE(small.expired()) << "costs little";
  for (std::int64_t i = 0; i < BufferPool::kSmallAge; ++i) (void)pool.take(4 * kMiB);
  (void)pool.take(8 * kMiB);
  EXPECT_TRUE(small.expired());
  EXPECT_EQ(held.use_count(), 2);
}

}  // namespace
}  // namespace saccade::compute::cpu
