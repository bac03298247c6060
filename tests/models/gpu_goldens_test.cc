// Every golden checkpoint on a GPU: in f32 close to transformers and with its greedy tokens, in
// float16 within what that rounding allows. Skipped, with a notice, where there is no GPU.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "compute/cuda/cuda.h"
#include "engine/prepare.h"
#include "golden_model.h"
#include "saccade/engine.h"

namespace saccade {
namespace {

bool has_gpu() {
  static const bool kHasGpu = !compute::cuda::list_cuda_devices().empty();
  return kHasGpu;
}

std::unique_ptr<compute::Device> device(bool exact) {
  if (has_gpu()) return compute::cuda::make_cuda_device({0, exact});
  return std::make_unique<compute::cpu::CpuDevice>(compute::cpu::CpuOptions{1, {}});
}

class OnGpu : public GoldenModel {
 protected:
  explicit OnGpu(bool exact) : GoldenModel(device(exact)) {}
  void SetUp() override {
    if (!has_gpu()) GTEST_SKIP() << "there is no NVIDIA GPU here";
  }

  /// Towers and logits of all cases against what transformers gives.
  void compare(double tolerance) {
    double worst = 0.0;
    for (const auto& item : cases_.as_array()) {
      const boost::json::object& golden = item.as_object();
      const std::string name(golden.at("name").as_string());
      SCOPED_TRACE(name);
      const auto prepared =
          engine::prepare_prompt(*processor_, goldens::greedy_request(golden, 1), {}, nullptr);
      std::vector<float> embeds;
      std::vector<Tensor> images;
      for (const media::Patches& patches : prepared.patches) {
        images.push_back(model_->encode(patches));
        const std::vector<float> part = download(images.back());
        embeds.insert(embeds.end(), part.begin(), part.end());
      }
      if (!images.empty()) {
        EXPECT_LT(
            goldens::deviation(embeds, goldens::values(expected_.tensor(name + ".image_embeds"))),
            tolerance);
      }
      const double off = goldens::deviation(last_logits(prepared.prompt, images),
                                            goldens::values(expected_.tensor(name + ".logits")));
      EXPECT_LT(off, tolerance);
      worst = std::max(worst, off);
    }
    RecordProperty("logits", fmt::format("{:.1e}", worst));
  }
};

class ExactOnGpu : public OnGpu {
 protected:
  ExactOnGpu() : OnGpu(true) {}
};

class FastOnGpu : public OnGpu {
 protected:
  FastOnGpu() : OnGpu(false) {}
};

TEST_P(ExactOnGpu, TowersAndLogits) {
  compare(1e-3);
}

TEST_P(ExactOnGpu, GreedyTokensAreThoseOfTransformers) {
  EngineOptions options;
  options.device = "cuda";
  options.activations = Activations::kF32;
  options.kv_memory_bytes = std::int64_t{64} << 20;
  Engine engine = Engine::load(directory_.string(), options);
  for (const auto& item : cases_.as_array()) {
    const auto& golden = item.as_object();
    EXPECT_EQ(engine.generate(goldens::greedy_request(golden, 64)).token_ids,
              goldens::ids(golden.at("greedy")))
        << golden.at("name");
  }
}

TEST_P(FastOnGpu, TowersAndLogits) {
  compare(2e-2);
}

/// With batch invariance: alone, in a batch and in chunks the same bits.
TEST_P(FastOnGpu, InvariantWhenAsked) {
  std::vector<Request> requests;
  for (const auto& item : cases_.as_array()) {
    requests.push_back(goldens::greedy_request(item.as_object(), 24));
    requests.back().logprobs = 5;
  }
  EngineOptions options;
  options.device = "cuda";
  options.batch_invariant = true;
  options.kv_memory_bytes = std::int64_t{64} << 20;
  std::vector<Result> alone;
  {
    Engine engine = Engine::load(directory_.string(), options);
    for (const Request& request : requests) alone.push_back(engine.generate(request));
  }
  for (const std::int64_t chunk : {7, 100000}) {
    options.max_batch_tokens = chunk;
    Engine engine = Engine::load(directory_.string(), options);
    const std::vector<Result> batched = engine.generate(requests);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(batched[i].token_ids, alone[i].token_ids);
      for (std::size_t t = 0; t < alone[i].logprobs.size(); ++t) {
        ASSERT_EQ(batched[i].logprobs[t].token.logprob, alone[i].logprobs[t].token.logprob)
            << "chunks of " << chunk << ", request " << i << ", token " << t;
      }
    }
  }
}

std::string name_of(const testing::TestParamInfo<std::string>& named) {
  return goldens::test_name(named.param);
}
INSTANTIATE_TEST_SUITE_P(Checkpoints, ExactOnGpu, testing::ValuesIn(goldens::all_checkpoints()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Checkpoints, FastOnGpu, testing::ValuesIn(goldens::all_checkpoints()),
                         name_of);

/// The built-in model says the same on both devices.
TEST(GlanceOnGpu, AnswersAsOnTheCpu) {
  if (!has_gpu()) GTEST_SKIP() << "there is no NVIDIA GPU here";
  const std::string root = std::string(SACCADE_SOURCE_DIR) + "/assets/";
  EngineOptions cpu;
  cpu.device = "cpu";
  EngineOptions gpu;
  gpu.device = "cuda";
  gpu.kv_memory_bytes = std::int64_t{1} << 30;
  Engine on_cpu = Engine::load(root + "glance", cpu);
  Engine on_gpu = Engine::load(root + "glance", gpu);
  for (const auto& entry : std::filesystem::directory_iterator(root + "pictures")) {
    for (const char* question :
         {"Describe this image in detail.", "What is this?", "How many objects are there?"}) {
      Request request;
      request.max_tokens = 64;
      request.sampling.temperature = 0.0;
      request.messages = {{"user", {read_image(entry.path().string()), std::string(question)}}};
      EXPECT_EQ(on_gpu.generate(request).text, on_cpu.generate(request).text)
          << entry.path() << ": " << question;
    }
  }
}

}  // namespace
}  // namespace saccade
