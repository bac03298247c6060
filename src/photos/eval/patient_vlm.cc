#include "photos/eval/patient_vlm.h"

#include <algorithm>
#include <thread>

namespace saccade::photos::eval {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kAttempts = 3;
constexpr std::chrono::milliseconds kLongestPause{30'000};
constexpr std::chrono::milliseconds kLook{20};

void wait(std::chrono::milliseconds time, const std::atomic<bool>& cancelled) {
  const auto end = Clock::now() + std::min(time, kLongestPause);
  while (!cancelled && Clock::now() < end) std::this_thread::sleep_for(std::min(kLook, time));
}

}  // namespace

VlmAnswer PatientVlm::ask(const VlmQuestion& question, const std::atomic<bool>& cancelled) {
  std::chrono::milliseconds pause = pause_;
  for (int attempt = 1;; ++attempt) {
    try {
      return vlm_->ask(question, cancelled);
    } catch (const VlmUnavailable& error) {
      if (cancelled || attempt == kAttempts) throw;
      wait(error.retry_in() ? *error.retry_in() : pause, cancelled);
      pause *= 2;
    }
  }
}

}  // namespace saccade::photos::eval
