#include "models/family.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "models/deepseek_ocr2/deepseek_ocr2.h"
#include "models/fast_vlm/fast_vlm.h"
#include "models/florence2/florence2.h"
#include "models/gemma3/gemma3.h"
#include "models/gemma4/gemma4.h"
#include "models/idefics2/idefics2.h"
#include "models/idefics3/idefics3.h"
#include "models/internvl/internvl.h"
#include "models/llava/llava.h"
#include "models/llava_next/llava_next.h"
#include "models/mistral3/mistral3.h"
#include "models/paligemma/paligemma.h"
#include "models/qwen2_5_vl/qwen2_5_vl.h"
#include "models/qwen2_vl/qwen2_vl.h"
#include "models/qwen3_5/qwen3_5.h"
#include "models/qwen3_vl/qwen3_vl.h"
#include "models/text/families.h"
#include "models/text_model.h"

namespace saccade::models {

const std::vector<Family>& families() {
  static const std::vector<Family> kFamilies = {
      deepseek_ocr2::family(),                  //
      fast_vlm::family(),                       //
      florence2::family(),                      //
      gemma3::family(),                         //
      gemma4::family(),                         //
      idefics2::family(),                       //
      idefics3::family(),                       //
      idefics3::smolvlm_family(),               //
      internvl::family(),                       //
      llava::family(),                          //
      llava_next::family(),                     //
      llava_next::onevision_family(),           //
      mistral3::family(),                       //
      paligemma::family(),                      //
      qwen2_5_vl::family(),                     //
      qwen2_vl::family(),                       //
      qwen3_5::family(),                        //
      qwen3_5::moe_family(),                    //
      qwen3_vl::family(),                       //
      qwen3_vl::moe_family(),                   //
      text_only(text_families::gemma2()),       //
      text_only(text_families::gemma3_text()),  //
      text_only(text_families::granite()),      //
      text_only(text_families::llama()),        //
      text_only(text_families::mistral()),      //
      text_only(text_families::phi3()),         //
      text_only(text_families::qwen2()),        //
      text_only(text_families::qwen3()),        //
      text_only(text_families::qwen3_moe()),    //
      text_only(text_families::smollm3()),      //
  };
  return kFamilies;
}

const Family& family_of(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject config(checkpoint.config(), checkpoint.where("config.json"));
  const std::string model_type = config.string("model_type");
  std::vector<std::string> known;
  for (const Family& family : families()) {
    if (family.model_type == model_type) return family;
    known.push_back(family.model_type);
  }
  fail("{}: model_type \"{}\" is not a family Saccade knows; it knows {}",
       checkpoint.where("config.json"), model_type, fmt::join(known, ", "));
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  nn::LoadOptions options) {
  nn::UsedTensors used;
  options.used = &used;
  std::unique_ptr<Model> model = family_of(checkpoint).load_model(checkpoint, device, options);
  used.expect_all_of(checkpoint);
  return model;
}

bool Description::quantized_decoder() const {
  constexpr std::int64_t kBits = 12;  // fewer are quantized
  return std::ranges::any_of(parts, [](const PartDescription& part) {
    return part.name == "decoder" && 8 * part.bytes < kBits * part.parameters;
  });
}

PartDescription describe_part(const checkpoint::Checkpoint& checkpoint, std::string name,
                              std::string summary, const std::vector<std::string>& prefixes) {
  PartDescription part{std::move(name), std::move(summary), 0, 0, {}};
  std::set<std::string> dtypes;
  for (const auto& [tensor, info] : checkpoint.tensors()) {
    const bool ours = std::any_of(
        prefixes.begin(), prefixes.end(),
        [&name = tensor](const std::string& prefix) { return name.starts_with(prefix); });
    if (!ours) continue;
    part.parameters += info.shape.elements();
    part.bytes += info.bytes;
    dtypes.insert(info.type);
  }
  part.dtypes.assign(dtypes.begin(), dtypes.end());
  return part;
}

}  // namespace saccade::models
