// The caches' part on a disk: found after a restart, and the same bits as without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <future>
#include <mutex>

#include "engine/answers.h"
#include "goldens.h"
#include "saccade/service.h"
#include "temporary_directory.h"

namespace saccade {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::int64_t kPageTokens = 64;

class DiskCaches : public testing::TestWithParam<std::string> {
 protected:
  EngineOptions options(bool with_disk = true) {
    EngineOptions options{.device = "cpu", .threads = 1};
    if (!with_disk) {
      options.prefix_cache = false;
      options.vision_cache_bytes = 0;
      return options;
    }
    options.cache_dir = (temporary_.path() / "cache").string();
    options.on_warning = [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      warnings_.push_back(text);
    };
    return options;
  }
  /// What an encoder makes of a prompt is not kept.
  bool encodes() const { return GetParam().starts_with("florence2"); }
  Engine open(bool with_disk = true) { return Engine::load(model_.string(), options(with_disk)); }

  /// The golden requests, and for each a longer one, whose prompt fills pages.
  std::vector<Request> requests() const {
    std::vector<Request> requests = requests_of(model_, 20);
    std::string text;
    for (int i = 0; i < 200; ++i) text += fmt::format("{} ", i * i % 97);
    for (std::size_t i = 0, count = requests.size(); i < count; ++i) {
      Request longer = requests[i];
      if (longer.messages.empty() || encodes()) continue;  // its contexts are short
      longer.messages.back().content.push_back(text);
      requests.push_back(std::move(longer));
    }
    return requests;
  }

  std::vector<fs::path> files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(temporary_.path() / "cache")) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
  }

  TemporaryDirectory temporary_;
  fs::path model_ = goldens::root() / GetParam();
  std::mutex mutex_;
  std::vector<std::string> warnings_;
};

TEST_P(DiskCaches, AreFoundAfterARestart) {
  const std::vector<Request> requests = this->requests();
  std::vector<Result> wanted;
  {
    Engine engine = open(false);
    for (const Request& request : requests) wanted.push_back(engine.generate(request));
  }
  for (int round = 0; round < 2; ++round) {
    SCOPED_TRACE(round);
    Engine engine = open();
    std::int64_t cached_tokens = 0, cached_images = 0, images = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      SCOPED_TRACE(i);
      const Result result = engine.generate(requests[i]);
      expect_same(wanted[i], result);
      if (round == 0) continue;
      cached_tokens += result.usage.cached_tokens;
      cached_images += result.usage.cached_images;
      images += result.usage.image_tokens > 0 ? 1 : 0;
      // Whole pages before the last token are there, whatever ran since.
      const std::int64_t whole = (result.usage.prompt_tokens - 1) / kPageTokens * kPageTokens;
      EXPECT_GE(result.usage.cached_tokens, encodes() ? 0 : whole);
    }
    if (round == 0) continue;
    if (!encodes()) EXPECT_GE(cached_tokens, kPageTokens);
    EXPECT_GE(cached_images, images);
  }
  EXPECT_THAT(warnings_, testing::IsEmpty());
}

TEST_P(DiskCaches, AreNotBelievedWhenDamaged) {
  const std::vector<Request> requests = this->requests();
  std::vector<Result> wanted;
  {
    Engine engine = open();
    for (const Request& request : requests) wanted.push_back(engine.generate(request));
  }
  std::size_t number = 0;
  for (const fs::path& file : files()) {
    // Cut short, changed in the middle, emptied.
    const auto size = fs::file_size(file);
    if (++number % 3 != 0) {
      fs::resize_file(file, number % 3 == 1 ? size / 2 : 0);
      continue;
    }
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(size - 1));
    stream.put('?');
  }
  Engine engine = open();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    expect_same(wanted[i], engine.generate(requests[i]));
  }
  EXPECT_THAT(warnings_, testing::Contains(HasSubstr("ignored")));
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, DiskCaches,
                         testing::Values("qwen2_5_vl/saved_f32", "qwen3_vl/saved_f32",
                                         "gemma3/saved_f32", "gemma4/dense_f32",
                                         "paligemma/gemma_f32", "florence2/saved_f32",
                                         "qwen3_5/saved_f32", "llava_onevision/anyres9_f32"),
                         [](const auto& named) { return goldens::test_name(named.param); });

