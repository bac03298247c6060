// What the prefix cache finds, shares, copies and gives back.
#include "engine/prefix_cache.h"

#include <gtest/gtest.h>

#include <random>

#include "compute/cpu/cpu_device.h"
#include "engine/sequence_pages.h"
#include "engine/token_contents.h"

namespace saccade::engine {
namespace {

constexpr int kPage = 64;

/// Tokens first, first + 1, ...
std::vector<Digest> tokens(std::int64_t count, std::uint64_t first = 0) {
  std::vector<Digest> result;
  for (std::int64_t i = 0; i < count; ++i) {
    result.push_back({1, first + static_cast<std::uint64_t>(i)});
  }
  return result;
}

std::vector<Digest> operator+(std::vector<Digest> a, const std::vector<Digest>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class PrefixCacheTest : public testing::Test {
 protected:
  /// Computes a sequence to its end and lets it go. Returns the tokens that it did not compute.
  std::int64_t run(const std::vector<Digest>& contents) {
    SequencePages pages(pool_, &cache_);
    const PrefixCache::Match match = pages.match(contents);
    const std::int64_t adopted = match.tokens > 0 ? pages.adopt(match, device_) : 0;
    EXPECT_TRUE(pages.reserve(std::ssize(contents)));
    pages.share_tail(contents, std::ssize(contents));
    return adopted;
  }

  compute::cpu::CpuDevice device_{{1, {}}};
  KvPool pool_{device_, {1, 1, 16}, 8};
  PrefixCache cache_{pool_, nullptr};
};

TEST_F(PrefixCacheTest, FindsWhatIsThere) {
  EXPECT_EQ(run(tokens(200)), 0);
  EXPECT_EQ(run(tokens(200)), 200);
  EXPECT_EQ(run(tokens(150)), 150);
  EXPECT_EQ(run(tokens(130) + tokens(50, 1000)), 130);
  EXPECT_EQ(run(tokens(60) + tokens(100, 2000)), 60);
  EXPECT_EQ(run(tokens(10, 5000)), 0);
}

TEST_F(PrefixCacheTest, APageCountsAfterTheSameTokensAlone) {
  run(tokens(64) + tokens(64, 1000));
  EXPECT_EQ(run(tokens(64, 500) + tokens(64, 1000)), 0);
}

TEST_F(PrefixCacheTest, SharesPagesAndCopiesTails) {
  SequencePages first(pool_, &cache_);
  const std::vector<Digest> contents = tokens(100);
  ASSERT_TRUE(first.reserve(100));
  first.share_tail(contents, 100);
  SequencePages second(pool_, &cache_);
  EXPECT_EQ(second.adopt(second.match(contents), device_), 100);
  EXPECT_EQ(second.pages()[0], first.pages()[0]);
  EXPECT_NE(second.pages()[1], first.pages()[1]);
}

TEST_F(PrefixCacheTest, WhoIsSecondTakesThePageOfTheFirst) {
  const std::vector<Digest> contents = tokens(64);
  SequencePages first(pool_, &cache_), second(pool_, &cache_);
  ASSERT_TRUE(first.reserve(64) && second.reserve(64));
  EXPECT_NE(first.pages()[0], second.pages()[0]);
  first.share(contents, 64);
  second.share(contents, 64);
  EXPECT_EQ(first.pages()[0], second.pages()[0]);
  EXPECT_EQ(pool_.free_pages(), 7);
}

TEST_F(PrefixCacheTest, ALongerTailTakesThePlaceOfAShorterOne) {
  run(tokens(70));
  run(tokens(90));
  EXPECT_EQ(cache_.pages(), 2);
  run(tokens(128));
  EXPECT_EQ(cache_.pages(), 2);
  EXPECT_EQ(run(tokens(80)), 80);
  EXPECT_EQ(cache_.pages(), 2);
}

TEST_F(PrefixCacheTest, TheOldestLeafMakesRoom) {
  run(tokens(128));       // pages a, b
  run(tokens(64, 1000));  // c
  run(tokens(128));       // uses a and b
  EXPECT_EQ(pool_.free_pages(), 5);
  run(tokens(6 * kPage, 2000));
  EXPECT_EQ(cache_.evictions(), 1);
  EXPECT_EQ(run(tokens(128)), 128) << "what was used last was kept";
  EXPECT_EQ(run(tokens(64, 1000)), 0);
}

TEST_F(PrefixCacheTest, WhatASequenceUsesStays) {
  run(tokens(128));
  SequencePages user(pool_, &cache_);
  user.adopt(user.match(tokens(128)), device_);
  EXPECT_EQ(cache_.unused_pages(), 0);
  SequencePages other(pool_, &cache_);
  EXPECT_FALSE(other.reserve(7 * kPage));
  EXPECT_TRUE(other.reserve(6 * kPage));
  EXPECT_EQ(cache_.pages(), 2);
}

TEST_F(PrefixCacheTest, ClearingForgetsWhatNobodyUses) {
  run(tokens(64) + tokens(64, 300));
  SequencePages user(pool_, &cache_);
  user.adopt(user.match(tokens(64)), device_);
  cache_.clear();
  EXPECT_EQ(cache_.pages(), 1);
  user.clear();
  cache_.clear();
  EXPECT_EQ(cache_.pages(), 0);
  EXPECT_EQ(pool_.free_pages(), 8);
}

/// Any mix of sequences that begin, go on and end leaves every page accounted for.
TEST_F(PrefixCacheTest, NoPageIsLostOrGivenTwice) {
  std::mt19937 random(3);
  std::vector<std::unique_ptr<SequencePages>> running;
  for (int i = 0; i < 3000; ++i) {
    if (running.size() < 3 && random() % 2 == 0) {
      const std::vector<Digest> contents =
          tokens(random() % 3 * 40 + 1) + tokens(random() % 150, random() % 3 * 1000);
      auto pages = std::make_unique<SequencePages>(pool_, &cache_);
      const PrefixCache::Match match = pages->match(contents);
      const std::int64_t adopted = match.tokens > 0 ? pages->adopt(match, device_) : 0;
      const std::int64_t count = std::ssize(contents);
      if (pages->reserve(count)) {
        const auto more = static_cast<std::int64_t>(random() % (count - adopted + 1));
        pages->share_tail(contents, adopted + more);
        running.push_back(std::move(pages));
      }
    } else if (!running.empty()) {
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(random() % running.size()));
    }
    if (random() % 100 == 0) cache_.clear();
    ASSERT_LE(cache_.unused_pages(), cache_.pages());
  }
  EXPECT_GT(cache_.evictions(), 0);
  running.clear();
  EXPECT_EQ(cache_.unused_pages(), cache_.pages());
  cache_.clear();
  EXPECT_EQ(pool_.free_pages(), pool_.num_pages());
}

models::Prompt prompt_of(std::vector<std::int32_t> ids) {
  models::Prompt prompt;
  prompt.token_ids = std::move(ids);
  for (std::size_t i = 0; i < prompt.token_ids.size(); ++i) {
    prompt.positions.push_back(static_cast<std::int32_t>(i));
  }
  return prompt;
}

std::shared_ptr<Picture> picture_of(std::uint64_t digest) {
  auto picture = std::make_shared<Picture>();
  picture->patches.digest = {digest, digest};
  return picture;
}

std::int64_t common(const std::vector<Digest>& a, const std::vector<Digest>& b) {
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

TEST(TokenContents, APictureCountsByWhatItShows) {
  models::Prompt prompt = prompt_of({1, 2, 9, 9, 9, 3});
  prompt.media = {{0, 2, 3, 0}};
  const std::vector<std::shared_ptr<Picture>> cat = {picture_of(7)}, dog = {picture_of(8)};
  const std::vector<Digest> with_cat = token_contents(prompt, cat);
  const std::vector<Digest> with_dog = token_contents(prompt, dog);
  EXPECT_EQ(common(with_cat, with_dog), 2);
  EXPECT_EQ(with_cat, token_contents(prompt, cat));
  EXPECT_NE(with_cat[2], with_cat[3]) << "rows of a picture are not alike";
  EXPECT_EQ(with_cat[5], with_dog[5]) << "what follows is told apart by what it follows";
}

TEST(TokenContents, TheOrderOfPicturesCountsAndTheirNeighboursDoNot) {
  models::Prompt prompt = prompt_of({1, 9, 9, 2, 9, 9, 3});
  prompt.media = {{0, 1, 2, 0}, {1, 4, 2, 0}};
  const std::vector<std::shared_ptr<Picture>> one = {picture_of(7), picture_of(8)};
  const std::vector<std::shared_ptr<Picture>> other = {picture_of(7), picture_of(9)};
  const std::vector<std::shared_ptr<Picture>> swapped = {picture_of(8), picture_of(7)};
  EXPECT_EQ(common(token_contents(prompt, one), token_contents(prompt, other)), 4);
  EXPECT_EQ(common(token_contents(prompt, one), token_contents(prompt, swapped)), 1);
}

TEST(TokenContents, PositionsCount) {
  models::Prompt prompt = prompt_of({1, 2, 3});
  const std::vector<Digest> before = token_contents(prompt, {});
  prompt.positions[1] = 5;
  EXPECT_EQ(common(before, token_contents(prompt, {})), 1);
}

TEST(TokenContents, TokensThatSeeEachOtherDependOnAllOfThem) {
  models::Prompt prompt = prompt_of({1, 2, 3, 4, 5});
  prompt.mutual = {{1, 3, false}};
  const std::vector<Digest> before = token_contents(prompt, {});
  prompt.token_ids[3] = 7;
  EXPECT_EQ(common(before, token_contents(prompt, {})), 1);
  prompt.token_ids[3] = 4;
  prompt.token_ids[4] = 7;
  EXPECT_EQ(common(before, token_contents(prompt, {})), 4);
}

TEST(TokenContents, AnAnswerIsTheNextPrompt) {
  const models::Prompt prompt = prompt_of({1, 2, 3});
  EXPECT_EQ(answer_content(3, 2, 1), token_contents(prompt, {})[2]);
}

}  // namespace
}  // namespace saccade::engine
