#include "engine/simulation.h"

#include <algorithm>
#include <set>

#include "engine/vision_cache.h"

namespace saccade::engine {
namespace {

/// One step of a digest (the finalizer of SplitMix64, Steele, Lea and Flood, 2014).
std::uint64_t mix(std::uint64_t digest, std::uint64_t value) {
  std::uint64_t z = digest * 31 + value + 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

std::uint64_t text_content(std::int32_t id, std::int32_t position) {
  return mix(static_cast<std::uint64_t>(id), static_cast<std::uint64_t>(position));
}

/// Of a picture's row, by its embedding.
std::uint64_t picture_content(float value, std::int32_t position) {
  return mix(static_cast<std::uint64_t>(value) + 1000, static_cast<std::uint64_t>(position));
}

float embedding_value(const Digest& picture, std::int64_t row) {
  return static_cast<float>(picture.low * 100 + static_cast<std::uint64_t>(row));
}

std::int32_t token_of(std::uint64_t digest) {
  return static_cast<std::int32_t>(digest % SimulatedModel::kVocab);
}

/// Every token is a character.
text::Tokenizer make_tokenizer() {
  boost::json::object vocab;
  for (int id = 0; id < SimulatedModel::kVocab; ++id) vocab[std::string(1, char('0' + id))] = id;
  const boost::json::object model = {
      {"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", boost::json::array()}};
  return text::Tokenizer::from_json(
      boost::json::object{{"model", model}, {"decoder", {{"type", "ByteLevel"}}}}, "simulation");
}

}  // namespace

void SimulatedDevice::do_copy_page(compute::KvCache& /*cache*/, std::int32_t from,
                                   std::int32_t to) {
  const int tokens = kv_page_tokens();
  std::copy_n(contents.begin() + from * tokens, tokens, contents.begin() + to * tokens);
  clock_.advance(costs_.copied_page);
}

void SimulatedDevice::do_attention_segments(const Tensor&, const Tensor&, const Tensor&,
                                            const Tensor&, const compute::AttentionShape&,
                                            std::span<const std::int64_t>) {
  clock_.advance(costs_.tower_operation);
}

Tensor SimulatedModel::encode(const media::Patches& patches) {
  const std::int64_t rows = patches.grid.h;
  const Tensor one = device_.empty(DType::kF32, {1, kHidden});
  const compute::AttentionShape shape{.num_heads = 1, .num_kv_heads = 1, .head_dim = kHidden};
  for (std::int64_t i = 0; i < rows; ++i) {
    device_.attention_segments(one, one, one, one, shape, std::vector<std::int64_t>{1});
    ++tower_operations;
  }
  std::vector<float> values(rows * kHidden);
  for (std::int64_t i = 0; i < std::ssize(values); ++i) {
    values[i] = embedding_value(patches.digest, i / kHidden);
  }
  Tensor embeddings = device_.empty(DType::kF32, {rows, kHidden});
  device_.upload(embeddings, values.data());
  return embeddings;
}

void SimulatedModel::check_spans(std::span<const compute::SequenceSpan> spans) {
  const std::int64_t page_tokens = device_.kv_page_tokens();
  std::multiset<std::int32_t> pages;
  for (const auto& span : spans) {
    const std::int64_t needed = (span.start + span.count + page_tokens - 1) / page_tokens;
    if (needed > std::ssize(span.pages)) errors.push_back("a span without all of its pages");
    pages.insert(span.pages.begin(), span.pages.end());
  }
  for (const auto& span : spans) {
    for (std::int64_t i = span.start / page_tokens; i * page_tokens < span.start + span.count;
         ++i) {
      if (pages.count(span.pages[i]) > 1) errors.push_back("a page is written that others read");
    }
  }
}

void SimulatedModel::read_span(const compute::SequenceSpan& span,
                               std::span<const std::uint64_t> rows,
                               std::span<std::uint64_t> digests) {
  const std::int64_t page_tokens = device_.kv_page_tokens();
  const auto content = [&](std::int64_t token) -> std::uint64_t& {
    return device_.contents[span.pages[token / page_tokens] * page_tokens + token % page_tokens];
  };
  for (std::int64_t i = 0; i < span.count; ++i) content(span.start + i) = rows[span.row + i];
  std::uint64_t digest = 0;
  for (std::int64_t token = 0; token < span.start + span.count; ++token) {
    digest = mix(digest, content(token));
    if (token >= span.start) digests[span.row + token - span.start] = digest;
  }
  clock_.advance(costs_.key * static_cast<double>(span.count * (span.start + span.count)));
}

Tensor SimulatedModel::logits_of(std::span<const std::uint64_t> digests) {
  std::vector<float> values(digests.size() * kVocab, 0.0f);
  for (std::size_t i = 0; i < digests.size(); ++i) values[i * kVocab + token_of(digests[i])] = 1.0f;
  Tensor logits = device_.empty(DType::kF32, {std::ssize(digests), kVocab});
  device_.upload(logits, values.data());
  return logits;
}

models::Model::Outputs SimulatedModel::forward(const models::Batch& batch,
                                               const compute::SequenceMemory&) {
  const std::int64_t rows = std::ssize(batch.token_ids);
  most_rows = std::max(most_rows, rows);
  clock_.advance(costs_.step + costs_.row * static_cast<double>(rows));
  check_spans(batch.spans);
  std::vector<std::uint64_t> contents(rows), digests(rows), wanted;
  for (std::int64_t row = 0; row < rows; ++row) {
    contents[row] = text_content(batch.token_ids[row], batch.positions[row]);
  }
  for (const models::EmbeddingRows& part : batch.embeddings) {
    std::vector<float> values(part.embeddings->shape().elements());
    device_.download(values.data(), *part.embeddings);
    for (std::int64_t i = 0; i < part.count; ++i) {
      contents[part.row + i] =
          picture_content(values[(part.first + i) * kHidden], batch.positions[part.row + i]);
    }
  }
  for (const compute::SequenceSpan& span : batch.spans) read_span(span, contents, digests);
  for (const std::int32_t row : batch.logits_rows) wanted.push_back(digests[row]);
  return {logits_of(wanted), {}};
}

Tensor SimulatedModel::forward(const models::StepInputs& inputs, const compute::SequenceMemory&) {
  const std::int64_t rows = inputs.token_ids.size(0);
  clock_.advance(costs_.step + costs_.row * static_cast<double>(rows));
  check_spans(inputs.spans->spans());
  std::vector<std::int32_t> ids(rows), positions(rows);
  device_.download(ids.data(), inputs.token_ids);
  device_.download(positions.data(), inputs.positions);
  std::vector<std::uint64_t> contents(rows), digests(rows);
  for (std::int64_t row = 0; row < rows; ++row) {
    contents[row] = text_content(ids[row], positions[row]);
  }
  for (const compute::SequenceSpan& span : inputs.spans->spans()) {
    read_span(span, contents, digests);
  }
  return logits_of(digests);
}

std::vector<std::int32_t> SimulatedModel::answer_to(const SequenceInput& input) {
  const models::Prompt& prompt = input.prompt;
  std::vector<std::uint64_t> contents;
  for (std::size_t i = 0; i < prompt.token_ids.size(); ++i) {
    contents.push_back(text_content(prompt.token_ids[i], prompt.positions[i]));
  }
  for (const models::MediaSpan& span : prompt.media) {
    const Digest& picture = input.pictures[span.image]->patches.digest;
    for (std::int64_t i = 0; i < span.count; ++i) {
      contents[span.begin + i] = picture_content(embedding_value(picture, span.first + i),
                                                 prompt.positions[span.begin + i]);
    }
  }
  std::uint64_t digest = 0;
  for (const std::uint64_t content : contents) digest = mix(digest, content);
  std::vector<std::int32_t> answer;
  while (std::ssize(answer) < input.max_tokens) {
    answer.push_back(token_of(digest));
    if (std::ranges::find(input.end_tokens, answer.back()) != input.end_tokens.end()) break;
    const auto position = static_cast<std::int32_t>(std::ssize(answer)) - 1;
    digest = mix(digest, text_content(answer.back(), prompt.next_position + position));
  }
  return answer;
}

Simulation::Simulation(const SimulationOptions& options)
    : device(clock, options.costs, options.num_pages, options.steps_ahead),
      model(device, clock, options.costs),
      pool(device, model.kv_layout(), options.num_pages),
      tokenizer(make_tokenizer()),
      prefix_cache(options.prefix_cache ? std::make_unique<PrefixCache>(pool, nullptr) : nullptr),
      vision_cache(options.vision_cache_bytes),
      encoder(
          device, vision_cache,
          [this](const media::Patches& patches) { return model.encode(patches); }, clock.now()),
      runner({model, device, pool, nullptr, prefix_cache.get(), &encoder}, options.max_batch_tokens,
             clock.now()) {
  runner.set_max_slowdown(options.max_slowdown);
}

SequenceInput Simulation::input(std::vector<std::int32_t> tokens, std::int64_t max_tokens,
                                std::span<const int> picture_names) const {
  SequenceInput input;
  models::Prompt& prompt = input.prompt;
  prompt.token_ids = std::move(tokens);
  for (const int name : picture_names) {
    auto picture = std::make_shared<Picture>();
    const int rows = 3 + name % 7 * 4;  // kMostPictureRows at most; some take many slices
    picture->patches.values = {0.0f};
    picture->patches.grid = {.t = 1, .h = rows, .w = 1};
    picture->patches.digest = {1, static_cast<std::uint64_t>(name)};
    // Pixels are let go where the tokens are cached, and made again when these are gone as well.
    picture->process = [patches = picture->patches] { return patches; };
    const auto image = static_cast<int>(input.pictures.size());
    prompt.media.push_back({image, std::ssize(prompt.token_ids), rows, 0});
    prompt.token_ids.resize(prompt.token_ids.size() + rows, 1);
    input.pictures.push_back(std::move(picture));
  }
  prompt.token_ids.push_back(2);
  const auto count = static_cast<std::int32_t>(prompt.token_ids.size());
  for (std::int32_t i = 0; i < count; ++i) prompt.positions.push_back(i);
  prompt.next_position = count;
  input.max_tokens = max_tokens;
  input.end_tokens = {SimulatedModel::kEnd};
  return input;
}

std::unique_ptr<Sequence> Simulation::sequence(SequenceInput input) {
  return std::make_unique<Sequence>(std::move(input), tokenizer, pool, prefix_cache.get());
}

bool Simulation::all_pages_free() {
  if (prefix_cache) prefix_cache->clear();
  return pool.free_pages() == pool.num_pages();
}

}  // namespace saccade::engine
