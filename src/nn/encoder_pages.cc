#include "nn/encoder_pages.h"

#include <numeric>

namespace saccade::nn {

EncoderPages::EncoderPages(compute::Device& device, const compute::KvLayout& layout,
                           std::span<const std::int64_t> lengths) {
  const std::int64_t page_tokens = device.kv_page_tokens();
  std::int32_t first = 0;
  for (const std::int64_t length : lengths) {
    std::vector<std::int32_t> pages((length + page_tokens - 1) / page_tokens);
    std::iota(pages.begin(), pages.end(), first);
    first += static_cast<std::int32_t>(pages.size());
    pages_.push_back(std::move(pages));
  }
  cache_ = device.make_kv_cache(layout, first);
}

}  // namespace saccade::nn
