// A golden checkpoint, opened and loaded, with what transformers makes of its cases.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "compute/cpu/cpu_device.h"
#include "goldens.h"
#include "models/family.h"

namespace saccade {

/// The parameter is FAMILY/CHECKPOINT.
class GoldenModel : public testing::TestWithParam<std::string> {
 protected:
  // What the issue asks for in f32 is 1e-3; the tests hold us to a tenth of it.
  static constexpr double kTolerance = 1e-4;

  explicit GoldenModel(std::unique_ptr<compute::Device> device =
                           std::make_unique<compute::cpu::CpuDevice>(compute::cpu::CpuOptions{
                               2, {}, /*rounded_inputs=*/false}))
      : directory_(goldens::root() / GetParam()),
        checkpoint_(directory_),
        owned_device_(std::move(device)),
        device_(*owned_device_),
        expected_(directory_ / "expected.safetensors"),
        cases_(read_json_file(directory_ / "cases.json")) {
    processor_ = models::family_of(checkpoint_).load_processor(checkpoint_);
    model_ = models::load_model(checkpoint_, device_, {});
  }

  std::vector<float> download(const Tensor& tensor) {
    std::vector<float> values(tensor.shape().elements());
    if (tensor.dtype() == DType::kF32) {
      device_.download(values.data(), tensor);
      return values;
    }
    std::vector<std::uint16_t> narrow(values.size());
    device_.download(narrow.data(), tensor);
    std::transform(narrow.begin(), narrow.end(), values.begin(), bf16_to_f32);
    return values;
  }

  /// Memory for a sequence, with room for one token more than it has.
  struct Memory {
    std::unique_ptr<compute::KvCache> cache;
    std::vector<std::int32_t> pages;
    std::unique_ptr<compute::StateStore> states;

    compute::SequenceMemory view() const { return {*cache, states.get()}; }
  };
  Memory memory_for(std::int64_t tokens) {
    Memory memory;
    const auto pages = static_cast<int>(tokens / device_.kv_page_tokens() + 1);
    memory.cache = device_.make_kv_cache(model_->kv_layout(), pages);
    for (int i = 0; i < pages; ++i) memory.pages.push_back(i);
    memory.states = device_.make_state_store(model_->state_layout(), 1);
    return memory;
  }

  /// A prompt whose pictures the tower has encoded as a batch, of which nothing is wanted yet.
  static models::Batch make_batch(const models::Prompt& prompt, const std::vector<Tensor>& images,
                                  const Memory& memory) {
    models::Batch batch;
    batch.token_ids = prompt.token_ids;
    batch.positions = prompt.positions;
    batch.spans = {{0, static_cast<std::int64_t>(prompt.token_ids.size()), 0, memory.pages}};
    batch.spans[0].state_slot = 0;
    for (const models::MediaSpan& span : prompt.media) {
      batch.embeddings.push_back({span.begin, &images[span.image], span.first, span.count});
    }
    batch.set_mutual(prompt.mutual);
    batch.set_encoder_tokens(prompt.encoder_tokens);
    return batch;
  }

  /// Logits [vocab_size] after a prompt whose pictures the tower has encoded.
  std::vector<float> last_logits(const models::Prompt& prompt, const std::vector<Tensor>& images) {
    const auto tokens = static_cast<std::int32_t>(prompt.token_ids.size());
    const Memory memory = memory_for(tokens);
    models::Batch batch = make_batch(prompt, images, memory);
    batch.logits_rows = {tokens - 1};
    return download(model_->forward(batch, memory.view()).logits);
  }

  std::filesystem::path directory_;
  checkpoint::Checkpoint checkpoint_;
  std::unique_ptr<compute::Device> owned_device_;
  compute::Device& device_;
  checkpoint::SafetensorsFile expected_;
  boost::json::value cases_;
  std::unique_ptr<models::Processor> processor_;
  std::unique_ptr<models::Model> model_;
};

}  // namespace saccade
