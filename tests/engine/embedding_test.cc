// Embeddings: what transformers' values say they are, and the same bits alone, batched and chunked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <future>
#include <numeric>

#include "engine/answers.h"
#include "goldens.h"
#include "saccade/engine.h"
#include "saccade/service.h"

namespace saccade {
namespace {

using testing::HasSubstr;

using Vector = std::vector<float>;

constexpr std::int64_t kNoChunks = 100'000;

/// What can be asked of a golden checkpoint: of every case mean and last token, of every picture
/// its own.
std::vector<Request> embedding_requests(const std::filesystem::path& directory) {
  std::vector<Request> requests;
  const bool texts = directory.string().find("florence2") == std::string::npos;
  for (const Request& asked : requests_of(directory, 1)) {
    for (const Message& message : asked.messages) {
      for (const auto& part : message.content) {
        if (!std::holds_alternative<ImageBytes>(part)) continue;
        requests.push_back(picture_embedding(std::get<ImageBytes>(part)));
        requests.back().min_pixels = asked.min_pixels;
        requests.back().max_pixels = asked.max_pixels;
      }
    }
    for (const Embedding embedding : {Embedding::kMean, Embedding::kLastToken}) {
      if (!texts) break;
      requests.push_back(asked);
      requests.back().logprobs.reset();
      requests.back().embedding = embedding;
    }
  }
  return requests;
}

double length(const Vector& values) {
  return std::sqrt(std::inner_product(values.begin(), values.end(), values.begin(), 0.0));
}

/// How far `found` is from `wanted` once both have length 1.
double distance(const Vector& found, const Vector& wanted) {
  if (found.size() != wanted.size()) return 1e9;
  double squares = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    squares += std::pow(found[i] / length(found) - wanted[i] / length(wanted), 2);
  }
  return std::sqrt(squares);
}

/// The mean of rows of so many values, of which the first `width` count.
Vector mean_of(const Vector& rows, std::size_t stride, std::size_t width) {
  Vector mean(width);
  for (std::size_t begin = 0; begin < rows.size(); begin += stride) {
    for (std::size_t i = 0; i < width; ++i) mean[i] += rows[begin + i];
  }
  return mean;
}

class Embeddings : public testing::TestWithParam<std::string> {
 protected:
  std::filesystem::path directory_ = goldens::root() / GetParam();
};

TEST_P(Embeddings, AloneBatchedChunkedAndServedAreTheSameBits) {
  const std::vector<Request> requests = embedding_requests(directory_);
  std::vector<Result> alone;
  {
    Engine engine = Engine::load(
        directory_.string(),
        {.device = "cpu", .threads = 1, .prefix_cache = false, .vision_cache_bytes = 0});
    for (const Request& request : requests) alone.push_back(engine.generate(request));
  }
  for (const Result& result : alone) {
    EXPECT_NEAR(length(result.embedding), 1.0, 1e-6);
    EXPECT_THAT(result.token_ids, testing::IsEmpty());
    EXPECT_GT(result.usage.prompt_tokens, 0);
  }
  for (const std::int64_t chunk : {std::int64_t{7}, kNoChunks}) {
    Engine engine = Engine::load(directory_.string(),
                                 {.device = "cpu", .threads = 2, .max_batch_tokens = chunk});
    const std::vector<Result> together = engine.generate(requests);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(together[i].embedding, alone[i].embedding) << i;
      EXPECT_EQ(together[i].usage.prompt_tokens, alone[i].usage.prompt_tokens) << i;
    }
    // With warm caches.
    for (std::size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(engine.generate(requests[i]).embedding, alone[i].embedding) << i;
    }
  }
}

