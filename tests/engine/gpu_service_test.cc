// Many requests at once on a GPU, with all caches: the bits of lone requests where the device is
// batch-invariant. Skipped, with a notice, where there is no GPU.
#include <gtest/gtest.h>

#include <future>

#include "compute/cuda/cuda.h"
#include "engine/answers.h"
#include "goldens.h"
#include "saccade/service.h"
#include "temporary_directory.h"

namespace saccade {
namespace {

class ServiceOnGpu : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (compute::cuda::list_cuda_devices().empty()) GTEST_SKIP() << "there is no NVIDIA GPU here";
  }

  static EngineOptions options() {
    EngineOptions options;
    options.device = "cuda";
    options.batch_invariant = true;
    options.kv_memory_bytes = std::int64_t{16} << 20;
    return options;
  }

  /// The golden requests, greedy and sampled in turn.
  std::vector<Request> requests() const {
    std::vector<Request> requests = requests_of(model_, 40);
    for (std::size_t i = 1; i < requests.size(); i += 2) {
      requests[i].sampling = {.temperature = 1.1, .top_p = 0.95, .seed = 100 + i};
    }
    return requests;
  }

  std::vector<Result> alone(const std::vector<Request>& requests) const {
    EngineOptions without = options();
    without.prefix_cache = false;
    without.vision_cache_bytes = 0;
    Engine engine = Engine::load(model_.string(), without);
    std::vector<Result> results;
    for (const Request& request : requests) results.push_back(engine.generate(request));
    return results;
  }

  /// Asks all at once, and expects those answers. Returns the pictures that no tower saw.
  std::int64_t ask_all(Service& service, const std::vector<Request>& requests,
                       const std::vector<Result>& wanted) {
    std::vector<std::future<Result>> answers;
    for (const Request& request : requests) {
      answers.push_back(std::async(std::launch::async, [&] { return service.generate(request); }));
    }
    std::int64_t cached = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      SCOPED_TRACE(i);
      const Result answer = answers[i].get();
      expect_same(wanted[i], answer);
      cached += answer.usage.cached_images;
    }
    return cached;
  }

  std::filesystem::path model_ = goldens::root() / GetParam();
};

TEST_P(ServiceOnGpu, AnswersAreThoseOfLoneRequests) {
  const std::vector<Request> requests = this->requests();
  const std::vector<Result> wanted = alone(requests);
  Service service(Engine::load(model_.string(), options()));
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    ask_all(service, requests, wanted);
  }
}

TEST_P(ServiceOnGpu, CachesAreFoundAfterARestart) {
  const std::vector<Request> requests = this->requests();
  const std::vector<Result> wanted = alone(requests);
  const TemporaryDirectory directory;
  EngineOptions with_disk = options();
  with_disk.cache_dir = directory.file("cache");
  {
    Service service(Engine::load(model_.string(), with_disk));
    ask_all(service, requests, wanted);
  }
  Service service(Engine::load(model_.string(), with_disk));
  const std::int64_t cached = ask_all(service, requests, wanted);
  std::int64_t pictures = 0;
  for (const Result& result : wanted) pictures += result.usage.image_tokens > 0 ? 1 : 0;
  EXPECT_GE(cached, pictures);
  EXPECT_GT(service.status().disk_cache->reads, 0);
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, ServiceOnGpu,
                         testing::Values("qwen2_5_vl/saved_f32", "gemma3/saved_f32",
                                         "qwen3_5/saved_f32", "florence2/saved_f32",
                                         "llava_onevision/anyres9_f32", "qwen3_moe/saved_f32"),
                         [](const auto& named) { return goldens::test_name(named.param); });

}  // namespace
}  // namespace saccade