class DiskCacheTest : public DiskCaches {};

TEST_P(DiskCacheTest, BelongToOneModel) {
  const std::vector<Request> requests = this->requests();
  TemporaryDirectory copies;
  const fs::path original = model_;
  model_ = copies.path() / "model";
  fs::copy(original, model_, fs::copy_options::recursive);
  Engine first = open();
  for (const Request& request : requests) first.generate(request);
  // The same file with other weights, at the same place, of the same size and time.
  const fs::path weights = model_ / "model.safetensors";
  const auto time = fs::last_write_time(weights);
  {
    std::fstream stream(weights, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(-4, std::ios::end);
    stream.write("\0\0\0\0", 4);
  }
  fs::last_write_time(weights, time);
  const std::vector<Result> wanted = [&] {
    Engine engine = open(false);
    std::vector<Result> results;
    for (const Request& request : requests) results.push_back(engine.generate(request));
    return results;
  }();
  Engine engine = open();
  const Result result = engine.generate(requests[0]);
  expect_same(wanted[0], result);
  EXPECT_EQ(result.usage.cached_tokens, 0);
  EXPECT_EQ(result.usage.cached_images, 0);
  // Other arithmetic is another model's too.
  EngineOptions f32 = options();
  f32.activations = Activations::kF32;
  EXPECT_EQ(Engine::load(original.string(), f32).generate(requests[0]).usage.cached_images, 0);
}

TEST_P(DiskCacheTest, AFullDiskIsSaidAndNothingElse) {
  const std::vector<Request> requests = this->requests();
  std::vector<Result> wanted;
  {
    Engine engine = open(false);
    for (const Request& request : requests) wanted.push_back(engine.generate(request));
  }
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{500, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  {
    Engine engine = open();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      expect_same(wanted[i], engine.generate(requests[i]));
    }
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  // Once, not for every page.
  EXPECT_THAT(warnings_, testing::ElementsAre(HasSubstr("make room")));
}

/// Memory for little more than one request, so that everything goes to the disk and comes back.
TEST_P(DiskCacheTest, CarriesWhatMemoryDoesNotHold) {
  const std::vector<Request> requests = this->requests();
  std::vector<Result> wanted;
  std::int64_t longest = 0;
  {
    Engine engine = open(false);
    for (const Request& request : requests) {
      wanted.push_back(engine.generate(request));
      const Usage& usage = wanted.back().usage;
      longest = std::max(longest, usage.prompt_tokens + usage.completion_tokens);
    }
  }
  const ModelInfo info = inspect_model(model_.string(), options());
  EngineOptions options = this->options();
  options.vision_cache_bytes = 1;
  options.kv_memory_bytes = (longest / kPageTokens + 2) * kPageTokens * info.kv_bytes_per_token;
  Service service(Engine::load(model_.string(), options));
  for (int round = 0; round < 3; ++round) {
    std::vector<std::future<Result>> answers;
    for (const Request& request : requests) {
      answers.push_back(std::async(std::launch::async, [&] { return service.generate(request); }));
    }
    for (std::size_t i = 0; i < requests.size(); ++i) expect_same(wanted[i], answers[i].get());
  }
  const auto disk = service.status().disk_cache;
  ASSERT_TRUE(disk);
  EXPECT_GT(disk->reads, 0);
  EXPECT_GT(disk->writes, 0);
  EXPECT_GT(disk->entries, 0);
  service.clear_caches();
  EXPECT_EQ(service.status().disk_cache->entries, 0);
  EXPECT_THAT(files(), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, DiskCacheTest, testing::Values("qwen2_5_vl/saved_f32"),
                         [](const auto& named) { return goldens::test_name(named.param); });

}  // namespace
}  // namespace saccade
