// Qwen3-VL (Qwen Team, 2025), dense and with experts, and what its successors share with it.
#pragma once

#include "models/family.h"
#include "models/text_config.h"

namespace saccade::models::qwen3_vl {

/// A family with Qwen3-VL's tower.
struct Form {
  const char* model_type;
  TextFamily (*text)();  ///< the decoder behind it
  bool deepstack;        ///< outputs of the tower's earlier blocks may go into the decoder's layers
};

Description describe(const Form& form, const checkpoint::Checkpoint& checkpoint);
std::unique_ptr<Model> load_model(const Form& form, const checkpoint::Checkpoint& checkpoint,
                                  compute::Device& device, const nn::LoadOptions& options);
std::unique_ptr<Processor> load_processor(const Form& form,
                                          const checkpoint::Checkpoint& checkpoint);

/// The registry's entry for a form.
template <const Form& form>
Family family_of() {
  return {
      form.model_type,
      [](const checkpoint::Checkpoint& checkpoint) { return describe(form, checkpoint); },
      [](const checkpoint::Checkpoint& checkpoint, compute::Device& device,
         const nn::LoadOptions& options) { return load_model(form, checkpoint, device, options); },
      [](const checkpoint::Checkpoint& checkpoint) { return load_processor(form, checkpoint); }};
}

/// The registry's entries.
Family family();
Family moe_family();

}  // namespace saccade::models::qwen3_vl
