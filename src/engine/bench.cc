#include "engine/bench.h"

#include <algorithm>

#include "base/error.h"
#include "base/memory_info.h"
#include "checkpoint/random_shape.h"

namespace saccade {

std::vector<std::string> random_shapes() {
  return checkpoint::random_shape_names();
}

namespace engine {
namespace {

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Waits until a tensor is computed.
void wait_for(compute::Device& device, const Tensor& tensor) {
  const Tensor row = tensor.view_rows(0, 1);
  std::vector<std::byte> bytes(row.bytes());
  device.download(bytes.data(), row);
}

/// Adds up the work of what is done while it lives.
class WorkCounter {
 public:
  WorkCounter(compute::Device& device, compute::Work& work) : device_(device) {
    device_.count_work(&work);
  }
  ~WorkCounter() { device_.count_work(nullptr); }
  WorkCounter(const WorkCounter&) = delete;
  WorkCounter& operator=(const WorkCounter&) = delete;

 private:
  compute::Device& device_;
};

media::Image random_picture(const PictureSize& size, std::mt19937& random) {
  media::Image image{size.width, size.height, {}};
  image.pixels.resize(std::size_t{3} * size.width * size.height);
  for (std::uint8_t& value : image.pixels) value = static_cast<std::uint8_t>(random());
  return image;
}

models::Prompt random_prompt(std::int64_t tokens, int axes, std::int64_t vocab_size,
                             std::mt19937& random) {
  models::Prompt prompt;
  prompt.axes = axes;
  prompt.next_position = static_cast<std::int32_t>(tokens);
  for (int axis = 0; axis < axes; ++axis) {
    for (std::int64_t i = 0; i < tokens; ++i) {
      prompt.positions.push_back(static_cast<std::int32_t>(i));
    }
  }
  for (std::int64_t i = 0; i < tokens; ++i) {
    prompt.token_ids.push_back(static_cast<std::int32_t>(random() % vocab_size));
  }
  return prompt;
}

}  // namespace

void fill_row(BenchRow& row, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  row.min = values.front();
  row.max = values.back();
  row.median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2.0;
}

void fill_limit(BenchRow& row, const BenchRoofline& measured, const compute::Work& work,
                double tokens) {
  const compute::Roofline roofline{measured.bytes_per_second, measured.bandwidth,
                                   measured.float_flops, measured.quantized_flops, measured.matmul};
  const double seconds = roofline.seconds(work);
  const bool time = row.unit == "ms";
  row.limit = time ? 1000.0 * seconds : tokens / seconds;
  row.share = time ? *row.limit / row.median : row.median / *row.limit;
  row.bound = roofline.bound_by_memory(work) ? "memory" : "matmul";
}

Bench::Bench(const EngineParts& parts, const BenchOptions& options, BenchListener* listener)
    : parts_(parts),
      options_(options),
      listener_(listener),
      axes_(parts.processor.tokenize("", {}, {}).axes) {}

BenchReport Bench::run() {
  check_options();
  report_.roofline = options_.roofline;
  report_.weight_bytes = parts_.info.bytes;
  report_.kv_bytes =
      parts_.info.kv_bytes_per_token * parts_.pool.page_tokens() * parts_.pool.num_pages();
  try {
    report_.rows.push_back({"load", {}, parts_.load_ms, parts_.load_ms, parts_.load_ms, "ms"});
    for (const PictureSize& size : options_.images) measure_vision(size);
    for (const std::int64_t tokens : options_.prefill) measure_prefill(tokens);
    if (options_.decode > 0) {
      for (const std::int64_t batch : options_.batch) measure_decode(batch);
    }
    report_.complete = true;
  } catch (const Cancelled&) {
  }
  const auto peak = static_cast<double>(peak_memory_bytes());
  report_.rows.push_back({"memory", {}, peak, peak, peak, "bytes"});
  return std::move(report_);
}

void Bench::check_options() const {
  const std::int64_t context_length = parts_.info.context_length;
  const auto check_fits = [&](std::int64_t sequences, std::int64_t tokens) {
    if (tokens > context_length) {
      fail("bench: {} tokens, the model's context has {}", tokens, context_length);
    }
    const std::int64_t page = parts_.pool.page_tokens();
    if (sequences * ((tokens + page - 1) / page) > parts_.pool.num_pages()) {
      fail("bench: {} x {} tokens; free memory holds keys and values of {}", sequences, tokens,
           parts_.pool.num_pages() * page);
    }
  };
  const auto check_count = [](std::string_view name, std::int64_t count, std::int64_t high) {
    if (count >= 1 && count <= high) return;
    fail_usage("{}: wanted a number from 1 to {}, found {}", name, high, count);
  };
  check_count("repeat", options_.repeat, 1'000'000);
  for (const std::int64_t tokens : options_.prefill) {
    check_count("prefill", tokens, context_length);
    check_fits(1, tokens + 1);
  }
  if (options_.decode < 0) fail_usage("decode: wanted a count, found {}", options_.decode);
  if (options_.decode == 0) return;
  check_count("context", options_.context, context_length);
  for (const std::int64_t batch : options_.batch) {
    check_count("batch", batch, Scheduler::kMaxSequences);
    check_fits(batch, options_.context + options_.decode + 1);
  }
}

std::vector<double> Bench::repeated(const std::string& what, const std::function<double()>& once) {
  std::vector<double> values;
  for (int i = 0; i <= options_.repeat; ++i) {
    if (listener_) {
      listener_->on_progress(what, i, options_.repeat + 1);
      if (listener_->cancelled()) throw Cancelled();
    }
    const double value = once();
    if (i > 0) values.push_back(value);
  }
  return values;
}

void Bench::step(const Sequences& sequences) {
  try {
    parts_.scheduler.step();
    for (const auto& sequence : sequences) {
      if (!sequence->error().empty()) throw Error(sequence->error());
    }
    if (listener_ && listener_->cancelled()) throw Cancelled();
  } catch (...) {
    parts_.scheduler.cancel_all();  // before the sequences go
    throw;
  }
}

void Bench::run_out(const Sequences& sequences) {
  while (!parts_.scheduler.idle()) step(sequences);
}

Bench::Sequences Bench::make_sequences(std::int64_t batch, std::int64_t context,
                                       std::int64_t answer) {
  Sequences sequences;
  for (std::int64_t i = 0; i < batch; ++i) {
    SequenceInput input;
    input.prompt = random_prompt(context, axes_, parts_.info.vocab_size, random_);
    input.max_tokens = answer;
    sequences.push_back(
        std::make_unique<Sequence>(std::move(input), parts_.processor.tokenizer(), parts_.pool));
  }
  return sequences;
}

Bench::Sequences Bench::make_prefilled(std::int64_t batch, std::int64_t context,
                                       std::int64_t answer) {
  Sequences sequences = make_sequences(batch, context, answer);
  for (const auto& sequence : sequences) {
    if (!sequence->reserve(context + answer)) fail("bench: out of key-value memory");
    sequence->advance(context - 1);
  }
  return sequences;
}

void Bench::add_row(BenchRow row, const compute::Work& work, double tokens) {
  if (row.unit != "ms") row.ms = 1000.0 * tokens / row.median;
  if (options_.roofline) fill_limit(row, *options_.roofline, work, tokens);
  report_.rows.push_back(std::move(row));
}

void Bench::measure_vision(const PictureSize& size) {
  const media::Patches patches = parts_.processor.process_image(
      random_picture(size, random_), {std::nullopt, options_.max_pixels}, /*alone=*/true);
  const media::PatchGrid& grid = patches.grid;
  const std::int64_t count = std::int64_t{grid.tiles} * grid.t * grid.h * grid.w;
  BenchRow row{"vision",
               {{"width", size.width},
                {"height", size.height},
                {"patches", count},
                {"tokens", parts_.processor.image_tokens(grid)}}};
  row.unit = "ms";
  compute::Work work;
  const auto once = [&] {
    work = {};
    const WorkCounter counter(parts_.device, work);
    const Clock::time_point begin = Clock::now();
    wait_for(parts_.device, parts_.model.encode(patches));
    return 1000.0 * seconds_since(begin);
  };
  fill_row(row, repeated(fmt::format("encoding of {}x{} pixels", size.width, size.height), once));
  add_row(std::move(row), work, 0.0);
}

void Bench::measure_prefill(std::int64_t tokens) {
  BenchRow row{"prefill", {{"tokens", tokens}}};
  row.unit = "tokens/s";
  compute::Work work;
  const auto once = [&] {
    const Sequences sequences = make_sequences(1, tokens, 1);
    work = {};
    const WorkCounter counter(parts_.device, work);
    const Clock::time_point begin = Clock::now();
    parts_.scheduler.add(sequences[0].get());
    run_out(sequences);
    const auto time = sequences[0]->first_token_time() - begin;
    return static_cast<double>(tokens) / std::chrono::duration<double>(time).count();
  };
  fill_row(row, repeated(fmt::format("prefill of {} tokens", tokens), once));
  add_row(std::move(row), work, static_cast<double>(tokens));
}

/// Of a step in the middle of what is timed: one in which every sequence takes its last prompt
/// token does the same, and is never a recorded one, whose operations nobody would see.
compute::Work Bench::decode_work(std::int64_t batch) {
  const Sequences sequences = make_prefilled(batch, options_.context + options_.decode / 2, 1);
  for (const auto& sequence : sequences) parts_.scheduler.add(sequence.get());
  compute::Work work;
  const WorkCounter counter(parts_.device, work);
  run_out(sequences);
  return work;
}

double Bench::timed_decode(std::int64_t batch) {
  const Sequences sequences = make_prefilled(batch, options_.context, options_.decode + 1);
  for (const auto& sequence : sequences) parts_.scheduler.add(sequence.get());
  const auto prefilling = [](const auto& sequence) { return sequence->prefilling(); };
  while (std::ranges::any_of(sequences, prefilling)) step(sequences);
  const auto known = [&] {
    std::int64_t count = 0;
    for (const auto& sequence : sequences) count += sequence->known();
    return count;
  };
  const std::int64_t before = known();
  const Clock::time_point begin = Clock::now();
  run_out(sequences);
  return static_cast<double>(known() - before) / seconds_since(begin);
}

void Bench::measure_decode(std::int64_t batch) {
  const std::string what = fmt::format("decoding of {} after {} tokens", batch, options_.context);
  if (listener_) listener_->on_progress(what, 0, options_.repeat + 1);
  {
    // Pages keep what is stored in them: the sequences that are timed find it there.
    const Sequences sequences = make_sequences(batch, options_.context, 1);
    for (const auto& sequence : sequences) parts_.scheduler.add(sequence.get());
    run_out(sequences);
  }
  BenchRow row{"decode",
               {{"batch", batch}, {"context", options_.context}, {"tokens", options_.decode}}};
  row.unit = "tokens/s";
  fill_row(row, repeated(what, [&] { return timed_decode(batch); }));
  add_row(std::move(row), decode_work(batch), static_cast<double>(batch));
}

}  // namespace engine
}  // namespace saccade
