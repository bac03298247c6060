#include "models/text/families.h"

#include "base/error.h"

namespace saccade::models::text_families {

const std::vector<TextFamily>& all() {
  static const std::vector<TextFamily> kFamilies = {
      deepseek_ocr2_text(),  //
      gemma(),               //
      gemma2(),              //
      gemma3_text(),         //
      gemma4_text(),         //
      granite(),             //
      llama(),               //
      mistral(),             //
      phi3(),                //
      qwen2(),               //
      qwen3(),               //
      qwen3_moe(),           //
      smollm3(),             //
  };
  return kFamilies;
}

const TextFamily& named_in(const JsonObject& config, std::string_view otherwise) {
  const std::string model_type = config.string_or("model_type", otherwise);
  std::vector<std::string> known;
  for (const TextFamily& family : all()) {
    if (family.model_type == model_type) return family;
    known.push_back(family.model_type);
  }
  fail("{}: model_type \"{}\" is not a text model Saccade knows; it knows {}", config.where(),
       model_type, fmt::join(known, ", "));
}

}  // namespace saccade::models::text_families
