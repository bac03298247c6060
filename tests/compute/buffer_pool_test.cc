// What the pool of activations keeps, and for how long.
#include "compute/cpu/buffer_pool.h"

#include <gtest/gtest.h>

namespace saccade::compute::cpu {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

TEST(BufferPool, GivesAFreeBufferOfTheSizeAgain) {
  BufferPool pool;
  const void* first = pool.take(3 * kMiB).get();
  std::shared_ptr<void> again = pool.take(3 * kMiB - 1);
  EXPECT_EQ(again.get(), first);
  EXPECT_EQ(pool.free_bytes(), 0);
  EXPECT_NE(pool.take(3 * kMiB).get(), first) << "it is in use";
  again.reset();
  EXPECT_EQ(pool.free_bytes(), 6 * kMiB);
}

TEST(BufferPool, DoesNotKeepOneOfEverySizeThereEverWas) {
  BufferPool pool;
  const std::shared_ptr<void> held = pool.take(7 * kMiB);
  const auto work = [&pool] {
    for (std::uint64_t i = 0; i <= BufferPool::kOldAfter; ++i) (void)pool.take(1000);
  };
  for (std::int64_t size = 1; size <= 16; ++size) {
    (void)pool.take(size * kMiB);
    work();
    // The last one and the small one; what nobody takes goes when another size comes.
    EXPECT_LE(pool.free_bytes(), size * kMiB + 1024);
  }
  const void* known = pool.take(16 * kMiB).get();
  work();
  EXPECT_EQ(pool.take(16 * kMiB).get(), known) << "without a new size nothing goes";
  EXPECT_NE(held, nullptr);
}

}  // namespace
}  // namespace saccade::compute::cpu
