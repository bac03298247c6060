// A pull from the fake Hub into a cache of the test's own.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "base/json.h"
#include "fake_hub.h"
#include "hub/pull.h"
#include "temporary_directory.h"

namespace saccade::hub {

/// Notes what it is told, and cancels after so many received bytes.
class NotingListener : public PullListener {
 public:
  void on_progress(const PullProgress& progress) override {
    last = progress;
    largest = std::max(largest, progress.done_bytes);
  }
  void on_file(const FileInfo& file, bool already_there) override {
    (already_there ? found : fetched).push_back(file.name);
  }
  void on_notice(const std::string& line) override { notices.push_back(line); }
  void on_choice_needed(const std::vector<FileInfo>& files) override { offered = files; }
  bool cancelled() override { return cancel_after >= 0 && last.received_bytes >= cancel_after; }

  PullProgress last;
  std::int64_t largest = 0;
  std::int64_t cancel_after = -1;
  std::vector<std::string> found;
  std::vector<std::string> fetched;
  std::vector<std::string> notices;
  std::vector<FileInfo> offered;
};

/// Bytes that repeat nowhere near a piece's length, so that a misplaced piece shows.
inline std::string content_of(std::size_t size, std::uint32_t seed = 1) {
  std::string content(size, '\0');
  std::uint32_t state = seed * 2654435761U + 1;
  for (char& byte : content) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return content;
}

class PullTest : public testing::Test {
 protected:
  PullTest() {
    settings_.endpoint = hub_.endpoint();
    settings_.cache = cache_.path();
    settings_.tuning.piece_bytes = 64 << 10;
    settings_.tuning.min_gain_bytes = 32 << 10;
    settings_.tuning.first_retry = std::chrono::milliseconds(5);
    settings_.tuning.max_retry = std::chrono::milliseconds(40);
    settings_.tuning.stall_timeout = std::chrono::seconds(5);
  }

  void add_model() {
    hub_.add("config.json", "{\"model_type\": \"x\"}", false);
    hub_.add("tokenizer.json", content_of(3000, 2), true);
    weights_blob_ = hub_.add("model.safetensors", weights_, true);
    hub_.add("README.md", "# A model", false);
  }

  PullResult pull_model() { return pull(request_, listener_, settings_); }
  /// The message of the Error that the pull ends with.
  std::string error() {
    try {
      pull_model();
    } catch (const Error& caught) {
      return caught.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }
  std::filesystem::path folder() const { return cache_.path() / "models--org--name"; }
  std::filesystem::path snapshot() const { return folder() / "snapshots" / kCommit; }
  std::string text(const std::string& name) const { return read_text_file(snapshot() / name); }
  bool is_pulled() const {
    return std::filesystem::exists(snapshot() / "model.safetensors") &&
           text("model.safetensors") == weights_;
  }
  /// Nothing is left of files that were not complete.
  bool is_tidy() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder() / "blobs")) {
      if (entry.path().filename().string().find("saccade") != std::string::npos) return false;
    }
    return true;
  }

  const std::string weights_ = content_of(1'000'000);
  std::string weights_blob_;
  FakeHub hub_;
  TemporaryDirectory cache_;
  Settings settings_;
  PullRequest request_{"org/name", "main", {}};
  NotingListener listener_;
};

}  // namespace saccade::hub
