#include "saccade/engine.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/memory_info.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/random_source.h"
#include "compute/devices.h"
#include "engine/bench.h"
#include "engine/engine_impl.h"
#include "models/family.h"

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

std::unique_ptr<compute::Device> make_device(const EngineOptions& options) {
  return compute::make_device(engine::device_options(options));
}

checkpoint::Checkpoint open_checkpoint(const std::string& model, const EngineOptions& options) {
  return checkpoint::Checkpoint(checkpoint::resolve_model(model), options.mmproj);
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

// The tower has the device until a picture is done where nobody else waits for it.
constexpr double kWholePictureMs = 1e9;
constexpr double kDecodingMs = 50.0;

void report(const engine::Sequence& sequence, Listener& listener) {
  std::int64_t wanted = 0, done = 0;
  for (const auto& picture : sequence.pictures()) {
    wanted += picture->wanted;
    done += picture->embeddings != nullptr;
  }
  if (done < wanted) {
    listener.on_progress(Stage::kVision, done, wanted);
  } else if (sequence.prefilling()) {
    listener.on_progress(Stage::kPrefill, sequence.computed(), sequence.prompt_tokens());
  } else {
    listener.on_progress(Stage::kDecode, sequence.known() - sequence.prompt_tokens(), 0);
  }
}

}  // namespace

BenchReport Engine::Impl::bench(const BenchOptions& options, BenchListener* listener) {
  model_->load_tower(nullptr);
  engine::Bench bench(
      {model_->device(), model_->model(), model_->processor(), model_->pool(), model_->states(),
       model_->runner().scheduler(), model_->info(), model_->load_ms()},
      options, listener);
  BenchReport report = bench.run();
  report.device = public_info(model_->device().info());
  report.memory_taken_bytes =
      std::max<std::int64_t>(0, model_->memory_before() - report.device.available_memory_bytes);
  return report;
}

std::vector<Result> Engine::Impl::generate(std::span<const Request> requests, Listener* listener,
                                           std::span<const std::int32_t> forced) {
  const Clock::time_point begin = Clock::now();
  std::vector<std::unique_ptr<engine::Sequence>> sequences;
  for (const Request& request : requests) {
    sequences.push_back(make_sequence(request, forced, listener));
  }
  const Clock::time_point start = Clock::now();
  run(sequences, listener);
  std::vector<Result> results;
  for (const auto& sequence : sequences) {
    if (sequence->failed()) throw Error(sequence->error());
    const Clock::time_point first = sequence->first_token_time();
    results.push_back(sequence->take_result());
    fill_timings(results.back(), begin, start, first);
  }
  return results;
}

Result Engine::Impl::score(Request request, std::span<const std::int32_t> tokens,
                           Listener* listener) {
  const std::int64_t vocab_size = model_->info().vocab_size;
  for (const std::int32_t id : tokens) {
    if (id < 0 || id >= vocab_size) {
      fail("token {}: the model's vocabulary has 0 to {}", id, vocab_size - 1);
    }
  }
  request.max_tokens = static_cast<std::int64_t>(tokens.size());
  request.stop.clear();
  request.ignore_end = true;
  return std::move(generate(std::span(&request, 1), listener, tokens)[0]);
}

std::unique_ptr<engine::Sequence> Engine::Impl::make_sequence(const Request& request,
                                                              std::span<const std::int32_t> forced,
                                                              Listener* listener) {
  // The caller keeps the request until it is answered.
  const std::shared_ptr<const Request> shared(std::shared_ptr<void>(), &request);
  engine::SequenceInput input = model_->prepare(shared, listener);
  input.forced.assign(forced.begin(), forced.end());
  if (!forced.empty() && input.max_tokens < request.max_tokens) {
    fail("after the prompt there is room for {} tokens, not for {}", input.max_tokens,
         request.max_tokens);
  }
  if (listener) listener->on_prompt(input.prompt.token_ids);
  if (!input.pictures.empty()) model_->load_tower(listener);
  std::unique_ptr<engine::Sequence> sequence = model_->make_sequence(std::move(input));
  if (!listener) return sequence;
  sequence->on_text = [listener](const std::string& text) { listener->on_text(text); };
  if (listener->watches_logits()) {
    sequence->on_logits = [listener](std::span<const float> logits) {
      listener->on_logits(logits);
    };
  }
  if (listener->watches_images()) show_pictures(*sequence, *listener);
  return sequence;
}

