#include "engine/bench.h"

#include <algorithm>

#include "base/error.h"
#include "base/memory_info.h"
#include "checkpoint/random_shape.h"
#include "engine/bench_picture.h"
#include "media/jpeg_encoder.h"

namespace saccade {

std::vector<std::string> random_shapes() {
  return checkpoint::random_shape_names();
}

namespace engine {
namespace {

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The prompt of the row first_token.
constexpr std::int64_t kFirstPrompt = 20;
// What cameras and phones save with, about.
constexpr int kJpegQuality = 90;

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

/// Random tokens, parted between an encoder and a decoder as those of `like` are.
models::Prompt random_prompt(std::int64_t tokens, const models::Prompt& like,
                             std::int64_t vocab_size, std::mt19937& random) {
  models::Prompt prompt;
  prompt.axes = like.axes;
  if (like.encoder_tokens > 0) {
    const auto decoded = static_cast<std::int64_t>(models::decoder_tokens(like).size());
    if (tokens <= decoded) {
      fail("bench: wanted prompts of at least {} tokens, found {}", decoded + 1, tokens);
    }
    prompt.encoder_tokens = tokens - decoded;
    prompt.mutual = {{0, prompt.encoder_tokens}};
  }
  const std::int32_t first = prompt.encoder_tokens > 0 ? like.positions[0] : 0;
  const auto position = [&](std::int64_t i) {
    return first +
           static_cast<std::int32_t>(i < prompt.encoder_tokens ? i : i - prompt.encoder_tokens);
  };
  prompt.next_position = position(tokens);
  for (int axis = 0; axis < prompt.axes; ++axis) {
    for (std::int64_t i = 0; i < tokens; ++i) prompt.positions.push_back(position(i));
  }
  for (std::int64_t i = 0; i < tokens; ++i) {
    prompt.token_ids.push_back(static_cast<std::int32_t>(random() % vocab_size));
  }
  return prompt;
}

}  // namespace

Bench::Bench(const EngineParts& parts, const BenchOptions& options, BenchListener* listener)
    : parts_(parts),
      options_(options),
      listener_(listener),
      pattern_(parts.processor.tokenize("a", {}, {})) {}

BenchReport Bench::run() {
  check_options();
  report_.roofline = options_.roofline;
  if (options_.roofline) roofline_ = to_internal(*options_.roofline);
  report_.kv_bytes =
      parts_.info.kv_bytes_per_token * parts_.pool.page_tokens() * parts_.pool.num_pages() +
      parts_.info.state_bytes_per_sequence * parts_.states.num_slots();
  if (const auto energy = parts_.device.energy()) report_.energy_source = energy->source;
  try {
    report_.rows.push_back({"load", {}, parts_.load_ms, parts_.load_ms, parts_.load_ms, "ms"});
    measure_first_token();
    for (const PictureSize& size : options_.images) measure_picture(size);
    for (const std::int64_t tokens : options_.prefill) measure_prefill(tokens);
    if (options_.decode > 0) {
      for (const std::int64_t batch : options_.batch) measure_decode(batch);
    }
    report_.complete = true;
  } catch (const Cancelled&) {
  }
  report_.weight_bytes = parts_.device.packed_bytes();
  add_memory_row();
  return std::move(report_);
}

/// What the process held at most, and of it what weights and the pages in use account for. On a
/// GPU these lie elsewhere, and the report has its own figures.
void Bench::add_memory_row() {
  const std::int64_t peak = peak_memory_bytes();
  const auto value = static_cast<double>(peak);
  BenchRow row{"memory", {}, value, value, value, "bytes"};
  if (parts_.device.info().name == "cpu") {
    const std::int64_t kv =
        most_pages_ * parts_.pool.page_tokens() * parts_.info.kv_bytes_per_token +
        most_sequences_ * parts_.info.state_bytes_per_sequence;
    row.parameters = {{"weight_bytes", report_.weight_bytes},
                      {"kv_bytes", kv},
                      {"working_bytes", peak - report_.weight_bytes - kv}};
  }
  report_.rows.push_back(std::move(row));
}

void Bench::check_fits(std::int64_t sequences, std::int64_t tokens) const {
  if (tokens > parts_.info.context_length) {
    fail("bench: {} tokens, the model's context has {}", tokens, parts_.info.context_length);
  }
  if (parts_.states.needed() && sequences > parts_.states.num_slots()) {
    fail("bench: {} sequences; free memory holds the recurrent states of {}", sequences,
         parts_.states.num_slots());
  }
  const std::int64_t page = parts_.pool.page_tokens();
  if (sequences * ((tokens + page - 1) / page) > parts_.pool.num_pages()) {
    fail("bench: {} x {} tokens; free memory holds keys and values of {}", sequences, tokens,
         parts_.pool.num_pages() * page);
  }
}

void Bench::check_options() const {
  const std::int64_t context_length = parts_.info.context_length;
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

BenchRuns Bench::repeat(BenchRow& row, const std::string& what, double units,
                        const std::function<double()>& once, WorkOf work) {
  BenchRuns runs;
  std::vector<double> joules;
  for (int i = 0; i <= options_.repeat; ++i) {
    if (listener_) {
      listener_->on_progress(what, i, options_.repeat + 1);
      if (listener_->cancelled()) throw Cancelled();
    }
    const auto before = parts_.device.energy();
    const double value = once();
    const auto after = parts_.device.energy();
    if (work == WorkOf::kDevice) add_limits(runs);
    if (i == 0) continue;
    runs.values.push_back(value);
    // A meter counts in steps of some tens of milliseconds; one that has not moved says nothing.
    if (before && after && after->joules > before->joules) {
      joules.push_back((after->joules - before->joules) / units);
    }
  }
  fill_row(row, runs.values);
  if (!joules.empty()) {
    BenchRow energy;
    fill_row(energy, std::move(joules));
    row.joules = energy.median;
  }
  return runs;
}

void Bench::add_limits(BenchRuns& runs) {
  if (!roofline_) return;
  if (options_.limits_beside_runs) parts_.device.update_roofline(*roofline_);
  runs.limits.push_back(*roofline_);
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

/// The first thing that the engine does, once, as at the start of a program: a second time
/// everything would be warm.
void Bench::measure_first_token() {
  const Sequences sequences = make_sequences(1, kFirstPrompt, 1);
  const Clock::time_point begin = Clock::now();
  parts_.scheduler.add(sequences[0].get());
  run_out(sequences);
  const std::chrono::duration<double, std::milli> taken = sequences[0]->first_token_time() - begin;
  const double ms = parts_.load_ms + taken.count();
  report_.rows.push_back({"first_token", {{"tokens", kFirstPrompt}}, ms, ms, ms, "ms"});
}

Bench::Sequences Bench::make_sequences(std::int64_t batch, std::int64_t context,
                                       std::int64_t answer) {
  const std::int64_t page = parts_.pool.page_tokens();
  // The last token of an answer is never read.
  most_pages_ = std::max(most_pages_, batch * ((context + answer - 1 + page - 1) / page));
  most_sequences_ = std::max(most_sequences_, batch);
  Sequences sequences;
  for (std::int64_t i = 0; i < batch; ++i) {
    SequenceInput input;
    input.prompt = random_prompt(context, pattern_, parts_.info.vocab_size, random_);
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

void Bench::add_row(BenchRow row, const BenchRuns& runs, const compute::Work& work, double tokens) {
  if (row.unit != "ms") row.ms = 1000.0 * tokens / row.median;
  if (roofline_) fill_limit(row, runs, work, tokens);
  report_.rows.push_back(std::move(row));
}

void Bench::measure_picture(const PictureSize& size) {
  measure_vision(size, measure_media(size));
}

/// From the bytes of a JPEG file to patches, on the calling thread, as a request's pictures go.
media::Patches Bench::measure_media(const PictureSize& size) {
  const std::vector<std::byte> file = media::encode_jpeg(photo_like(size), kJpegQuality);
  BenchRow row{"media", {{"width", size.width}, {"height", size.height}}};
  row.unit = "ms";
  media::Patches patches;
  const auto once = [&] {
    patches = {};  // or there would be twice as many in memory as a request has
    const Clock::time_point begin = Clock::now();
    const media::Picture picture(file, "a picture of bench");
    patches = parts_.processor.process_image(picture, {std::nullopt, options_.max_pixels},
                                             /*alone=*/true);
    return 1000.0 * seconds_since(begin);
  };
  repeat(row, fmt::format("reading of {}x{} pixels", size.width, size.height), 1.0, once,
         WorkOf::kCaller);
  row.parameters.emplace_back("file_bytes", file.size());
  row.parameters.emplace_back("patches", patches.count());
  report_.rows.push_back(std::move(row));
  return patches;
}

void Bench::measure_vision(const PictureSize& size, const media::Patches& patches) {
  BenchRow row{"vision",
               {{"width", size.width},
                {"height", size.height},
                {"patches", patches.count()},
                {"tokens", parts_.processor.image_tokens(patches.grid)}}};
  row.unit = "ms";
  compute::Work work;
  const auto once = [&] {
    work = {};
    const WorkCounter counter(parts_.device, work);
    const Clock::time_point begin = Clock::now();
    wait_for(parts_.device, parts_.model.encode(patches));
    return 1000.0 * seconds_since(begin);
  };
  const BenchRuns runs =
      repeat(row, fmt::format("encoding of {}x{} pixels", size.width, size.height), 1.0, once);
  add_row(std::move(row), runs, work, 0.0);
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
  const auto units = static_cast<double>(tokens);
  const BenchRuns runs = repeat(row, fmt::format("prefill of {} tokens", tokens), units, once);
  add_row(std::move(row), runs, work, units);
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
  const BenchRuns runs = repeat(row, what, static_cast<double>(batch * options_.decode),
                                [&] { return timed_decode(batch); });
  add_row(std::move(row), runs, decode_work(batch), static_cast<double>(batch));
}

}  // namespace engine
}  // namespace saccade
