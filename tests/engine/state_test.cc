// Recurrent states among sequences that come and go: nobody sees what another left.
#include <gtest/gtest.h>

#include <limits>

#include "compute/cpu/cpu_device.h"
#include "engine/prepare.h"
#include "engine/scheduler.h"
#include "goldens.h"
#include "models/family.h"

namespace saccade::engine {
namespace {

class StateTest : public testing::Test {
 protected:
  static constexpr int kPages = 64;

  StateTest() {
    processor_ = models::family_of(checkpoint_).load_processor(checkpoint_);
    model_ = models::load_model(checkpoint_, device_, {});
    for (const auto& item : cases_.as_array()) {
      prompts_.push_back(
          prepare_prompt(*processor_, goldens::greedy_request(item.as_object(), 1), {}, nullptr));
    }
  }

  /// A sequence of golden case `index`, counted around.
  std::unique_ptr<Sequence> sequence(KvPool& pool, std::size_t index, std::int64_t max_tokens) {
    const PreparedPrompt& prepared = prompts_[index % prompts_.size()];
    SequenceInput input;
    input.prompt = prepared.prompt;
    for (const media::Patches& patches : prepared.patches) {
      input.pictures.push_back(std::make_shared<Picture>());
      input.pictures.back()->embeddings = std::make_shared<const Tensor>(model_->encode(patches));
    }
    input.max_tokens = max_tokens;
    return std::make_unique<Sequence>(std::move(input), processor_->tokenizer(), pool);
  }

  /// Pages, and slots that hold what is no number.
  struct Memory {
    Memory(compute::Device& device, const models::Model& model, int slots)
        : pool(device, model.kv_layout(), kPages), states(device, model.state_layout(), slots) {
      const Tensor& values = states.store()->values();
      device.upload(values, std::vector<float>(values.shape().elements(),
                                               std::numeric_limits<float>::quiet_NaN())
                                .data());
    }
    KvPool pool;
    StatePool states;
  };

  /// The answer of a case with all memory to itself.
  std::vector<std::int32_t> alone(std::size_t index, std::int64_t max_tokens) {
    Memory memory(device_, *model_, 1);
    Scheduler scheduler({*model_, device_, memory.pool, &memory.states}, 1000);
    const auto one = sequence(memory.pool, index, max_tokens);
    scheduler.add(one.get());
    while (!scheduler.idle()) scheduler.step();
    EXPECT_EQ(one->error(), "");
    return one->take_result().token_ids;
  }

  std::filesystem::path directory_ = goldens::root() / "qwen3_5" / "saved_f32";
  checkpoint::Checkpoint checkpoint_{directory_};
  compute::cpu::CpuDevice device_{{2, {}}};
  boost::json::value cases_ = read_json_file(directory_ / "cases.json");
  std::unique_ptr<models::Processor> processor_;
  std::unique_ptr<models::Model> model_;
  std::vector<PreparedPrompt> prompts_;
};

TEST_F(StateTest, SlotsAreUsedAgainWithoutATrace) {
  Memory memory(device_, *model_, 2);
  Scheduler scheduler({*model_, device_, memory.pool, &memory.states}, 40);
  // More sequences than slots, of answers of different lengths: each waits for one to end.
  std::vector<std::unique_ptr<Sequence>> sequences;
  const std::vector<std::int64_t> lengths = {3, 17, 1, 9, 25, 2, 11};
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    sequences.push_back(sequence(memory.pool, i, lengths[i]));
    scheduler.add(sequences.back().get());
  }
  while (!scheduler.idle()) scheduler.step();
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    EXPECT_EQ(sequences[i]->error(), "");
    EXPECT_EQ(sequences[i]->take_result().token_ids, alone(i, lengths[i])) << "sequence " << i;
  }
  EXPECT_EQ(memory.states.free_slots(), 2);
}

TEST_F(StateTest, CancelledSequencesLeaveNothing) {
  Memory memory(device_, *model_, 2);
  Scheduler scheduler({*model_, device_, memory.pool, &memory.states}, 16);
  {
    // One is cut off in its prompt, the other in its answer.
    const auto answering = sequence(memory.pool, 0, 30);
    const auto reading = sequence(memory.pool, 1, 30);
    scheduler.add(answering.get());
    while (answering->prefilling()) scheduler.step();
    for (int i = 0; i < 3; ++i) scheduler.step();
    scheduler.add(reading.get());
    scheduler.step();
    EXPECT_TRUE(reading->prefilling());
    EXPECT_EQ(memory.states.free_slots(), 0);
    scheduler.cancel_all();
    EXPECT_EQ(memory.states.free_slots(), 2);
  }
  const auto next = sequence(memory.pool, 2, 12);
  scheduler.add(next.get());
  while (!scheduler.idle()) scheduler.step();
  EXPECT_EQ(next->take_result().token_ids, alone(2, 12));
}

TEST_F(StateTest, AModelWithStatesNeedsRoomForThem) {
  KvPool pool(device_, model_->kv_layout(), kPages);
  Scheduler scheduler({*model_, device_, pool}, 1000);
  const auto one = sequence(pool, 0, 2);
  scheduler.add(one.get());
  while (!scheduler.idle()) scheduler.step();
  EXPECT_NE(one->error().find("there is no room for it"), std::string::npos) << one->error();
}

TEST_F(StateTest, PagesAreOfAttentionLayersAlone) {
  EXPECT_EQ(model_->kv_layout(), (compute::KvLayout{2, 1, 16}));
  EXPECT_EQ(model_->state_layout().num_layers, 3);
}

}  // namespace
}  // namespace saccade::engine
