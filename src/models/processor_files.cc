#include "models/processor_files.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace saccade::models {
namespace {

constexpr std::array<std::string_view, 8> kWithoutEffect = {
    "processor_class", "image_processor", "video_processor",   "tokenizer_class",
    "chat_template",   "auto_map",        "feature_extractor", "transformers_version"};

}  // namespace

ProcessorFiles::ProcessorFiles(const checkpoint::Checkpoint& checkpoint)
    : processor_where_(checkpoint.where("processor_config.json")),
      image_processor_where_(checkpoint.where("preprocessor_config.json")) {
  if (auto document = checkpoint.optional_json("processor_config.json")) {
    processor_ = std::move(*document);
  }
  if (processor().has("image_processor")) return;
  image_processor_ = checkpoint.optional_json("preprocessor_config.json");
  if (!image_processor_) fail("{}: no preprocessor_config.json in it", checkpoint.where());
}

JsonObject ProcessorFiles::image_processor() const {
  if (image_processor_) return JsonObject(*image_processor_, image_processor_where_);
  return processor().object("image_processor");
}

JsonObject ProcessorFiles::processor() const {
  return JsonObject(processor_, processor_where_);
}

void ProcessorFiles::refuse_unknown(const std::vector<std::string_view>& read) const {
  for (const auto& item : processor().raw()) {
    const std::string_view key = item.key();
    if (item.value().is_null() || std::ranges::find(read, key) != read.end() ||
        std::ranges::find(kWithoutEffect, key) != kWithoutEffect.end()) {
      continue;
    }
    fail("{}: \"{}\" is not supported by this version", processor_where_, key);
  }
}

void ProcessorFiles::expect(std::string_view key, std::int64_t value) const {
  const std::int64_t found = processor().integer_or(key, value);
  if (found != value) {
    fail("{}: {} {} does not fit config.json, {} does", processor_where_, key, found, value);
  }
}

void ProcessorFiles::expect(std::string_view key, const std::string& value) const {
  const std::string found = processor().string_or(key, value);
  if (found != value) {
    fail("{}: {} \"{}\" does not fit config.json, \"{}\" does", processor_where_, key, found,
         value);
  }
}

}  // namespace saccade::models
