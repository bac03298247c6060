// Rows of which nothing is wanted are left as soon as their keys, values and states are stored; the
// others must not know.
#include <gtest/gtest.h>

#include <algorithm>

#include "compute/roofline.h"
#include "engine/prepare.h"
#include "golden_model.h"
#include "nn/row_selection.h"

namespace saccade {
namespace {

class WantedRows : public GoldenModel {
 protected:
  struct Results {
    std::vector<float> logits;
    std::vector<float> hidden_states;
    std::vector<float> next;  // logits of one token more
    double operations = 0.0;  // of the prompt
  };

  /// A prompt of whose tokens these are wanted, and then one token more.
  Results run(const models::Prompt& prompt, const std::vector<Tensor>& images,
              const std::vector<std::int32_t>& logits_rows,
              const std::vector<std::int32_t>& hidden_rows) {
    const auto tokens = static_cast<std::int64_t>(prompt.token_ids.size());
    const Memory memory = memory_for(tokens);
    models::Batch batch = make_batch(prompt, images, memory);
    batch.logits_rows = logits_rows;
    batch.hidden_rows = hidden_rows;
    compute::Work work;
    device_.count_work(&work);
    const models::Model::Outputs outputs = model_->forward(batch, memory.view());
    device_.count_work(nullptr);
    Results results;
    for (const compute::Arithmetic kind : compute::kAllArithmetics) {
      results.operations += work.operations[kind];
    }
    if (!logits_rows.empty()) results.logits = download(outputs.logits);
    if (!hidden_rows.empty()) results.hidden_states = download(outputs.hidden_states);
    models::Batch next;
    next.token_ids = {prompt.token_ids.back()};
    next.positions.assign(prompt.axes, prompt.next_position);
    next.spans = {{0, 1, tokens, memory.pages}};
    next.spans[0].state_slot = 0;
    next.logits_rows = {0};
    results.next = download(model_->forward(next, memory.view()).logits);
    return results;
  }

  /// Features of pictures reach so deep into a checkpoint of three layers that all rows are needed
  /// to its end.
  static bool adds_after_last_layer() { return GetParam() == "qwen3_vl/saved_f32"; }

  /// Rows of a matrix.
  static std::vector<float> pick(const std::vector<float>& values, std::int64_t width,
                                 const std::vector<std::int32_t>& rows) {
    std::vector<float> picked;
    for (const std::int32_t row : rows) {
      picked.insert(picked.end(), values.begin() + row * width, values.begin() + (row + 1) * width);
    }
    return picked;
  }
};

TEST_P(WantedRows, HaveTheSameBitsWithoutTheOthers) {
  for (const auto& item : cases_.as_array()) {
    const boost::json::object& golden = item.as_object();
    SCOPED_TRACE(std::string(golden.at("name").as_string()));
    const auto prepared =
        engine::prepare_prompt(*processor_, goldens::greedy_request(golden, 1), {}, nullptr);
    std::vector<Tensor> images;
    for (const media::Patches& patches : prepared.patches) {
      images.push_back(model_->encode(patches));
    }
    const auto tokens = static_cast<std::int32_t>(prepared.prompt.token_ids.size());
    ASSERT_GT(tokens, 4);
    std::vector<std::int32_t> every(tokens);
    for (std::int32_t i = 0; i < tokens; ++i) every[i] = i;
    const Results all = run(prepared.prompt, images, every, every);
    const std::vector<std::int32_t> last = {tokens - 1};
    const std::vector<std::int32_t> some = {1, tokens / 2, tokens / 2 + 1};
    for (const auto& logits_rows : {std::vector<std::int32_t>{}, last, some}) {
      for (const auto& hidden_rows : {std::vector<std::int32_t>{}, last, some}) {
        const Results few = run(prepared.prompt, images, logits_rows, hidden_rows);
        EXPECT_EQ(few.logits, pick(all.logits, model_->vocab_size(), logits_rows));
        EXPECT_EQ(few.hidden_states, pick(all.hidden_states, model_->hidden_size(), hidden_rows));
        EXPECT_EQ(few.next, all.next);
      }
    }
    // Without logits, which take operations of their own.
    const double all_operations = run(prepared.prompt, images, {}, every).operations;
    const double few_operations = run(prepared.prompt, images, {}, last).operations;
    if (!images.empty() && adds_after_last_layer()) {
      EXPECT_EQ(few_operations, all_operations);
    } else {
      EXPECT_LT(few_operations, all_operations);
    }
  }
}

/// All but encoder-decoders, whose prompts are an encoder's.
std::vector<std::string> decoders() {
  std::vector<std::string> names = goldens::all_checkpoints();
  std::erase_if(names, [](const std::string& name) { return name.starts_with("florence2/"); });
  return names;
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, WantedRows, testing::ValuesIn(decoders()),
                         [](const auto& named) { return goldens::test_name(named.param); });

using Rows = std::vector<std::int32_t>;

TEST(RowSelection, TakesNeighboursAsOneSpan) {
  const std::vector<std::int32_t> pages = {3, 4};
  const std::vector<compute::SequenceSpan> spans = {
      {0, 6, 10, pages}, {6, 1, 40, pages}, {7, 5, 0, pages}};
  const Rows wanted = {1, 2, 5, 6};
  const nn::RowSelection selection(spans, wanted);
  EXPECT_EQ(selection.rows(), wanted);
  EXPECT_EQ(selection.wanted(), (Rows{0, 1, 2, 3}));
  ASSERT_EQ(selection.spans().size(), 3u);
  const auto expect = [&](int index, std::int64_t row, std::int64_t count, std::int64_t start) {
    const compute::SequenceSpan& span = selection.spans()[index];
    EXPECT_EQ(span.row, row);
    EXPECT_EQ(span.count, count);
    EXPECT_EQ(span.start, start);
    EXPECT_EQ(span.pages.data(), pages.data());
  };
  expect(0, 0, 2, 11);
  expect(1, 2, 1, 15);
  expect(2, 3, 1, 40);
}

TEST(RowSelection, KeepsTheKeysThatItsRowsSee) {
  // Tokens 21 to 23 see each other; 20 and 24 look back only.
  const std::vector<std::int64_t> ends = {21, 24, 24, 24, 25};
  const std::vector<std::int64_t> firsts = {0, 1, 2, 3, 4};
  std::vector<compute::SequenceSpan> spans = {{2, 5, 20, {}, ends}};
  spans[0].first_keys = firsts;
  const nn::RowSelection selection(spans, Rows{2, 4});
  EXPECT_EQ(selection.rows(), (Rows{2, 4, 5}));
  EXPECT_EQ(selection.wanted(), (Rows{0, 1}));
  ASSERT_EQ(selection.spans().size(), 2u);
  const compute::SequenceSpan& span = selection.spans()[1];
  EXPECT_EQ(span.start, 22);
  EXPECT_EQ(std::vector(span.end_keys.begin(), span.end_keys.end()),
            (std::vector<std::int64_t>{24, 24}));
  EXPECT_EQ(std::vector(span.first_keys.begin(), span.first_keys.end()),
            (std::vector<std::int64_t>{2, 3}));
}

TEST(RowSelection, MayBeOfNothing) {
  const std::vector<compute::SequenceSpan> spans = {{0, 6, 10, {}}};
  const nn::RowSelection selection(spans, {});
  EXPECT_TRUE(selection.rows().empty());
  EXPECT_TRUE(selection.spans().empty());
}

}  // namespace
}  // namespace saccade
