// Many requests at once: the same bits as alone, however they come, go and share.
#include "saccade/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <random>
#include <set>
#include <thread>

#include "engine/answers.h"
#include "goldens.h"
#include "saccade/bench.h"

namespace saccade {
namespace {

using namespace std::chrono_literals;

/// Notes all it hears.
class Ear : public RequestListener {
 public:
  void on_prompt(const Usage& usage) override { prompt = usage; }
  void on_text(const std::string& piece, std::span<const GeneratedLogprob> fresh) override {
    text += piece;
    logprobs += fresh.size();
  }
  void on_result(Result answer) override { result_.set_value(std::move(answer)); }
  void on_error(const Error& error) override {
    result_.set_exception(std::make_exception_ptr(error));
  }
  /// Waits for the end. Throws what the request failed with.
  Result result() { return result_.get_future().get(); }

  Usage prompt;
  std::string text;
  std::size_t logprobs = 0;

 private:
  std::promise<Result> result_;
};

/// Takes its time over what it hears, so that its answer lasts longer than any test looks at it:
/// tiny models write thousands of tokens in the time a busy machine takes to start a thread.
class SlowEar : public Ear {
 public:
  void on_text(const std::string& piece, std::span<const GeneratedLogprob> fresh) override {
    Ear::on_text(piece, fresh);
    std::this_thread::sleep_for(1ms);
  }
};

/// The requests of a golden checkpoint, sampled and greedy in turn.
std::vector<Request> mixed_requests(const std::filesystem::path& directory) {
  std::vector<Request> requests = requests_of(directory, 20);
  for (std::size_t i = 1; i < requests.size(); i += 2) {
    requests[i].sampling = {.temperature = 1.1, .top_p = 0.95, .seed = 100 + i};
  }
  return requests;
}

std::vector<Result> alone(const std::filesystem::path& directory,
                          std::span<const Request> requests) {
  Engine engine =
      Engine::load(directory.string(),
                   {.device = "cpu", .threads = 1, .prefix_cache = false, .vision_cache_bytes = 0});
  std::vector<Result> results;
  for (const Request& request : requests) results.push_back(engine.generate(request));
  return results;
}

class Services : public testing::TestWithParam<std::string> {
 protected:
  std::filesystem::path directory_ = goldens::root() / GetParam();
};

/// Random schedules: when requests come, how they are chunked, how little memory there is, who is
/// cancelled, whether caches are cleared between.
TEST_P(Services, AnswersAreThoseOfLoneRequests) {
  const std::vector<Request> requests = mixed_requests(directory_);
  const std::vector<Result> wanted = alone(directory_, requests);
  std::int64_t longest = 0;
  for (const Result& result : wanted) {
    longest = std::max(longest, result.usage.prompt_tokens + result.usage.completion_tokens);
  }
  std::mt19937 random(7);
  for (int round = 0; round < 4; ++round) {
    SCOPED_TRACE(round);
    EngineOptions options{.device = "cpu",
                          .threads = 1 + round % 2,
                          .max_batch_tokens = std::vector<std::int64_t>{512, 48, 7, 100}[round],
                          .vision_cache_bytes = round == 1 ? 0 : 1 << 20};
    // Room for hardly more than the longest one, so that some are set back.
    const ModelInfo info = inspect_model(directory_.string(), options);
    if (round % 2 == 1) {
      options.kv_memory_bytes = (longest / 64 + 3) * 64 * info.kv_bytes_per_token * 4 / 3 +
                                20 * info.state_bytes_per_sequence;
    }
    Service service(Engine::load(directory_.string(), options),
                    {.max_waiting = 1000, .max_slowdown = 0.5 + round});
    struct Asked {
      std::size_t index;
      std::shared_ptr<Ear> ear;
      bool cancelled;
    };
    std::vector<Asked> asked;
    for (std::size_t i = 0; i < 3 * requests.size(); ++i) {
      const std::size_t index = random() % requests.size();
      Request request = requests[index];
      request.priority = static_cast<int>(random() % 3);
      auto ear = std::make_shared<Ear>();
      Ticket ticket = service.submit(std::move(request), ear);
      const bool cancel = random() % 6 == 0;
      if (random() % 2 == 0) std::this_thread::sleep_for(1ms * (random() % 5));
      if (cancel) ticket.cancel();
      asked.push_back({index, ear, cancel});
      if (random() % 10 == 0) service.clear_caches();
    }
    for (const Asked& one : asked) {
      const Result result = one.ear->result();
      EXPECT_EQ(one.ear->text, result.text);
      EXPECT_EQ(one.ear->logprobs, result.logprobs.size());
      if (result.finish_reason == FinishReason::kCancelled) {
        EXPECT_TRUE(one.cancelled);
        continue;
      }
      expect_same(result, wanted[one.index]);
    }
    const ServiceStatus status = service.status();
    EXPECT_EQ(status.waiting + status.running, 0);
    EXPECT_EQ(status.failed, 0);
    EXPECT_EQ(status.finished + status.cancelled, static_cast<std::int64_t>(asked.size()));
    service.clear_caches();
    EXPECT_EQ(service.status().kv_pages_used, 0);
  }
}

/// What comes again is not computed again, and a hit is what was not computed.
TEST_P(Services, TheSameRequestIsReadOnce) {
  const std::vector<Request> requests = mixed_requests(directory_);
  Service service(Engine::load(directory_.string(), {.device = "cpu", .threads = 1}));
  for (const Request& request : requests) {
    const Result first = service.generate(request);
    const Result again = service.generate(request);
    expect_same(again, first);
    // Recurrent states are kept where pages end.
    const std::int64_t most = again.usage.prompt_tokens - 1;
    EXPECT_EQ(again.usage.cached_tokens,
              service.info().state_bytes_per_sequence > 0 ? most / 64 * 64 : most);
    std::int64_t images = 0;
    for (const Message& message : request.messages) {
      for (const auto& part : message.content) images += std::holds_alternative<ImageBytes>(part);
    }
    EXPECT_EQ(again.usage.cached_images, images);
    EXPECT_EQ(again.timings.vision_ms, 0.0);
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Services,
                         testing::Values("qwen2_5_vl/saved_f32", "qwen3_vl/saved_f32",
                                         "gemma3/saved_f32", "gemma4/dense_f32",
                                         "paligemma/gemma_f32", "florence2/saved_f32",
                                         "qwen3_5/saved_f32", "llava_onevision/anyres9_f32",
                                         "qwen3_moe/saved_f32"),
                         [](const auto& named) { return goldens::test_name(named.param); });

class ServiceTest : public testing::Test {
 protected:
  static constexpr const char* kCheckpoint = "qwen2_5_vl/saved_f32";
  std::string directory_ = (goldens::root() / kCheckpoint).string();
  std::vector<Request> requests_ = mixed_requests(directory_);

  Service service(const ServiceOptions& options = {}) {
    return Service(Engine::load(directory_, {.device = "cpu", .threads = 1}), options);
  }
};

TEST_F(ServiceTest, WhoIsSetBackAnswersTheSame) {
  // Memory for one answer and a half: each fits alone, two do not.
  std::vector<Request> requests = {requests_[0], requests_[1], requests_[0], requests_[1]};
  for (Request& request : requests) request.max_tokens = 300;
  const std::vector<Result> wanted = alone(directory_, std::span(requests).first(2));
  std::int64_t tokens = 0;
  for (const Result& result : wanted) tokens = std::max(tokens, result.usage.prompt_tokens + 300);
  const ModelInfo info = inspect_model(directory_, {.device = "cpu"});
  Service service(Engine::load(
      directory_, {.device = "cpu",
                   .threads = 1,
                   .kv_memory_bytes = (tokens * 3 / 2 / 64 + 1) * 64 * info.kv_bytes_per_token}));
  std::vector<std::shared_ptr<Ear>> ears;
  for (const Request& request : requests) {
    ears.push_back(std::make_shared<Ear>());
    service.submit(request, ears.back());
  }
  for (std::size_t i = 0; i < ears.size(); ++i) {
    const Result result = ears[i]->result();
    expect_same(result, wanted[i % 2]);
    EXPECT_EQ(ears[i]->text, result.text);
  }
  EXPECT_GT(service.status().preemptions, 0);
}

TEST_F(ServiceTest, ARequestThatFailsFailsAlone) {
  Service service = this->service();
  Request bad = requests_[0];
  bad.messages[0].content = {ImageBytes{{std::byte{1}, std::byte{2}}, "broken.png"}};
  const auto first = std::make_shared<Ear>();
  const auto second = std::make_shared<Ear>();
  const auto third = std::make_shared<Ear>();
  service.submit(requests_[0], first);
  service.submit(bad, second);
  bad = requests_[1];
  bad.sampling.temperature = -1.0;
  service.submit(bad, third);
  EXPECT_FALSE(first->result().token_ids.empty());
  EXPECT_THAT([&] { second->result(); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("broken.png")));
  EXPECT_THAT([&] { third->result(); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("temperature")));
  EXPECT_EQ(service.status().failed, 2);
}

TEST_F(ServiceTest, AFullQueueSaysSo) {
  Service service = this->service({.max_waiting = 3, .max_running = 1, .preparation_threads = 1});
  Request slow = requests_[0];
  slow.max_tokens = 5000;
  std::vector<Ticket> tickets;
  std::vector<std::shared_ptr<Ear>> ears;
  const auto submit = [&] {
    ears.push_back(std::make_shared<SlowEar>());
    tickets.push_back(service.submit(slow, ears.back()));
  };
  submit();
  while (service.status().running == 0) std::this_thread::sleep_for(1ms);
  for (int i = 0; i < 3; ++i) submit();
  EXPECT_THROW(submit(), QueueFull);
  for (Ticket& ticket : tickets) ticket.cancel();
  for (std::size_t i = 0; i < tickets.size(); ++i) {
    EXPECT_EQ(ears[i]->result().finish_reason, FinishReason::kCancelled);
  }
}

TEST_F(ServiceTest, APriorityGoesFirst) {
  Service service = this->service({.max_running = 1, .preparation_threads = 1});
  Request slow = requests_[0];
  slow.max_tokens = 300;
  const auto running = std::make_shared<SlowEar>();
  service.submit(slow, running);
  while (service.status().running == 0) std::this_thread::sleep_for(1ms);
  std::vector<int> order;
  struct Noting : RequestListener {
    Noting(std::vector<int>& to, int number) : list(to), id(number) {}
    void on_result(Result) override {
      list.push_back(id);
      done.set_value();
    }
    void on_error(const Error&) override { done.set_value(); }
    std::vector<int>& list;
    int id;
    std::promise<void> done;
  };
  std::vector<std::shared_ptr<Noting>> waiting;
  for (int i = 0; i < 4; ++i) {
    Request request = requests_[0];
    request.max_tokens = 2;
    request.priority = i;
    waiting.push_back(std::make_shared<Noting>(order, i));
    service.submit(request, waiting.back());
  }
  for (const auto& one : waiting) one->done.get_future().wait();
  EXPECT_EQ(order, (std::vector{3, 2, 1, 0}));
}

TEST_F(ServiceTest, DrainingFinishesWhatRunsAndTakesNoMore) {
  Service service = this->service();
  std::vector<std::shared_ptr<Ear>> ears;
  for (const Request& request : requests_) {
    ears.push_back(std::make_shared<Ear>());
    service.submit(request, ears.back());
  }
  service.drain();
  for (const auto& ear : ears) EXPECT_EQ(ear->result().finish_reason, FinishReason::kLength);
  EXPECT_THROW(service.submit(requests_[0], std::make_shared<Ear>()), Error);
}

TEST_F(ServiceTest, DrainingHasALimit) {
  Service service = this->service();
  Request slow = requests_[0];
  slow.max_tokens = 100000;
  const auto ear = std::make_shared<SlowEar>();
  service.submit(slow, ear);
  service.drain(50);
  EXPECT_EQ(ear->result().finish_reason, FinishReason::kCancelled);
}

TEST_F(ServiceTest, WhoIsLeftBehindIsTold) {
  const auto ear = std::make_shared<SlowEar>();
  {
    Service service = this->service();
    Request slow = requests_[0];
    slow.max_tokens = 100000;
    service.submit(slow, ear);
  }
  EXPECT_EQ(ear->result().finish_reason, FinishReason::kCancelled);
}

TEST_F(ServiceTest, AListenerThatThrowsLosesItsRequestAlone) {
  struct Thrower : Ear {
    void on_text(const std::string&, std::span<const GeneratedLogprob>) override {
      throw std::runtime_error("no more");
    }
  };
  Service service = this->service();
  const auto thrower = std::make_shared<Thrower>();
  const auto other = std::make_shared<Ear>();
  service.submit(requests_[0], thrower);
  service.submit(requests_[1], other);
  EXPECT_EQ(thrower->result().finish_reason, FinishReason::kCancelled);
  EXPECT_EQ(other->result().finish_reason, FinishReason::kLength);
}

TEST_F(ServiceTest, WithoutASeedAnswersDiffer) {
  Service service = this->service();
  Request request = requests_[0];
  request.sampling = {.temperature = 2.0, .top_p = 1.0, .top_k = 0};
  EXPECT_NE(service.generate(request).token_ids, service.generate(request).token_ids);
}

TEST_F(ServiceTest, AConversationIsReadOn) {
  Service service = this->service();
  Request request = requests_[0];
  const Result first = service.generate(request);
  request.messages.push_back({"assistant", {first.text}});
  request.messages.push_back({"user", {std::string("And then?")}});
  const Result second = service.generate(request);
  // All of the first turn but for tokens that its answer made others.
  EXPECT_GE(second.usage.cached_tokens, first.usage.prompt_tokens - 2);
  EXPECT_EQ(second.timings.vision_ms, 0.0);
}

TEST_F(ServiceTest, OptionsAreChecked) {
  EXPECT_THROW(this->service({.max_waiting = 0}), Error);
  EXPECT_THROW(this->service({.max_running = -1}), Error);
  EXPECT_THROW(this->service({.max_slowdown = 0.0}), Error);
}

/// 67 pictures of one size under one prompt, all at once and again in another order: engines that
/// know pictures by their placeholders answer all of them about the first.
TEST(Pictures, AreNeverMixedUp) {
  constexpr int kPictures = 67;
  const std::string glance = std::string(SACCADE_SOURCE_DIR) + "/assets/glance";
  std::vector<Request> requests(kPictures);
  for (int i = 0; i < kPictures; ++i) {
    requests[i].messages = {
        {"user", {bench_photo({160, 120}, 100 + i), std::string("What is in this picture?")}}};
    requests[i].max_tokens = 8;
    requests[i].logprobs = 3;
    requests[i].sampling.temperature = 0.0;
  }
  const std::vector<Result> wanted = alone(glance, requests);
  std::set<double> seen;
  for (const Result& result : wanted) seen.insert(result.logprobs.at(0).token.logprob);
  ASSERT_EQ(seen.size(), kPictures) << "answers about different pictures can be told apart";
  // Room for the embeddings of a few only: some are encoded anew.
  Service service(Engine::load(glance, {.device = "cpu", .vision_cache_bytes = 1 << 20}));
  std::vector<int> order(2 * kPictures);
  for (int i = 0; i < 2 * kPictures; ++i) order[i] = i % kPictures;
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  std::vector<std::shared_ptr<Ear>> ears;
  for (const int index : order) {
    ears.push_back(std::make_shared<Ear>());
    service.submit(requests[index], ears.back());
  }
  for (std::size_t i = 0; i < ears.size(); ++i) expect_same(ears[i]->result(), wanted[order[i]]);
}

}  // namespace
}  // namespace saccade
