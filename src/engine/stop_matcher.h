// Ending an answer at given texts.
#pragma once

#include <string>
#include <vector>

namespace saccade::engine {

/// Watches streamed text for stop texts. Text that may be the beginning of one is held back until
/// it is clear, so nothing is shown that has to be taken back.
class StopMatcher {
 public:
  /// Empty stop texts are ignored.
  explicit StopMatcher(std::vector<std::string> stops);

  /// Takes the next piece; returns what can be shown. After a match nothing more is.
  std::string add(const std::string& piece);
  /// The text held back, when the answer ends otherwise.
  std::string finish();
  bool matched() const { return !matched_.empty(); }
  /// The stop text that ended the answer; empty: none did.
  const std::string& matched_text() const { return matched_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::string matched_;
};

}  // namespace saccade::engine
