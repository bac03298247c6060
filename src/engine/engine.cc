#include "saccade/engine.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "base/error.h"
#include "base/memory_info.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/random_source.h"
#include "compute/devices.h"
#include "engine/bench.h"
#include "engine/kv_pool.h"
#include "engine/prepare.h"
#include "engine/scheduler.h"
#include "engine/sequence.h"
#include "engine/state_pool.h"
#include "engine/vision_cache.h"
#include "models/family.h"
#include "nn/late_weight.h"

namespace saccade {
namespace {

using engine::Clock;

double ms_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}
double ms_since(Clock::time_point begin) {
  return ms_between(begin, Clock::now());
}

double rate(std::int64_t tokens, double ms) {
  return ms > 0 ? static_cast<double>(tokens) * 1000.0 / ms : 0.0;
}

// The share of free memory, after the weights, that keys and values may grow into.
constexpr double kKvShare = 0.8;
// Of that, states get one part in so many at most.
constexpr std::int64_t kStateShare = 4;
// Working memory of a step besides weights and key-value pages.
constexpr std::int64_t kWorkingBytes = std::int64_t{64} << 20;
constexpr std::int64_t kVisionCacheBytes = std::int64_t{256} << 20;
// Sequences of full length that one engine keeps pages for.
constexpr std::int64_t kMaxFullSequences = 4;
// Where contexts are short, tokens that there are pages for all the same.
constexpr std::int64_t kMinKvTokens = 65536;

compute::DeviceOptions device_options(const EngineOptions& options) {
  if (options.threads < 0) {
    fail_usage("threads: wanted a number from 1 to 1024, found {}", options.threads);
  }
  return {options.device, options.threads, options.instruction_set,
          options.activations == Activations::kF32, options.batch_invariant};
}

std::unique_ptr<compute::Device> make_device(const EngineOptions& options) {
  return compute::make_device(device_options(options));
}

checkpoint::Checkpoint open_checkpoint(const std::string& model, const EngineOptions& options) {
  return checkpoint::Checkpoint(checkpoint::resolve_model(model), options.mmproj);
}

ModelInfo make_info(const checkpoint::Checkpoint& checkpoint, const compute::Device& device) {
  const models::Description description = models::family_of(checkpoint).describe(checkpoint);
  ModelInfo info;
  info.directory = checkpoint.where();
  info.family = description.family;
  for (const models::PartDescription& part : description.parts) {
    info.parts.push_back({part.name, part.summary, part.parameters, part.bytes, part.dtypes});
    info.parameters += part.parameters;
    info.bytes += part.bytes;
  }
  info.vocab_size = description.vocab_size;
  info.context_length = description.context_length;
  info.kv_bytes_per_token = device.kv_bytes_per_token(description.kv_layout);
  info.state_bytes_per_sequence = description.state_layout.bytes();
  return info;
}

DeviceInfo public_info(compute::DeviceInfo info) {
  return {std::move(info.name),
          std::move(info.description),
          info.threads,
          std::move(info.instruction_set),
          std::move(info.built),
          info.memory_bytes,
          info.available_memory_bytes};
}

/// Said before anything is loaded, so that a model that cannot fit does not push others out.
void check_memory(const ModelInfo& info, const compute::Device& device) {
  const std::int64_t needed = info.bytes + kWorkingBytes;
  const std::int64_t available = device.info().available_memory_bytes;
  if (needed > available) {
    fail(
        "{}: the model needs {} MiB of memory, {} MiB are free; close other programs or take a "
        "smaller or quantized model",
        info.directory, needed >> 20, available >> 20);
  }
}

/// What keys, values and states may take of the memory that weights still to come leave.
std::int64_t sequence_memory(const EngineOptions& options, const compute::Device& device,
                             std::int64_t deferred_bytes) {
  const std::int64_t available = device.info().available_memory_bytes - deferred_bytes;
  return options.kv_memory_bytes.value_or(
      static_cast<std::int64_t>(kKvShare * static_cast<double>(available)));
}

/// Slots for recurrent states, as many as can be used or as their share of the memory has.
int count_states(const ModelInfo& info, std::int64_t budget) {
  if (info.state_bytes_per_sequence == 0) return 0;
  return static_cast<int>(std::clamp<std::int64_t>(
      budget / kStateShare / info.state_bytes_per_sequence, 1, engine::Scheduler::kMaxSequences));
}

/// Pages for sequences of the whole context, as far as the memory goes.
int count_pages(const ModelInfo& info, const compute::Device& device, std::int64_t budget) {
  const int page_tokens = device.kv_page_tokens();
  // A decoder without any attention has pages of no bytes.
  const std::int64_t page_bytes = std::max<std::int64_t>(1, info.kv_bytes_per_token * page_tokens);
  const std::int64_t tokens = std::max(kMaxFullSequences * info.context_length, kMinKvTokens);
  const std::int64_t wanted = (tokens + page_tokens - 1) / page_tokens;
  return static_cast<int>(std::clamp<std::int64_t>(budget / page_bytes, 1, wanted));
}

}  // namespace

