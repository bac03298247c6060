// A golden checkpoint whose config.json tests change.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "goldens.h"
#include "models/family.h"
#include "temporary_directory.h"

namespace saccade::models {

class ChangedConfig : public testing::Test {
 protected:
  void use(const std::string& checkpoint) {
    for (const auto& entry : std::filesystem::directory_iterator(goldens::root() / checkpoint)) {
      std::filesystem::copy(entry.path(), directory_.path() / entry.path().filename(),
                            std::filesystem::copy_options::overwrite_existing);
    }
    config_ = read_json_file(directory_.path() / "config.json").as_object();
  }
  boost::json::object& vision() { return config_.at("vision_config").as_object(); }
  boost::json::object& text() { return config_.at("text_config").as_object(); }

  checkpoint::Checkpoint open() {
    directory_.write("config.json", boost::json::serialize(config_));
    return checkpoint::Checkpoint(directory_.path());
  }
  /// All but the weights.
  Description load() {
    const checkpoint::Checkpoint checkpoint = open();
    family_of(checkpoint).load_processor(checkpoint);
    return family_of(checkpoint).describe(checkpoint);
  }
  void expect_refusal(const std::string& message) {
    EXPECT_THAT([&] { load(); }, testing::ThrowsMessage<Error>(testing::HasSubstr(message)));
  }

  TemporaryDirectory directory_;
  boost::json::object config_;
};

}  // namespace saccade::models
