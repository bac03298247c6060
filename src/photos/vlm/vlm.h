// A vision-language model that photos are asked about: in this process, or behind a URL.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "saccade/engine.h"
#include "saccade/error.h"
#include "saccade/request.h"

namespace saccade::photos {

class LocalModels;  // photos/vlm/local_models.h

/// The model could not be asked now, and may be later: it is down, busy, too slow, or said so.
class VlmUnavailable : public Error {
 public:
  explicit VlmUnavailable(const std::string& message,
                          std::optional<std::chrono::seconds> retry_in = std::nullopt)
      : Error(message), retry_in_(retry_in) {}
  /// How long the model said to wait, if it did.
  std::optional<std::chrono::seconds> retry_in() const { return retry_in_; }

 private:
  std::optional<std::chrono::seconds> retry_in_;
};

struct VlmQuestion {
  std::string prompt;  ///< comes before the picture, so that all photos share its keys and values
  std::string schema;  ///< JSON Schema that the answer is held to; empty: free text
  ImageBytes picture;
  std::optional<std::int64_t> max_pixels;
  std::int64_t max_tokens = 512;
  int priority = 0;  ///< of requests to the same model; higher goes first
};

struct VlmAnswer {
  /// With a schema, and complete: JSON that it accepts, and nothing around it.
  std::string text;
  bool complete = true;  ///< false: max_tokens ended it
  Usage usage;
  double total_ms = 0.0;
};

/// Several threads may ask at once.
class Vlm {
 public:
  virtual ~Vlm() = default;
  /// How results call it: "glance", "qwen at http://127.0.0.1:8080". Paths are told without their
  /// folders.
  virtual std::string name() const = 0;
  /// Waits for the answer. `cancelled` becoming true ends it within a step of a model in process,
  /// and within 100 ms of a server, by VlmUnavailable. Throws VlmUnavailable, and Error for what
  /// will not be otherwise when it is asked again, an answer that is not as the schema wants
  /// included.
  virtual VlmAnswer ask(const VlmQuestion& question, const std::atomic<bool>& cancelled) = 0;
  /// A vector of length 1 that stands for the picture; none: this model gives none.
  virtual std::optional<std::vector<float>> embed(const ImageBytes& picture,
                                                  std::optional<std::int64_t> max_pixels) = 0;
  /// What the model has on its device; none: it is somewhere else.
  virtual std::optional<std::int64_t> memory_bytes() const = 0;
};

struct VlmSettings {
  std::string model;  ///< what Engine::load takes; with `url` what the server calls it, or empty:
                      ///< the one that it has
  std::string url;    ///< "http://127.0.0.1:8080": an OpenAI-compatible server; empty: in process
  std::string key_variable;           ///< environment variable with its API key; empty: none
  std::int64_t timeout_ms = 120'000;  ///< for a whole answer of a server
  EngineOptions engine;               ///< for a model in process
};

/// Loads a model in process, unless `models` has it, or gets ready to ask a server (which need not
/// be up yet). Throws Error.
std::shared_ptr<Vlm> make_vlm(const VlmSettings& settings, LocalModels& models);

}  // namespace saccade::photos
