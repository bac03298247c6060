#include "photos/eval/asking.h"

#include <fmt/format.h>

#include <variant>

#include "base/memory_info.h"
#include "photos/eval/patient_vlm.h"

namespace saccade::photos::eval {
namespace {

constexpr int kMaxUnavailableOnEnd = 3;

/// The question, or why the photo's picture is not to be had.
std::variant<VlmQuestion, Answered> question_about(const EvaluatedPhoto& photo,
                                                   const EvaluatedPrompt& prompt) {
  try {
    return VlmQuestion{.prompt = prompt.text,
                       .schema = prompt.schema,
                       .picture = photo.picture(),
                       .max_pixels = prompt.max_pixels,
                       .max_tokens = prompt.max_tokens,
                       .priority = 0};
  } catch (const Error& error) {
    Answered answered;
    answered.error = error.what();
    answered.unavailable = true;
    return answered;
  }
}

/// Throws VlmUnavailable when cancelled; everything else that goes wrong is in what it returns.
Answered ask(Vlm& vlm, const VlmQuestion& question, const std::atomic<bool>& cancelled) {
  Answered answered;
  try {
    VlmAnswer answer = vlm.ask(question, cancelled);
    answered.text = std::move(answer.text);
    answered.total_ms = answer.total_ms;
    answered.usage = answer.usage;
    if (!answer.complete && !question.schema.empty()) {
      answered.error = fmt::format("the answer breaks off after {} tokens", question.max_tokens);
    }
  } catch (const VlmUnavailable& error) {
    if (cancelled) throw;
    answered.error = error.what();
    answered.unavailable = true;
  } catch (const Error& error) {
    answered.error = error.what();
  }
  return answered;
}

/// Asks one model with one prompt. `warm`: it has answered before.
void ask_variant(VariantAnswers& variant, Vlm& vlm, bool warm,
                 std::span<const EvaluatedPhoto> photos, const EvaluatedPrompt& prompt,
                 const AskingOptions& options, const std::atomic<bool>& cancelled) {
  const std::string what = fmt::format("{}, {}", vlm.name(), prompt.name);
  int unavailable_on_end = 0;
  for (std::size_t i = 0; i < photos.size(); ++i) {
    if (options.on_progress) options.on_progress(what, i, photos.size());
    const auto question = question_about(photos[i], prompt);
    if (const auto* no_picture = std::get_if<Answered>(&question)) {
      variant.answers.push_back(*no_picture);
      continue;
    }
    Answered answered = ask(vlm, std::get<VlmQuestion>(question), cancelled);
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
    PatientVlm vlm(models[model].open(), options.retry_pause);
    for (std::size_t prompt = 0; prompt < prompts.size(); ++prompt) {
      VariantAnswers& variant = variants.emplace_back();
      variant.model = model;
      variant.prompt = prompt;
      forget_peak_memory();
      ask_variant(variant, vlm, prompt > 0, photos, prompts[prompt], options, cancelled);
      variant.memory_bytes = vlm.memory_bytes();
      if (variant.memory_bytes) variant.peak_memory_bytes = saccade::peak_memory_bytes();
    }
  }
  return variants;
}

}  // namespace saccade::photos::eval