class Engine::Impl {
 public:
  /// `begin`: when loading began, which is before the checkpoint is opened.
  Impl(checkpoint::Checkpoint checkpoint, const EngineOptions& options, Listener* listener,
       Clock::time_point begin)
      : options_(options),
        device_(make_device(options)),
        checkpoint_(std::move(checkpoint)),
        info_(make_info(checkpoint_, *device_)),
        memory_before_(device_->info().available_memory_bytes) {
    check_memory(info_, *device_);
    processor_ = models::family_of(checkpoint_).load_processor(checkpoint_);
    sampling_ = engine::default_sampling(checkpoint_);
    std::int64_t loaded = 0;
    const auto on_bytes = [&](std::int64_t bytes) {
      loaded += bytes;
      if (listener) listener->on_progress(Stage::kLoading, loaded, info_.bytes);
    };
    model_ = models::load_model(checkpoint_, *device_,
                                {.on_bytes = on_bytes,
                                 .int8_towers = options.tower_precision == TowerPrecision::kInt8,
                                 .deferred = &deferred_,
                                 .threads = options.threads});
    make_pools();
    scheduler_ = std::make_unique<engine::Scheduler>(
        *model_, *device_, *pool_, options_.max_batch_tokens.value_or(device_->batch_tokens()),
        states_.get());
    load_ms_ = ms_since(begin);
  }

  const ModelInfo& info() const { return info_; }
  compute::DeviceInfo device() const { return device_->info(); }

  BenchReport bench(const BenchOptions& options, BenchListener* listener) {
    load_tower(nullptr);
    engine::Bench bench(
        {*device_, *model_, *processor_, *pool_, *states_, *scheduler_, info_, load_ms_}, options,
        listener);
    BenchReport report = bench.run();
    report.device = public_info(device());
    report.memory_taken_bytes =
        std::max<std::int64_t>(0, memory_before_ - report.device.available_memory_bytes);
    return report;
  }

