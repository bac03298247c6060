// A golden checkpoint to be changed: what its files may say, and what is refused.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/error.h"
#include "goldens.h"
#include "models/family.h"
#include "temporary_directory.h"

namespace saccade::models {

/// A copy of a golden checkpoint whose files can be changed.
class CheckpointCopy {
 public:
  explicit CheckpointCopy(const std::string& checkpoint) {
    const auto source = goldens::root() / checkpoint;
    for (const auto& entry : std::filesystem::directory_iterator(source)) {
      std::filesystem::copy(entry.path(), directory_.path() / entry.path().filename());
    }
    config = read_json_file(source / "config.json").as_object();
  }

  boost::json::object json(const std::string& file) const {
    return read_json_file(directory_.path() / file).as_object();
  }
  void write(const std::string& file, const boost::json::object& value) {
    directory_.write(file, boost::json::serialize(value));
  }
  void write_text(const std::string& file, const std::string& text) {
    directory_.write(file, text);
  }
  void remove(const std::string& file) { std::filesystem::remove(directory_.path() / file); }
  const std::filesystem::path& path() const { return directory_.path(); }
  void load() {
    write("config.json", config);
    const checkpoint::Checkpoint checkpoint(directory_.path());
    family_of(checkpoint).describe(checkpoint);
    processor = family_of(checkpoint).load_processor(checkpoint);
  }
  void expect_refusal(const std::string& message) {
    using testing::AllOf;
    using testing::HasSubstr;
    EXPECT_THAT([&] { load(); }, testing::ThrowsMessage<Error>(AllOf(
                                     HasSubstr(directory_.path().string()), HasSubstr(message))));
  }

  boost::json::object config;
  std::unique_ptr<Processor> processor;

 private:
  TemporaryDirectory directory_;
};

}  // namespace saccade::models