/// Beside answers, which do not change either, and where memory runs out.
TEST_P(Embeddings, StandBesideAnswers) {
  const std::vector<Request> requests = embedding_requests(directory_);
  const std::vector<Request> questions = requests_of(directory_, 12);
  EngineOptions options{.device = "cpu", .threads = 1};
  Engine engine = Engine::load(directory_.string(), options);
  const std::vector<Result> wanted = engine.generate(requests);
  const std::vector<Result> answers = engine.generate(questions);
  std::int64_t longest = 0;
  for (const Result& answer : answers) {
    longest = std::max(longest, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  }
  const ModelInfo& info = engine.info();
  options.kv_memory_bytes = (longest / 64 + 3) * 64 * info.kv_bytes_per_token * 4 / 3 +
                            20 * info.state_bytes_per_sequence;
  options.max_batch_tokens = 48;
  Service service(Engine::load(directory_.string(), options), {.max_waiting = 1000});
  std::vector<std::future<Result>> found_answers, found;
  const auto ask = [&](const Request& request) {
    return std::async(std::launch::async,
                      [&service, request] { return service.generate(request); });
  };
  for (std::size_t i = 0; i < requests.size(); ++i) {
    found_answers.push_back(ask(questions[i % questions.size()]));
    found.push_back(ask(requests[i]));
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    expect_same(found_answers[i].get(), answers[i % questions.size()]);
    EXPECT_EQ(found[i].get().embedding, wanted[i].embedding) << i;
  }
  service.clear_caches();
  EXPECT_EQ(service.status().kv_pages_used, 0);
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Embeddings, testing::ValuesIn(goldens::all_checkpoints()),
                         [](const auto& named) { return goldens::test_name(named.param); });

/// What transformers computed with a checkpoint in float32.
class GoldenEmbeddings : public Embeddings {
 protected:
  /// The case with this name and what it asks.
  Request request_of(const std::string& name) const {
    const boost::json::value cases = read_json_file(directory_ / "cases.json");
    for (const auto& item : cases.as_array()) {
      if (item.at("name").as_string() == name) return goldens::greedy_request(item.as_object(), 1);
    }
    throw Error("there is no case " + name);
  }
  bool has(const std::string& tensor) const { return expected_.entries().contains(tensor); }
  Vector golden(const std::string& tensor) const {
    return goldens::values(expected_.tensor(tensor));
  }

  const checkpoint::SafetensorsFile expected_{directory_ / "expected.safetensors"};
  Engine engine_ =
      Engine::load(directory_.string(), {.device = "cpu", .activations = Activations::kF32});
};

/// Logits are a linear map of what is pooled: those of the mean are the mean of transformers' own.
TEST_P(GoldenEmbeddings, OfTextsGiveTransformersLogits) {
  const checkpoint::SafetensorsFile weights(directory_ / "model.safetensors");
  const HostTensor head = weights.tensor("lm_head.weight");
  const Vector rows = goldens::values(head);
  const auto logits_of = [&](const Vector& embedding) {
    Vector logits;
    for (auto row = rows.begin(); row != rows.end(); row += head.shape[1]) {
      logits.push_back(
          static_cast<float>(std::inner_product(embedding.begin(), embedding.end(), row, 0.0)));
    }
    return logits;
  };
  for (const char* name : {"smallest", "multi_turn"}) {
    SCOPED_TRACE(name);
    Request request = request_of(name);
    request.embedding = Embedding::kLastToken;
    const Vector logits = golden(std::string(name) + ".logits");
    EXPECT_LT(distance(logits_of(engine_.generate(request).embedding), logits), 1e-4);
    request.embedding = Embedding::kMean;
    const Vector mean = logits_of(engine_.generate(request).embedding);
    EXPECT_GT(distance(mean, logits), 1e-2);
    if (!has(std::string(name) + ".all_logits")) continue;
    const Vector all = golden(std::string(name) + ".all_logits");
    EXPECT_LT(distance(mean, mean_of(all, logits.size(), logits.size())), 1e-4);
  }
}

TEST_P(GoldenEmbeddings, OfPicturesAreTheMeanOfTransformersOwn) {
  const Request request = request_of("smallest");
  for (const auto& part : request.messages.back().content) {
    if (!std::holds_alternative<ImageBytes>(part)) continue;
    Request wanted = picture_embedding(std::get<ImageBytes>(part));
    wanted.min_pixels = request.min_pixels;
    wanted.max_pixels = request.max_pixels;
    const Result result = engine_.generate(wanted);
    const HostTensor embeds = expected_.tensor("smallest.image_embeds");
    EXPECT_EQ(result.usage.image_tokens, embeds.shape[0]);
    EXPECT_LT(distance(result.embedding,
                       mean_of(goldens::values(embeds), static_cast<std::size_t>(embeds.shape[1]),
                               result.embedding.size())),
              1e-4);
    return;
  }
  FAIL() << "the case has no picture";
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, GoldenEmbeddings,
                         testing::Values("qwen2_5_vl/saved_f32", "qwen3_vl/saved_f32"),
                         [](const auto& named) { return goldens::test_name(named.param); });

class GlanceEmbeddings : public testing::Test {
 protected:
  std::string error_of(const Request& request) {
    try {
      engine_.generate(request);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  Engine engine_ = Engine::load("glance", {.device = "cpu"});
};

TEST_F(GlanceEmbeddings, OfTokensAreThoseOfTheirText) {
  const Request text = text_embedding("a red circle beside a blue square");
  Request ids;
  ids.embedding = Embedding::kMean;
  ids.prompt_ids = count_tokens("glance", text).token_ids;
  EXPECT_EQ(engine_.generate(ids).embedding, engine_.generate(text).embedding);
  Request other = ids;
  other.prompt_ids.pop_back();
  EXPECT_NE(engine_.generate(other).embedding, engine_.generate(text).embedding);
}

TEST_F(GlanceEmbeddings, TakePicturesOnceInTheVisionCache) {
  const ImageBytes picture = read_image(SACCADE_SOURCE_DIR "/assets/pictures/beach.jpg");
  const Result first = engine_.generate(picture_embedding(picture));
  EXPECT_EQ(first.usage.cached_images, 0);
  const Result again = engine_.generate(picture_embedding(picture));
  EXPECT_EQ(again.usage.cached_images, 1);
  EXPECT_EQ(again.embedding, first.embedding);
}

TEST_F(GlanceEmbeddings, RefuseWhatNoneIsMadeOf) {
  const ImageBytes picture = read_image(SACCADE_SOURCE_DIR "/assets/pictures/beach.jpg");
  Request request = picture_embedding(picture);
  request.messages[0].content.emplace_back("what is it?");
  EXPECT_THAT(error_of(request), HasSubstr("one picture and nothing beside it"));
  request = text_embedding("a");
  request.embedding = Embedding::kPicture;
  EXPECT_THAT(error_of(request), HasSubstr("one picture and nothing beside it"));
  request = text_embedding("a");
  request.logprobs = 1;
  EXPECT_THAT(error_of(request), HasSubstr("has no log-probabilities"));
  request = text_embedding("a");
  request.prompt_ids = {1};
  EXPECT_THAT(error_of(request), HasSubstr("either a text or token ids"));
  request.prompt.reset();
  for (const std::int32_t id : {-1, 1 << 30}) {
    request.prompt_ids = {id};
    EXPECT_THAT(error_of(request), HasSubstr("is no token of this model"));
  }
  EXPECT_THAT(error_of(picture_embedding({{std::byte{1}}, "x.png"})), HasSubstr("x.png"));
}

TEST(EncoderDecoderEmbeddings, AreOfPicturesAlone) {
  Engine engine = Engine::load((goldens::root() / "florence2/saved_f32").string());
  try {
    engine.generate(text_embedding("<CAPTION>"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("florence2 has an encoder and a decoder"));
  }
}

}  // namespace
}  // namespace saccade
