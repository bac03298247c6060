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

StepInputs upload_inputs(compute::Device& device, const Batch& batch) {
  const auto rows = static_cast<std::int64_t>(batch.token_ids.size());
  const auto axes = rows > 0 ? static_cast<std::int64_t>(batch.positions.size()) / rows : 1;
  std::int64_t pages = 0;
  for (const compute::SequenceSpan& span : batch.spans) {
    pages += static_cast<std::int64_t>(span.pages.size());
  }
  StepInputs inputs{device.indices(batch.token_ids),
                    device.indices(batch.positions).view_as({axes, rows}),
                    device.make_span_table(static_cast<std::int64_t>(batch.spans.size()), pages)};
  inputs.spans->assign(batch.spans);
  return inputs;
}

}  // namespace saccade::models