void Engine::Impl::show_pictures(const engine::Sequence& sequence, Listener& listener) {
  for (const auto& picture : sequence.pictures()) {
    model_->pictures().want(picture);
    while (model_->pictures().busy()) model_->pictures().run(kWholePictureMs, kDecodingMs);
    if (!picture->embeddings) throw Error(picture->error);
    std::vector<float> values(picture->embeddings->shape().elements());
    model_->device().download(values.data(), *picture->embeddings);
    listener.on_image(values);
  }
}

void Engine::Impl::run(std::vector<std::unique_ptr<engine::Sequence>>& sequences,
                       Listener* listener) {
  engine::Runner& runner = model_->runner();
  for (auto& sequence : sequences) runner.add(sequence.get());
  try {
    while (!runner.idle()) {
      if (listener) report(*sequences[0], *listener);
      if (listener && listener->cancelled()) return runner.cancel_all();
      runner.step();
    }
  } catch (...) {  // out of the listener
    runner.cancel_all();
    throw;
  }
}

void Engine::Impl::fill_timings(Result& result, Clock::time_point begin, Clock::time_point start,
                                Clock::time_point first) const {
  Timings& timings = result.timings;
  timings.load_ms = model_->load_ms();
  if (first == Clock::time_point()) return;
  timings.prefill_ms = std::max(0.0, ms_between(start, first) - timings.vision_ms);
  timings.ttft_ms = ms_between(begin, first);
  timings.decode_ms = ms_since(first);
  timings.prefill_tokens_per_second =
      rate(result.usage.prompt_tokens - result.usage.cached_tokens, timings.prefill_ms);
  timings.decode_tokens_per_second =
      rate(std::max<std::int64_t>(0, result.usage.completion_tokens - 1), timings.decode_ms);
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

Engine Engine::load(const std::string& model, const EngineOptions& options, Listener* listener) {
  const Clock::time_point begin = Clock::now();
  return Engine(std::make_unique<Impl>(std::make_unique<engine::LoadedModel>(
      open_checkpoint(model, options), options, listener, begin)));
}

Engine Engine::load_random(const RandomModel& model, const EngineOptions& options,
                           Listener* listener) {
  const Clock::time_point begin = Clock::now();
  checkpoint::Checkpoint checkpoint(
      std::make_shared<checkpoint::RandomSource>(model.shape, model.weights));
  return Engine(std::make_unique<Impl>(
      std::make_unique<engine::LoadedModel>(std::move(checkpoint), options, listener, begin)));
}

const ModelInfo& Engine::info() const {
  return impl_->model().info();
}

DeviceInfo Engine::device() const {
  return public_info(impl_->model().device().info());
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
  return engine::describe_model(checkpoint, *make_device(options), options);
}

TokenMath count_tokens(const std::string& model, const Request& request,
                       const EngineOptions& options) {
  const checkpoint::Checkpoint checkpoint = open_checkpoint(model, options);
  const ModelInfo info = engine::describe_model(checkpoint, *make_device(options), options);
  const auto processor = models::family_of(checkpoint).load_processor(checkpoint);
  const engine::PreparedPrompt prepared =
      engine::prepare_prompt(*processor, request, options, nullptr);
  return engine::count_prompt(*processor, info, prepared);
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
  for (compute::DeviceInfo& info : compute::list_devices(engine::device_options(options))) {
    devices.push_back(public_info(std::move(info)));
  }
  return devices;
}

}  // namespace saccade
