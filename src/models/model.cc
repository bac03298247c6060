#include "models/model.h"

namespace saccade::models {

void Batch::set_mutual(const std::vector<TokenRun>& mutual) {
  if (mutual.empty()) return;
  compute::SequenceSpan& span = spans.back();
  end_keys.push_back(models::end_keys(mutual, span.start, span.count));
  first_keys.push_back(models::first_keys(mutual, span.start, span.count));
  span.end_keys = end_keys.back();
  span.first_keys = first_keys.back();
}

void Batch::set_encoder_tokens(std::int64_t count) {
  if (count > 0) encoder_tokens.insert(encoder_tokens.end(), spans.back().count, count);
}

void assign_spans(StepInputs& inputs, std::vector<compute::SequenceSpan>& spans,
                  std::span<const std::int64_t> encoder_tokens) {
  if (!encoder_tokens.empty()) {
    for (compute::SequenceSpan& span : spans) {
      span.end_keys = encoder_tokens.subspan(span.row, span.count);
    }
    inputs.cross_spans->assign(spans);
    for (compute::SequenceSpan& span : spans) {
      span.first_keys = span.end_keys;
      span.end_keys = {};
    }
  }
  inputs.spans->assign(spans);
}

StepInputs upload_inputs(compute::Device& device, const Batch& batch) {
  const auto rows = static_cast<std::int64_t>(batch.token_ids.size());
  const auto axes = rows > 0 ? static_cast<std::int64_t>(batch.positions.size()) / rows : 1;
  std::int64_t pages = 0;
  for (const compute::SequenceSpan& span : batch.spans) {
    pages += static_cast<std::int64_t>(span.pages.size());
  }
  const auto make_table = [&] {
    return device.make_span_table(static_cast<std::int64_t>(batch.spans.size()), pages);
  };
  StepInputs inputs{device.indices(batch.token_ids),
                    device.indices(batch.positions).view_as({axes, rows}), make_table()};
  if (!batch.encoder_tokens.empty()) inputs.cross_spans = make_table();
  std::vector<compute::SequenceSpan> spans = batch.spans;
  assign_spans(inputs, spans, batch.encoder_tokens);
  return inputs;
}

}  // namespace saccade::models
