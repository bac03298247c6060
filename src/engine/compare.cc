#include "saccade/compare.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <utility>

#include "base/error.h"
#include "engine/divergence.h"
#include "engine/spill_file.h"
#include "saccade/tokenizer.h"

namespace saccade {
namespace {

using Clock = std::chrono::steady_clock;

/// What A made of a question.
struct Answer {
  std::vector<std::int32_t> prompt;
  std::vector<std::int32_t> tokens;
};

/// Every prompt about every picture: picture by picture, so that the vision cache holds the one
/// that is asked about.
class Questions {
 public:
  explicit Questions(const CompareOptions& options) : options_(options) {}

  /// The first one about a picture.
  bool begins_picture(std::int64_t index) const {
    return !options_.images.empty() &&
           index % static_cast<std::int64_t>(options_.prompts.size()) == 0;
  }

  std::int64_t count() const {
    const std::size_t images = std::max<std::size_t>(1, options_.images.size());
    return static_cast<std::int64_t>(images * options_.prompts.size());
  }

  Request request(std::int64_t index) const {
    const auto prompts = static_cast<std::int64_t>(options_.prompts.size());
    Message message{"user", {}};
    if (!options_.images.empty()) {
      message.content.emplace_back(read_image(options_.images[index / prompts]));
    }
    message.content.emplace_back(options_.prompts[index % prompts]);
    Request request;
    request.messages.push_back(std::move(message));
    request.max_tokens = options_.max_tokens;
    request.max_pixels = options_.max_pixels;
    // Whatever generation_config.json says: these are the model's own likeliest tokens.
    request.sampling.temperature = 0.0;
    request.sampling.repetition_penalty = 1.0;
    return request;
  }

 private:
  const CompareOptions& options_;
};

/// Passes on what the engine tells, and knows how long that took.
class Follower : public Listener {
 public:
  Follower(CompareListener& listener, CompareProgress progress)
      : listener_(listener), progress_(progress) {}

  std::function<void(std::span<const std::int32_t>)> take_prompt;
  std::function<void(std::span<const float>)> take_logits;
  std::function<void(std::span<const float>)> take_image;  ///< empty: not wanted
  double taking_ms = 0.0;                                  ///< spent in take_logits

  void begin_question(std::int64_t index, std::int64_t total) {
    progress_ = {progress_.reference, false, index, total};
    listener_.on_progress(progress_);
  }

  void on_progress(Stage stage, std::int64_t done, std::int64_t total) override {
    if (stage == Stage::kLoading) {
      progress_.done = done;
      progress_.total = total;
    }
    listener_.on_progress(progress_);
  }
  void on_prompt(std::span<const std::int32_t> ids) override { take_prompt(ids); }
  bool watches_logits() const override { return true; }
  void on_logits(std::span<const float> logits) override {
    const Clock::time_point begin = Clock::now();
    take_logits(logits);
    taking_ms += std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  }
  void on_image(std::span<const float> embeddings) override { take_image(embeddings); }
  bool watches_images() const override { return take_image != nullptr; }
  bool cancelled() override { return listener_.cancelled(); }

 private:
  CompareListener& listener_;
  CompareProgress progress_;
};

/// Adds up what the questions took.
class Meter {
 public:
  /// `other_ms`: of the time between the first token and the last, what was not the model's.
  void add(const Result& result, double other_ms) {
    prompt_tokens_ += result.usage.prompt_tokens - result.usage.cached_tokens;
    next_tokens_ += result.usage.completion_tokens - 1;
    prefill_ms_ += result.timings.prefill_ms;
    decode_ms_ += result.timings.decode_ms - other_ms;
    vision_ms_ += result.timings.vision_ms;
    load_ms_ = result.timings.load_ms;
  }

  CompareSide side(const CompareModel& model, const Engine& engine, std::size_t images) const {
    return {.model = model.model,
            .bytes = engine.info().bytes,
            .load_ms = load_ms_,
            .vision_ms = images > 0 ? vision_ms_ / static_cast<double>(images) : 0.0,
            .prefill_tokens_per_second = rate(prompt_tokens_, prefill_ms_),
            .decode_tokens_per_second = rate(next_tokens_, decode_ms_),
            .device = engine.device().name};
  }

 private:
  static double rate(std::int64_t tokens, double ms) {
    return ms > 0.0 ? static_cast<double>(tokens) * 1000.0 / ms : 0.0;
  }

