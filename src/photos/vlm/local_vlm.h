// A model in this process that photos are asked about.
#pragma once

#include <memory>

#include "photos/vlm/vlm.h"
#include "saccade/service.h"

namespace saccade::photos {

class LocalVlm : public Vlm {
 public:
  /// `model` is what the service was loaded from.
  LocalVlm(const std::string& model, std::shared_ptr<Service> service);

  std::string name() const override { return name_; }
  /// The likeliest tokens; the schema holds the answer as it is written.
  VlmAnswer ask(const VlmQuestion& question, const std::atomic<bool>& cancelled) override;
  /// The mean of what the vision tower makes of the picture, which ask() then finds in the cache
  /// when it has the same `max_pixels`.
  std::optional<std::vector<float>> embed(const ImageBytes& picture,
                                          std::optional<std::int64_t> max_pixels) override;
  /// Weights, and what a step works with.
  std::optional<std::int64_t> memory_bytes() const override;

 private:
  std::string name_;
  std::shared_ptr<Service> service_;
};

}  // namespace saccade::photos
