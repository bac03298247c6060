#include "photos/eval/asking.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/memory_info.h"

namespace saccade::photos::eval {
namespace {

constexpr int kAttempts = 3;
constexpr int kMaxUnavailableOnEnd = 3;
constexpr std::chrono::milliseconds kLongestPause{30'000};
constexpr std::chrono::milliseconds kLook{20};

void pause(std::chrono::milliseconds time, const std::atomic<bool>& cancelled) {
  const auto end = std::chrono::steady_clock::now() + std::min(time, kLongestPause);
  while (!cancelled && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::min(kLook, time));
  }
}

/// Asks until the model is available, or was not too often. Throws VlmUnavailable when cancelled.
Answered ask_once(Vlm& vlm, const VlmQuestion& question, const AskingOptions& options,
                  const std::atomic<bool>& cancelled) {
  std::chrono::milliseconds wait = options.retry_pause;
  for (int attempt = 1;; ++attempt) {
    Answered answered;
    try {
      VlmAnswer answer = vlm.ask(question, cancelled);
      answered.text = std::move(answer.text);
      answered.total_ms = answer.total_ms;
      answered.usage = answer.usage;
      if (!answer.complete && !question.schema.empty()) {
        answered.error = fmt::format("the answer breaks off after {} tokens", question.max_tokens);
      }
      return answered;
    } catch (const VlmUnavailable& error) {
      if (cancelled) throw;
      answered.error = error.what();
      answered.unavailable = true;
      if (attempt == kAttempts) return answered;
      pause(error.retry_in() ? *error.retry_in() : wait, cancelled);
      wait *= 2;
    } catch (const Error& error) {
      answered.error = error.what();
      return answered;
    }
  }
}

VlmQuestion question_about(const EvaluatedPhoto& photo, const EvaluatedPrompt& prompt) {
  return {.prompt = prompt.text,
          .schema = prompt.schema,
          .picture = photo.picture(),
          .max_pixels = prompt.max_pixels,
          .max_tokens = prompt.max_tokens,
          .priority = 0};
}

/// Asks one model with one prompt. `warm`: it has answered before.
void ask_variant(VariantAnswers& variant, Vlm& vlm, bool warm,
                 std::span<const EvaluatedPhoto> photos, const EvaluatedPrompt& prompt,
                 const AskingOptions& options, const std::atomic<bool>& cancelled) {
  const std::string what = fmt::format("{}, {}", vlm.name(), prompt.name);
  int unavailable_on_end = 0;
  for (std::size_t i = 0; i < photos.size(); ++i) {
    if (options.on_progress) options.on_progress(what, i, photos.size());
    Answered answered;
    try {
      answered = ask_once(vlm, question_about(photos[i], prompt), options, cancelled);
    } catch (const VlmUnavailable&) {
      throw;
    } catch (const Error& error) {  // of the picture
      answered.error = error.what();
      answered.unavailable = true;
      variant.answers.push_back(std::move(answered));
      continue;
    }
    unavailable_on_end = answered.unavailable ? unavailable_on_end + 1 : 0;
    if (unavailable_on_end == kMaxUnavailableOnEnd) {
      throw VlmUnavailable(fmt::format("{} (and so for {} photos on end; the evaluation ends)",
                                       answered.error, kMaxUnavailableOnEnd));
    }
    // A model's first answer waits for weights to be packed, which says nothing about the others.
    const bool timed = answered.total_ms > 0.0 && (warm || photos.size() == 1);
    if (timed) variant.latencies_ms.push_back(answered.total_ms);
    warm = warm || answered.total_ms > 0.0;
    variant.answers.push_back(std::move(answered));
  }
}

}  // namespace

VlmSettings for_evaluation(VlmSettings settings) {
  settings.engine.vision_cache_bytes = 0;
  settings.engine.cache_dir.clear();
  return settings;
}

std::vector<VariantAnswers> ask_all(std::span<const EvaluatedPhoto> photos,
                                    std::span<const EvaluatedModel> models,
                                    std::span<const EvaluatedPrompt> prompts,
                                    const AskingOptions& options,
                                    const std::atomic<bool>& cancelled) {
  std::vector<VariantAnswers> variants;
  for (std::size_t model = 0; model < models.size(); ++model) {
    const std::shared_ptr<Vlm> vlm = models[model].open();
    for (std::size_t prompt = 0; prompt < prompts.size(); ++prompt) {
      VariantAnswers& variant = variants.emplace_back();
      variant.model = model;
      variant.prompt = prompt;
      variant.model_name = vlm->name();
      forget_peak_memory();
      ask_variant(variant, *vlm, prompt > 0, photos, prompts[prompt], options, cancelled);
      variant.memory_bytes = vlm->memory_bytes();
      if (variant.memory_bytes) variant.peak_memory_bytes = saccade::peak_memory_bytes();
    }
  }
  return variants;
}

}  // namespace saccade::photos::eval