  std::int64_t prompt_tokens_ = 0;  // that were read, not found in the prefix cache
  std::int64_t next_tokens_ = 0;
  double prefill_ms_ = 0.0;
  double decode_ms_ = 0.0;
  double vision_ms_ = 0.0;
  double load_ms_ = 0.0;
};

/// |b - a| / |a|
double relative_error(std::span<const float> a, std::span<const float> b) {
  double difference = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(b[i]) - a[i], 2);
    norm += std::pow(static_cast<double>(a[i]), 2);
  }
  return norm > 0.0 ? std::sqrt(difference / norm) : 0.0;
}

void check_same_prompt(const CompareOptions& options, std::span<const std::int32_t> a,
                       std::span<const std::int32_t> b) {
  if (std::equal(a.begin(), a.end(), b.begin(), b.end())) return;
  const auto [at, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  fail(
      "{} and {} cannot be compared: they read the same prompt as different tokens ({} and {}, "
      "different from token {} on), so their tokenizers, chat templates or pictures differ",
      options.a.model, options.b.model, a.size(), b.size(), at - a.begin() + 1);
}

/// Rows for which no token stands are often added to a vocabulary's matrix to round its size, and
/// not the same number by every program. The rows both have are compared if their tokens are equal.
void check_same_tokens(const CompareOptions& options, std::int64_t size_a, std::int64_t size_b) {
  const Tokenizer a = Tokenizer::load(options.a.model);
  const Tokenizer b = Tokenizer::load(options.b.model);
  const auto refuse = [&](std::int32_t id) {
    fail(
        "{} and {} cannot be compared: their vocabularies have {} and {} tokens, different from "
        "token {} on",
        options.a.model, options.b.model, size_a, size_b, id);
  };
  const auto shared = static_cast<std::int32_t>(std::min(size_a, size_b));
  const std::int32_t known = std::min({a.vocab_size(), b.vocab_size(), shared});
  for (std::int32_t id = 0; id < known; ++id) {
    if (a.decode(std::span(&id, 1)) != b.decode(std::span(&id, 1))) refuse(id);
  }
  // A token that only one of them can say is a difference, too, and not padding.
  if (a.vocab_size() > shared || b.vocab_size() > shared) refuse(shared);
}

class Comparison {
 public:
  Comparison(const CompareOptions& options, CompareListener& listener)
      : options_(options), listener_(listener), questions_(options) {}

  CompareReport run() {
    check_options();
    check_comparable();
    report_.questions = questions_.count();
    report_.complete = ask_reference() && lead_other();
    if (!report_.complete) return report_;
    const auto positions = static_cast<std::int64_t>(divergences_.size());
    const auto share = [](std::int64_t part, std::int64_t whole) {
      return static_cast<double>(part) / static_cast<double>(whole);
    };
    report_.positions = positions;
    report_.same_tokens = share(same_tokens_, positions);
    report_.same_answers = share(same_answers_, report_.questions);
    report_.same_prefix = share(prefix_tokens_, positions);
    report_.divergence = engine::summarize(std::move(divergences_));
    if (!tower_errors_.empty()) {
      report_.tower_error = {std::accumulate(tower_errors_.begin(), tower_errors_.end(), 0.0) /
                                 static_cast<double>(tower_errors_.size()),
                             *std::max_element(tower_errors_.begin(), tower_errors_.end())};
    }
    return report_;
  }

 private:
  void check_options() const {
    if (options_.prompts.empty()) fail_usage("prompts: wanted at least one, found none");
    if (options_.max_tokens < 1) {
      fail_usage("max-tokens: wanted a count from 1 up, found {}", options_.max_tokens);
    }
  }

  /// Before anything takes long: vocabularies, and what the first question becomes.
  void check_comparable() {
    const std::int64_t size_a = inspect_model(options_.a.model, options_.a.engine).vocab_size;
    const std::int64_t size_b = inspect_model(options_.b.model, options_.b.engine).vocab_size;
    report_.vocab_size = std::min(size_a, size_b);
    const Request first = questions_.request(0);
    check_same_prompt(options_, count_tokens(options_.a.model, first, options_.a.engine).token_ids,
                      count_tokens(options_.b.model, first, options_.b.engine).token_ids);
    if (size_a != size_b) check_same_tokens(options_, size_a, size_b);
  }

  /// Runs one question, with its number in whatever goes wrong. False: cancelled.
  template <typename Run>
  bool answer(const CompareModel& model, std::int64_t index, Follower& follower, Meter& meter,
              Run&& run) {
    follower.begin_question(index, questions_.count());
    follower.taking_ms = 0.0;
    try {
      const Result result = run(questions_.request(index));
      if (result.finish_reason == FinishReason::kCancelled) return false;
      meter.add(result, follower.taking_ms);
    } catch (const Error& error) {
      throw Error(fmt::format("{}, question {}: {}", model.model, index + 1, error.what()),
                  error.kind());
    }
    return true;
  }

  bool ask_reference() {
    Follower follower(listener_, {.reference = true});
    Engine engine = Engine::load(options_.a.model, options_.a.engine, &follower);
    Meter meter;
    answers_.resize(static_cast<std::size_t>(questions_.count()));
    for (std::int64_t i = 0; i < questions_.count(); ++i) {
      Answer& kept = answers_[i];
      follower.take_prompt = [&](std::span<const std::int32_t> ids) {
        kept.prompt.assign(ids.begin(), ids.end());
      };
      // Logits and not probabilities: these are the bits that B's will be compared with.
      follower.take_logits = [&](std::span<const float> logits) {
        logits_.write(logits.first(report_.vocab_size));
      };
      follower.take_image = nullptr;
      if (questions_.begins_picture(i)) {
        follower.take_image = [&](std::span<const float> embeddings) {
          image_sizes_.push_back(embeddings.size());
          images_.write(embeddings);
        };
      }
      const bool done = answer(options_.a, i, follower, meter, [&](const Request& request) {
        Result result = engine.generate(request, &follower);
        kept.tokens = result.token_ids;
        return result;
      });
      if (!done) return false;
    }
    report_.a = meter.side(options_.a, engine, options_.images.size());
    return true;
  }

  bool lead_other() {
    Follower follower(listener_, {.reference = false});
    Engine engine = Engine::load(options_.b.model, options_.b.engine, &follower);
    Meter meter;
    for (std::int64_t i = 0; i < questions_.count(); ++i) {
      const Answer& given = answers_[i];
      bool same_so_far = true;
      follower.take_prompt = [&](std::span<const std::int32_t> ids) {
        check_same_prompt(options_, given.prompt, ids);
      };
      follower.take_logits = [&](std::span<const float> logits) {
        same_so_far &= compare_position(logits.first(report_.vocab_size));
        if (same_so_far) ++prefix_tokens_;
      };
      follower.take_image = nullptr;
      if (questions_.begins_picture(i)) {
        follower.take_image = [&](std::span<const float> embeddings) { compare_image(embeddings); };
      }
      const bool done = answer(options_.b, i, follower, meter, [&](const Request& request) {
        return engine.score(request, given.tokens, &follower);
      });
      if (!done) return false;
      if (same_so_far) ++same_answers_;
    }
    report_.b = meter.side(options_.b, engine, options_.images.size());
    return true;
  }

  void compare_image(std::span<const float> embeddings) {
    std::vector<float> reference(image_sizes_[pictures_++]);
    images_.read(reference);
    if (reference.size() != embeddings.size()) return;
    tower_errors_.push_back(relative_error(reference, embeddings));
  }

  /// Whether both find the same token likeliest.
  bool compare_position(std::span<const float> logits) {
    reference_.resize(logits.size());
    logits_.read(reference_);
    divergences_.push_back(engine::kl_divergence(reference_, logits));
    const bool same = engine::likeliest(reference_) == engine::likeliest(logits);
    if (same) ++same_tokens_;
    return same;
  }

  const CompareOptions& options_;
  CompareListener& listener_;
  Questions questions_;
  engine::SpillFile logits_;  // of A at every position, [positions, vocab_size]
  engine::SpillFile images_;  // what A's tower made of each picture
  std::vector<std::size_t> image_sizes_;
  std::size_t pictures_ = 0;  // compared
  std::vector<double> tower_errors_;
  std::vector<Answer> answers_;
  std::vector<float> reference_;  // [vocab_size]
  std::vector<double> divergences_;
  std::int64_t same_tokens_ = 0;
  std::int64_t same_answers_ = 0;
  std::int64_t prefix_tokens_ = 0;
  CompareReport report_;
};

}  // namespace

CompareReport compare(const CompareOptions& options, CompareListener* listener) {
  CompareListener nobody;
  return Comparison(options, listener ? *listener : nobody).run();
}

}  // namespace saccade
