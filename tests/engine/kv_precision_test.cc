// Keys and values of 8 bits: where they are taken, where refused, and that answers stay the same
// however sequences share what is stored.
#include <gtest/gtest.h>

#include <string>

#include "answers.h"
#include "base/error.h"
#include "goldens.h"
#include "saccade/engine.h"

namespace saccade {
namespace {

std::string quantized() {
  return (goldens::root() / "gguf" / "llama_quantized.gguf").string();
}
std::string floats() {
  return (goldens::root() / "llama" / "published_bf16").string();
}

std::int64_t kv_bytes(const std::string& model, KvPrecision precision,
                      Activations activations = Activations::kInt8) {
  EngineOptions options{.device = "cpu", .activations = activations};
  options.kv_precision = precision;
  return inspect_model(model, options).kv_bytes_per_token;
}

TEST(KvPrecision, FollowsTheWeightsUnlessOneSaysOtherwise) {
  for (const std::string& model : {quantized(), floats()}) {
    EXPECT_LT(kv_bytes(model, KvPrecision::kInt8), kv_bytes(model, KvPrecision::kInt16));
  }
  EXPECT_EQ(kv_bytes(quantized(), KvPrecision::kAuto), kv_bytes(quantized(), KvPrecision::kInt8));
  EXPECT_EQ(kv_bytes(floats(), KvPrecision::kAuto), kv_bytes(floats(), KvPrecision::kInt16));
  EXPECT_GT(kv_bytes(quantized(), KvPrecision::kAuto, Activations::kF32),
            kv_bytes(quantized(), KvPrecision::kInt16));
}

TEST(KvPrecision, IsRefusedWhereItWouldDoNothing) {
  for (const KvPrecision precision : {KvPrecision::kInt8, KvPrecision::kInt16}) {
    try {
      kv_bytes(floats(), precision, Activations::kF32);
      ADD_FAILURE() << "was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_NE(std::string(error.what()).find("32 bits with f32 activations"), std::string::npos);
    }
  }
}

TEST(KvPrecision, SharedAndChunkedPromptsGiveTheSameAnswers) {
  // Alone and in one chunk; in chunks that end anywhere; and after another prompt has left its
  // first pages.
  EngineOptions options{.device = "cpu"};
  options.kv_precision = KvPrecision::kInt8;
  std::string text;
  for (int i = 0; i < 60; ++i) text += "What is seen on picture number " + std::to_string(i) + "? ";
  const auto ask = [&](Engine& engine, const std::string& end) {
    Request request;
    request.messages.push_back({"user", {text + end}});
    request.max_tokens = 12;
    request.logprobs = 5;
    return engine.generate(request);
  };
  EngineOptions alone = options;
  alone.prefix_cache = false;
  Engine whole = Engine::load(quantized(), alone);
  const Result wanted = ask(whole, "And then?");
  EXPECT_FALSE(wanted.logprobs.empty());
  for (const std::int64_t chunk : {7, 64, 150}) {
    EngineOptions chunked = options;
    chunked.max_batch_tokens = chunk;
    Engine engine = Engine::load(quantized(), chunked);
    ask(engine, "What else?");
    const Result found = ask(engine, "And then?");
    EXPECT_GT(found.usage.cached_tokens, 64) << chunk;
    expect_same(found, wanted);
  }
}

}  // namespace
}  // namespace saccade