  /// `forced`: the answer of a single request, where it is given.
  std::vector<Result> generate(std::span<const Request> requests, Listener* listener,
                               std::span<const std::int32_t> forced = {}) {
    const Clock::time_point begin = Clock::now();
    std::vector<std::unique_ptr<engine::Sequence>> sequences;
    std::vector<Timings> timings(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      sequences.push_back(make_sequence(requests[i], forced, listener, timings[i]));
      if (listener) {
        sequences[i]->on_text = [listener](const std::string& text) { listener->on_text(text); };
      }
      if (listener && listener->watches_logits()) {
        sequences[i]->on_logits = [listener](std::span<const float> logits) {
          listener->on_logits(logits);
        };
      }
    }
    const Clock::time_point start = Clock::now();
    run(sequences, listener);
    std::vector<Result> results;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      engine::Sequence& sequence = *sequences[i];
      if (!sequence.error().empty()) throw Error(sequence.error());
      const Clock::time_point first = sequence.first_token_time();
      results.push_back(sequence.take_result());
      results.back().timings = timings[i];
      fill_timings(results.back(), begin, start, first);
    }
    return results;
  }

  Result score(Request request, std::span<const std::int32_t> tokens, Listener* listener) {
    for (const std::int32_t id : tokens) {
      if (id < 0 || id >= info_.vocab_size) {
        fail("token {}: the model's vocabulary has 0 to {}", id, info_.vocab_size - 1);
      }
    }
    request.max_tokens = static_cast<std::int64_t>(tokens.size());
    request.stop.clear();
    request.ignore_end = true;
    return std::move(generate(std::span(&request, 1), listener, tokens)[0]);
  }

 private:
  void make_pools() {
    const std::int64_t budget = sequence_memory(options_, *device_, deferred_.bytes());
    states_ = std::make_unique<engine::StatePool>(*device_, model_->state_layout(),
                                                  count_states(info_, budget));
    const std::int64_t taken = states_->num_slots() * info_.state_bytes_per_sequence;
    pool_ = std::make_unique<engine::KvPool>(*device_, model_->kv_layout(),
                                             count_pages(info_, *device_, budget - taken));
  }

  /// Packs the vision tower's weights, which wait for the first picture: a prompt of text alone
  /// does not need them. Part of the time to load, whenever it happens.
  void load_tower(Listener* listener) {
    if (deferred_.bytes() == 0) return;
    const Clock::time_point begin = Clock::now();
    const std::int64_t before = info_.bytes - deferred_.bytes();
    const std::int64_t bytes = deferred_.bytes();
    deferred_.load([&](std::int64_t done, std::int64_t total) {
      if (listener) {
        listener->on_progress(Stage::kLoading, before + bytes * done / total, info_.bytes);
      }
    });
    load_ms_ += ms_since(begin);
  }

  std::shared_ptr<const Tensor> encode(const media::Patches& patches) {
    if (auto found = vision_cache_.find(patches.digest)) return found;
    return vision_cache_.insert(patches.digest, model_->encode(patches));
  }

  void show(const Tensor& embeddings, Listener& listener) const {
    std::vector<float> values(embeddings.shape().elements());
    device_->download(values.data(), embeddings);
    listener.on_image(values);
  }

  std::unique_ptr<engine::Sequence> make_sequence(const Request& request,
                                                  std::span<const std::int32_t> forced,
                                                  Listener* listener, Timings& timings) {
    const Clock::time_point begin = Clock::now();
    if (request.max_tokens < 0) {
      fail_usage("max-tokens: wanted a count from 0 up, found {}", request.max_tokens);
    }
    if (request.logprobs && (*request.logprobs < 0 || *request.logprobs > info_.vocab_size)) {
      fail_usage("logprobs: wanted a count from 0 to {}, found {}", info_.vocab_size,
                 *request.logprobs);
    }
    engine::SequenceInput input;
    input.sampling = engine::merged_sampling(sampling_, request.sampling);
    engine::PreparedPrompt prepared =
        engine::prepare_prompt(*processor_, request, options_, listener);
    timings.media_ms = ms_since(begin);
    input.max_tokens = check_length(prepared, request.max_tokens);
    input.forced.assign(forced.begin(), forced.end());
    if (!forced.empty() && input.max_tokens < request.max_tokens) {
      fail("after the prompt there is room for {} tokens, not for {}", input.max_tokens,
           request.max_tokens);
    }
    if (listener) listener->on_prompt(prepared.prompt.token_ids);
    if (!prepared.patches.empty()) load_tower(listener);
    const Clock::time_point vision = Clock::now();
    const auto images = static_cast<std::int64_t>(prepared.patches.size());
    for (std::int64_t i = 0; i < images; ++i) {
      if (listener) listener->on_progress(Stage::kVision, i, images);
      input.embeddings.push_back(encode(prepared.patches[i]));
      if (listener && listener->watches_images()) show(*input.embeddings.back(), *listener);
      // Pixels are not needed any more, and are several times as large as what became of them.
      prepared.patches[i] = {};
    }
    timings.vision_ms = ms_since(vision);
    input.prompt = std::move(prepared.prompt);
    input.seed = request.sampling.seed.value_or((std::uint64_t{seeds_()} << 32) | seeds_());
    input.stop = request.stop;
    if (!request.ignore_end) input.end_tokens = processor_->end_tokens();
    input.logprobs = request.logprobs;
    return std::make_unique<engine::Sequence>(std::move(input), processor_->tokenizer(), *pool_);
  }

  /// How many tokens may follow the prompt. Throws when the prompt leaves no room at all.
  std::int64_t check_length(const engine::PreparedPrompt& prepared, std::int64_t max_tokens) const {
    const auto prompt = static_cast<std::int64_t>(prepared.prompt.token_ids.size());
    // An encoder has a context of its own, of which the answer takes nothing.
    const std::int64_t encoded = prepared.prompt.encoder_tokens;
    const std::int64_t decoded = prompt - encoded;
    if (encoded > info_.context_length || decoded >= info_.context_length) {
      fail(
          "the prompt has {} tokens, the model's context {}; lower max-pixels, or use fewer "
          "pictures or less text",
          std::max(encoded, decoded), info_.context_length);
    }
    if (prompt == 0) fail("the prompt is empty");
    const std::int64_t room = static_cast<std::int64_t>(pool_->num_pages()) * pool_->page_tokens();
    if (prompt >= room) {
      fail("the prompt has {} tokens; free memory holds keys and values of {} ({} KiB a token)",
           prompt, room, info_.kv_bytes_per_token >> 10);
    }
    return std::min({max_tokens, info_.context_length - decoded, room - prompt});
  }

  void run(std::vector<std::unique_ptr<engine::Sequence>>& sequences, Listener* listener) {
    for (auto& sequence : sequences) scheduler_->add(sequence.get());
    try {
      while (!scheduler_->idle()) {
        if (listener) report(*sequences[0], *listener);
        if (listener && listener->cancelled()) return scheduler_->cancel_all();
        scheduler_->step();
      }
    } catch (...) {  // out of the listener
      scheduler_->cancel_all();
      throw;
    }
  }

  static void report(const engine::Sequence& sequence, Listener& listener) {
    if (sequence.prefilling()) {
      listener.on_progress(Stage::kPrefill, sequence.computed(), sequence.prompt_tokens());
    } else {
      listener.on_progress(Stage::kDecode, sequence.known() - sequence.prompt_tokens(), 0);
    }
  }

  void fill_timings(Result& result, Clock::time_point begin, Clock::time_point start,
                    Clock::time_point first) const {
    Timings& timings = result.timings;
    timings.load_ms = load_ms_;
    if (result.token_ids.empty()) return;
    timings.prefill_ms = ms_between(start, first);
    timings.ttft_ms = ms_between(begin, first);
    timings.decode_ms = ms_since(first);
    timings.prefill_tokens_per_second = rate(result.usage.prompt_tokens, timings.prefill_ms);
    timings.decode_tokens_per_second = rate(result.usage.completion_tokens - 1, timings.decode_ms);
  }

  EngineOptions options_;
  std::unique_ptr<compute::Device> device_;
  checkpoint::Checkpoint checkpoint_;
  ModelInfo info_;
  std::int64_t memory_before_;  // free on the device before anything was loaded
  std::unique_ptr<models::Processor> processor_;
  engine::SamplingParams sampling_;
  nn::DeferredWeights deferred_;  // of model_
  std::unique_ptr<models::Model> model_;
  std::unique_ptr<engine::KvPool> pool_;
  std::unique_ptr<engine::StatePool> states_;
  std::unique_ptr<engine::Scheduler> scheduler_;
  engine::VisionCache vision_cache_{kVisionCacheBytes};
  std::random_device seeds_;
  double load_ms_ = 0.0;
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

