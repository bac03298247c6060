#include "engine/loaded_model.h"

#include <algorithm>
#include <random>

#include "base/error.h"
#include "engine/memory_limits.h"
#include "engine/model_fingerprint.h"
#include "engine/token_contents.h"
#include "models/family.h"

namespace saccade::engine {
namespace {

// The share of free memory, after the weights, that keys and values may grow into.
constexpr double kKvShare = 0.8;

// Pictures whose files are remembered.
constexpr std::size_t kKnownPictures = 4096;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

grammar::Source::Kind source_kind(Constraint::Kind kind) {
  using Kind = grammar::Source::Kind;
  switch (kind) {
    case Constraint::Kind::kJsonSchema:
      return Kind::kJsonSchema;
    case Constraint::Kind::kJsonObject:
      return Kind::kJsonObject;
    case Constraint::Kind::kRegex:
      return Kind::kRegex;
    case Constraint::Kind::kChoice:
      return Kind::kChoice;
    case Constraint::Kind::kGbnf:
      return Kind::kGbnf;
  }
  return Kind::kJsonObject;
}

/// Fresh randomness, for requests that bring no seed.
std::uint64_t fresh_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
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

/// What keys and values are kept in. Rounding them to 8 bits costs no more than rounding the inputs
/// of quantized weights does.
compute::KvPrecision kv_precision(const models::Description& description,
                                  const compute::Device& device, const EngineOptions& options) {
  const auto wants = [&](KvPrecision precision) { return options.kv_precision == precision; };
  if (!wants(KvPrecision::kAuto) && options.activations == Activations::kF32) {
    fail_usage("keys and values are of 32 bits with f32 activations, not of {}",
               wants(KvPrecision::kInt8) ? 8 : 16);
  }
  if (wants(KvPrecision::kInt8) && !device.has_int8_kv()) {
    fail_usage("keys and values of 8 bits are kept on a processor, not on {}", device.info().name);
  }
  const bool rounded = wants(KvPrecision::kAuto)
                           ? device.has_int8_kv() && description.quantized_decoder()
                           : wants(KvPrecision::kInt8);
  return rounded ? compute::KvPrecision::kInt8 : compute::KvPrecision::kDefault;
}

/// Slots for recurrent states, as many as can be used or as their share of the memory has.
int count_states(const ModelInfo& info, std::int64_t budget) {
  if (info.state_bytes_per_sequence == 0) return 0;
  return static_cast<int>(std::clamp<std::int64_t>(
      budget / kStateShare / info.state_bytes_per_sequence, 1, Scheduler::kMaxSequences));
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

compute::DeviceOptions device_options(const EngineOptions& options) {
  if (options.threads < 0) {
    fail_usage("threads: wanted a number from 1 to 1024, found {}", options.threads);
  }
  return {options.device, options.threads, options.instruction_set,
          options.activations == Activations::kF32, options.batch_invariant};
}

ModelInfo describe_model(const checkpoint::Checkpoint& checkpoint, const compute::Device& device,
                         const EngineOptions& options) {
  models::Description description = models::family_of(checkpoint).describe(checkpoint);
  description.kv_layout.precision = kv_precision(description, device, options);
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
  info.notes = generation_notes(checkpoint);
  return info;
}

TokenMath count_prompt(const models::Processor& processor, const ModelInfo& info,
                       const PreparedPrompt& prepared) {
  TokenMath math;
  math.parts = prompt_parts(processor, prepared);
  math.token_ids = prepared.prompt.token_ids;
  math.prompt_tokens = static_cast<std::int64_t>(prepared.prompt.token_ids.size());
  for (const models::MediaSpan& span : prepared.prompt.media) math.image_tokens += span.count;
  math.context_length = info.context_length;
  const auto decoded = static_cast<std::int64_t>(models::decoder_tokens(prepared.prompt).size());
  math.answer_limit = std::max<std::int64_t>(0, info.context_length - decoded);
  math.kv_bytes_per_token = info.kv_bytes_per_token;
  return math;
}

LoadedModel::LoadedModel(checkpoint::Checkpoint checkpoint, const EngineOptions& options,
                         Listener* listener, Clock::time_point begin)
    : options_(options),
      device_(compute::make_device(device_options(options))),
      checkpoint_(std::move(checkpoint)),
      info_(describe_model(checkpoint_, *device_, options_)),
      memory_before_(device_->info().available_memory_bytes),
      vision_cache_(options.vision_cache_bytes),
      picture_index_(kKnownPictures) {
  check_memory(info_, *device_);
  open_cache_directory();
  processor_ = models::family_of(checkpoint_).load_processor(checkpoint_);
  sampling_ = default_sampling(checkpoint_);
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
  if (disk_tier_) {
    cache_store_ = std::make_unique<CacheStore>(*disk_tier_, *device_, *pool_, states_.get(),
                                                prefix_cache_.get(), vision_cache_);
  }
  pictures_ = std::make_unique<PictureEncoder>(*device_, vision_cache_,
                                               [this](const media::Patches& patches) {
                                                 load_tower(nullptr);
                                                 return model_->encode(patches);
                                               });
  runner_ = std::make_unique<Runner>(
      Scheduler::Parts{*model_, *device_, *pool_, states_.get(), prefix_cache_.get(),
                       pictures_.get(), cache_store_.get()},
      options_.max_batch_tokens.value_or(device_->batch_tokens()));
  load_ms_ = ms_since(begin);
}

void LoadedModel::open_cache_directory() {
  if (options_.cache_dir.empty()) return;
  DiskStore::Warn warn = options_.on_warning;
  if (!warn) warn = [](const std::string&) {};
  disk_store_ = std::make_unique<DiskStore>(options_.cache_dir, options_.cache_dir_bytes, warn);
  disk_tier_ = std::make_unique<DiskTier>(
      *disk_store_, model_fingerprint(checkpoint_, *device_, options_, *disk_store_), warn);
}

void LoadedModel::make_pools() {
  const std::int64_t budget = sequence_memory(options_, *device_, deferred_.bytes());
  states_ =
      std::make_unique<StatePool>(*device_, model_->state_layout(), count_states(info_, budget));
  const std::int64_t taken = states_->num_slots() * info_.state_bytes_per_sequence;
  compute::KvLayout layout = model_->kv_layout();
  layout.precision =
      kv_precision(models::family_of(checkpoint_).describe(checkpoint_), *device_, options_);
  pool_ = std::make_unique<KvPool>(*device_, layout, count_pages(info_, *device_, budget - taken));
  if (options_.prefix_cache) prefix_cache_ = std::make_unique<PrefixCache>(*pool_, states_.get());
}

void LoadedModel::load_tower(Listener* listener) {
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

SequenceInput LoadedModel::prepare(const std::shared_ptr<const Request>& request,
                                   Listener* listener) const {
  const Clock::time_point begin = Clock::now();
  if (request->max_tokens < 0) {
    fail_usage("max-tokens: wanted a count from 0 up, found {}", request->max_tokens);
  }
  if (request->logprobs && (*request->logprobs < 0 || *request->logprobs > info_.vocab_size)) {
    fail_usage("logprobs: wanted a count from 0 to {}, found {}", info_.vocab_size,
               *request->logprobs);
  }
  SequenceInput input;
  input.sampling = merged_sampling(sampling_, request->sampling);
  input.edits = LogitEdits(request->sampling, info_.vocab_size);
  PreparedPrompt prepared =
      prepare_prompt(*processor_, *request, options_, listener, &picture_index_);
  input.media_ms = ms_since(begin);
  input.embedding = request->embedding;
  if (input.embedding) check_embedding(*request, prepared);
  // An embedding needs as much memory as a prompt with one token behind it.
  const std::int64_t wanted = input.embedding ? 1 : request->max_tokens;
  input.max_tokens =
      input.embedding == Embedding::kPicture ? wanted : check_length(prepared, wanted);
  const std::vector<const ImageBytes*> images = pictures_of(*request);
  for (std::size_t i = 0; i < images.size(); ++i) {
    auto picture = std::make_shared<Picture>();
    picture->patches = std::move(prepared.patches[i]);
    picture->process = [this, request, image = images[i]] {
      return process_picture(*processor_, *request, *image, options_);
    };
    input.pictures.push_back(std::move(picture));
  }
  input.prompt = std::move(prepared.prompt);
  if (takes_prefix(input)) input.contents = token_contents(input.prompt, input.pictures);
  if (cache_store_) {
    input.stored = cache_store_->fetch(input.prompt, input.contents, input.pictures);
    if (input.embedding == Embedding::kPicture) cache_store_->fetch(*input.pictures[0]);
  }
  input.seed = request->sampling.seed.value_or(fresh_seed());
  input.stop = request->stop;
  if (!request->ignore_end) input.end_tokens = processor_->end_tokens();
  for (const std::string& text : request->visible_tokens) {
    const auto id = processor_->tokenizer().token_id(text);
    if (id) input.visible_tokens.push_back(*id);
  }
  input.logprobs = request->logprobs;
  input.priority = request->priority;
  if (request->constraint) input.constraint.emplace(make_constraint(*request));
  if (request->reasoning) input.reasoning.emplace(*request->reasoning, processor_->tokenizer());
  return input;
}

AnswerConstraint LoadedModel::make_constraint(const Request& request) const {
  const Constraint& constraint = *request.constraint;
  {
    const std::lock_guard lock(grammars_mutex_);
    if (!grammars_) {
      grammars_ =
          std::make_unique<grammar::GrammarCache>(std::make_shared<const grammar::Vocabulary>(
              processor_->tokenizer(), info_.vocab_size, processor_->end_tokens()));
    }
  }
  const grammar::Source source{source_kind(constraint.kind), constraint.texts};
  const bool one = constraint.kind != Constraint::Kind::kChoice;
  const std::size_t wanted = constraint.kind == Constraint::Kind::kJsonObject ? 0 : 1;
  if (one && constraint.texts.size() != wanted) {
    fail_usage("constraint: wanted {} text, found {}", wanted, constraint.texts.size());
  }
  try {
    return {grammars_->get(source, "the constraint"), processor_->tokenizer(), constraint,
            request.reasoning ? &*request.reasoning : nullptr};
  } catch (const Error& error) {
    throw Error(error.what(), ErrorKind::kUsage);  // it is the request's
  }
}

std::unique_ptr<Sequence> LoadedModel::make_sequence(SequenceInput input) {
  PrefixCache* cache = takes_prefix(input) ? prefix_cache_.get() : nullptr;
  return std::make_unique<Sequence>(std::move(input), processor_->tokenizer(), *pool_, cache);
}

/// Whether a sequence may begin with what earlier ones left: that has keys and values, and not the
/// hidden states that a mean is of.
bool LoadedModel::takes_prefix(const SequenceInput& input) const {
  return prefix_cache_ && (!input.embedding || input.embedding == Embedding::kLastToken);
}

TokenMath LoadedModel::count_tokens(const Request& request) const {
  return count_prompt(*processor_, info_,
                      prepare_prompt(*processor_, request, options_, nullptr, &picture_index_));
}

void LoadedModel::clear_caches() {
  if (prefix_cache_) prefix_cache_->clear();
  vision_cache_.clear();
  if (disk_tier_) disk_tier_->clear();
  picture_index_.clear();
}

/// Throws for what no embedding is made of.
void LoadedModel::check_embedding(const Request& request, const PreparedPrompt& prepared) const {
  if (request.constraint || request.logprobs) {
    fail_usage("embedding: it is not an answer, and has no {}",
               request.constraint ? "constraint" : "log-probabilities");
  }
  if (request.embedding == Embedding::kPicture) {
    const bool alone = prepared.patches.size() == 1 && request.messages.size() == 1 &&
                       request.messages[0].content.size() == 1;
    if (!alone) fail_usage("embedding: wanted one picture and nothing beside it");
  } else if (prepared.prompt.encoder_tokens > 0) {
    fail_usage(
        "embedding: {} has an encoder and a decoder, of which no embeddings of texts are made; it "
        "gives those of pictures alone",
        info_.family);
  }
}

/// How many tokens may follow the prompt. Throws when the prompt leaves no room at all.
std::int64_t LoadedModel::check_length(const PreparedPrompt& prepared,
                                       std::int64_t max_tokens) const {
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

}  // namespace saccade::engine
