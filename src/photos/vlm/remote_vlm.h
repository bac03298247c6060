// A model behind an OpenAI-compatible URL that photos are asked about.
#pragma once

#include <mutex>

#include "photos/vlm/json_answer.h"
#include "photos/vlm/vlm.h"

namespace saccade::photos {

class RemoteVlm : public Vlm {
 public:
  /// Connects to nothing yet. Throws Error (usage) for a URL that is none, and for an environment
  /// variable without a key.
  explicit RemoteVlm(const VlmSettings& settings);

  std::string name() const override { return name_; }
  /// One POST to URL/v1/chat/completions: the prompt, the picture as picture_to_send() makes it,
  /// and the schema as a strict response format; what comes back is held against the schema in any
  /// case. No connection, a time limit, 429 and 5xx are VlmUnavailable.
  VlmAnswer ask(const VlmQuestion& question, const std::atomic<bool>& cancelled) override;
  /// None: the API has no embeddings of pictures.
  std::optional<std::vector<float>> embed(const ImageBytes&, std::optional<std::int64_t>) override {
    return std::nullopt;
  }
  std::optional<std::int64_t> memory_bytes() const override { return std::nullopt; }

 private:
  std::string request_body(const VlmQuestion& question) const;
  std::string post(std::string body, const std::atomic<bool>& cancelled) const;
  std::shared_ptr<const Grammar> compiled(const std::string& schema);

  std::string model_;
  std::string url_;
  std::string key_;
  std::chrono::milliseconds time_limit_;
  std::string name_;
  std::mutex mutex_;
  // The last schema; a tier has one. Guarded by mutex_:
  std::string schema_;
  std::shared_ptr<const Grammar> grammar_;
};

}  // namespace saccade::photos