Engine Engine::load(const std::string& model, const EngineOptions& options, Listener* listener) {
  const Clock::time_point begin = Clock::now();
  return Engine(std::make_unique<Impl>(open_checkpoint(model, options), options, listener, begin));
}

Engine Engine::load_random(const RandomModel& model, const EngineOptions& options,
                           Listener* listener) {
  const Clock::time_point begin = Clock::now();
  checkpoint::Checkpoint checkpoint(
      std::make_shared<checkpoint::RandomSource>(model.shape, model.weights));
  return Engine(std::make_unique<Impl>(std::move(checkpoint), options, listener, begin));
}

const ModelInfo& Engine::info() const {
  return impl_->info();
}

DeviceInfo Engine::device() const {
  return public_info(impl_->device());
}

BenchReport Engine::bench(const BenchOptions& options, BenchListener* listener) {
  return impl_->bench(options, listener);
}

Result Engine::generate(const Request& request, Listener* listener) {
  return std::move(impl_->generate(std::span(&request, 1), listener)[0]);
}

std::vector<Result> Engine::generate(std::span<const Request> requests) {
  return impl_->generate(requests, nullptr);
}

Result Engine::score(const Request& request, std::span<const std::int32_t> tokens,
                     Listener* listener) {
  return impl_->score(request, tokens, listener);
}

ModelInfo inspect_model(const std::string& model, const EngineOptions& options) {
  const checkpoint::Checkpoint checkpoint = open_checkpoint(model, options);
  return make_info(checkpoint, *make_device(options));
}

TokenMath count_tokens(const std::string& model, const Request& request,
                       const EngineOptions& options) {
  const checkpoint::Checkpoint checkpoint = open_checkpoint(model, options);
  const ModelInfo info = make_info(checkpoint, *make_device(options));
  const auto processor = models::family_of(checkpoint).load_processor(checkpoint);
  const engine::PreparedPrompt prepared =
      engine::prepare_prompt(*processor, request, options, nullptr);
  TokenMath math;
  math.parts = engine::prompt_parts(*processor, prepared);
  math.token_ids = prepared.prompt.token_ids;
  math.prompt_tokens = static_cast<std::int64_t>(prepared.prompt.token_ids.size());
  for (const models::MediaSpan& span : prepared.prompt.media) math.image_tokens += span.count;
  math.context_length = info.context_length;
  const auto decoded = static_cast<std::int64_t>(models::decoder_tokens(prepared.prompt).size());
  math.answer_limit = std::max<std::int64_t>(0, info.context_length - decoded);
  math.kv_bytes_per_token = info.kv_bytes_per_token;
  return math;
}

DeviceInfo device_info(const EngineOptions& options) {
  return public_info(make_device(options)->info());
}

BenchRoofline measure_roofline(const EngineOptions& options) {
  const compute::Roofline roofline = make_device(options)->measure_roofline();
  forget_peak_memory();
  return engine::to_public(roofline);
}

std::vector<DeviceInfo> list_devices(const EngineOptions& options) {
  std::vector<DeviceInfo> devices;
  for (compute::DeviceInfo& info : compute::list_devices(device_options(options))) {
    devices.push_back(public_info(std::move(info)));
  }
  return devices;
}

}  // namespace saccade
