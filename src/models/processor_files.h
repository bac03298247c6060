// Where a checkpoint keeps the settings of its processor.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"

namespace saccade::models {

/// The settings of a processor in both layouts: preprocessor_config.json for the image processor
/// beside processor_config.json for the rest, as published with most checkpoints, or all in
/// processor_config.json, as transformers 5 writes it.
class ProcessorFiles {
 public:
  /// Throws Error when there are no settings of an image processor.
  explicit ProcessorFiles(const checkpoint::Checkpoint& checkpoint);

  /// Views of documents that live as long as this object.
  JsonObject image_processor() const;
  /// Empty where the checkpoint has no processor_config.json.
  JsonObject processor() const;

  /// Throws Error naming a setting of the processor that is neither one of `read` nor without
  /// effect here, such as names of classes and settings for video.
  void refuse_unknown(const std::vector<std::string_view>& read) const;

  /// A processor counts tokens from settings of its own, which must tell of the model they come
  /// with: throws Error naming one that is there and is not `value`.
  void expect(std::string_view key, std::int64_t value) const;
  void expect(std::string_view key, const std::string& value) const;

 private:
  boost::json::value processor_ = boost::json::object();
  std::optional<boost::json::value> image_processor_;  // nothing: in processor_
  std::string processor_where_;
  std::string image_processor_where_;
};

}  // namespace saccade::models
