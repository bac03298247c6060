// Asking every model about every photo with every prompt, and keeping what came.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "photos/vlm/vlm.h"

namespace saccade::photos::eval {

struct EvaluatedPhoto {
  std::int64_t id = 0;
  std::string name;    ///< its path
  std::string digest;  ///< SHA-256 of the file, hexadecimal
  /// Its encoded picture. Called when it is wanted; throws Error.
  std::function<ImageBytes()> picture;
};

struct EvaluatedModel {
  std::string name;
  /// Loads the model, or gets ready to ask its server. Let go of before the next model's is called.
  std::function<std::shared_ptr<Vlm>()> open;
};

struct EvaluatedPrompt {
  std::string name;
  std::string text;
  std::string schema;  ///< JSON Schema of the answer
  std::optional<std::int64_t> max_pixels = {};
  std::int64_t max_tokens = 512;
};

/// What became of one question.
struct Answered {
  std::string text;
  std::string error;  ///< why there is no answer to judge; empty: there is
  /// The model could not be asked, or the photo has no picture any more: this says nothing about
  /// the model's answers.
  bool unavailable = false;
  double total_ms = 0.0;
  Usage usage;
};

/// One model with one prompt.
struct VariantAnswers {
  std::size_t model = 0;
  std::size_t prompt = 0;
  std::vector<Answered> answers;                  ///< an entry for each photo
  std::vector<double> latencies_ms;               ///< of answers, without the model's first
  std::optional<std::int64_t> memory_bytes;       ///< that a model in process takes
  std::optional<std::int64_t> peak_memory_bytes;  ///< of this process, while it was asked
};

struct AskingOptions {
  /// Before a model that was unavailable is asked again, if it does not say itself; then twice
  /// that.
  std::chrono::milliseconds retry_pause{1000};
  /// "glance, short": what is being asked, of how many how many are done.
  std::function<void(const std::string& what, std::size_t done, std::size_t total)> on_progress;
};

/// The settings with which speeds can be compared: a model in process keeps no pictures that an
/// earlier prompt has had encoded.
VlmSettings for_evaluation(VlmSettings settings);

/// Asks one question at a time; all prompts of a model before the next model, so that one is loaded
/// at a time. Throws VlmUnavailable when a model cannot be asked about three photos on end, each
/// three times, and when it is cancelled; Error for a model that does not load.
std::vector<VariantAnswers> ask_all(std::span<const EvaluatedPhoto> photos,
                                    std::span<const EvaluatedModel> models,
                                    std::span<const EvaluatedPrompt> prompts,
                                    const AskingOptions& options,
                                    const std::atomic<bool>& cancelled);

}  // namespace saccade::photos::eval
