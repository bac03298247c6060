// A model that is asked again when it could not be asked.
#pragma once

#include <chrono>
#include <memory>

#include "photos/vlm/vlm.h"

namespace saccade::photos::eval {

class PatientVlm : public Vlm {
 public:
  /// `pause` is before the second attempt, unless the model says how long to wait; twice that
  /// before the third, which is the last.
  PatientVlm(std::shared_ptr<Vlm> vlm, std::chrono::milliseconds pause)
      : vlm_(std::move(vlm)), pause_(pause) {}

  std::string name() const override { return vlm_->name(); }
  /// `total_ms` is that of the attempt that was answered.
  VlmAnswer ask(const VlmQuestion& question, const std::atomic<bool>& cancelled) override;
  std::optional<std::vector<float>> embed(const ImageBytes& picture,
                                          std::optional<std::int64_t> max_pixels) override {
    return vlm_->embed(picture, max_pixels);
  }
  std::optional<std::int64_t> memory_bytes() const override { return vlm_->memory_bytes(); }

 private:
  std::shared_ptr<Vlm> vlm_;
  std::chrono::milliseconds pause_;
};

}  // namespace saccade::photos::eval
