// Loading a vision-language model and asking it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "saccade/error.h"
#include "saccade/request.h"

namespace saccade {

enum class Stage { kLoading, kMedia, kVision, kPrefill, kDecode };

/// Follows a request. Called on the thread that runs the request.
class Listener {
 public:
  virtual ~Listener() = default;
  /// `done` of `total` units of the stage: bytes, pictures or tokens.
  virtual void on_progress(Stage, std::int64_t /*done*/, std::int64_t /*total*/) {}
  /// The prompt's token ids, before the model reads them.
  virtual void on_prompt(std::span<const std::int32_t> /*token_ids*/) {}
  /// What the vision tower made of each picture of the request, in their order, as float32.
  virtual void on_image(std::span<const float> /*embeddings*/) {}
  /// Whether on_image is to be called: on a GPU the embeddings would have to be fetched for it.
  virtual bool watches_images() const { return false; }
  /// What the next token is chosen from, [vocab_size], as the model gave it.
  virtual void on_logits(std::span<const float> /*logits*/) {}
  /// Whether on_logits is to be called: steps whose logits somebody sees are done one by one and
  /// not repeated from a recording.
  virtual bool watches_logits() const { return false; }
  /// The next piece of the answer: whole UTF-8 characters.
  virtual void on_text(const std::string& /*piece*/) {}
  /// Asked between steps; true ends the request with FinishReason::kCancelled.
  virtual bool cancelled() { return false; }
};

/// How values between and inside layers are held.
enum class Activations {
  /// The fastest: inputs of quantized layers rounded to 8 bits, each 256 with a scale of their own,
  /// so that products are of integers, and queries, keys and values to integers (KvPrecision); on a
  /// GPU, float16 between layers.
  kInt8,
  /// float32 throughout: on the CPU the results of the dequantized model, bit for bit.
  kF32,
};

/// How the linear maps of a vision tower and its projector are held.
enum class TowerPrecision {
  kStored,  ///< as the file has them
  /// Float ones rounded to 8 bits at load, each 128 inputs with a scale: half the memory of 16
  /// bits; faster on a processor, not on a GPU. `saccade compare` tells what it costs.
  kInt8,
};

/// Of how many bits the keys and values are that a sequence leaves in memory.
enum class KvPrecision {
  /// On a processor, 8 where the decoder's weights are quantized, unless activations are f32;
  /// otherwise 16, or 32 with them.
  kAuto,
  kInt16,  ///< as good as float32; float16 on a GPU. Not with f32 activations.
  /// About half the memory, and faster. docs/quantization.md tells what it costs. On a processor
  /// only, and not with f32 activations.
  kInt8,
};

struct EngineOptions {
  std::string mmproj;  ///< GGUF file of the vision tower; empty: the one beside the model
  /// "auto": the first GPU that works, otherwise the CPU; "cpu"; "cuda" or "cuda:N".
  std::string device = "auto";
  Activations activations = Activations::kInt8;
  TowerPrecision tower_precision = TowerPrecision::kStored;
  KvPrecision kv_precision = KvPrecision::kAuto;
  /// Answers are the same bits whatever else is answered at the same time. The CPU's always are; a
  /// GPU is slower then.
  bool batch_invariant = false;
  int threads = 0;              ///< 0: one for each core this process may use
  std::string instruction_set;  ///< empty: the best one; otherwise as `saccade devices` names it
  /// Memory for keys and values, and recurrent states; where it is not given, enough for four
  /// sequences of the whole context, or most of what is free after the weights.
  std::optional<std::int64_t> kv_memory_bytes;
  /// Pictures with more pixels are refused before they are decoded.
  std::int64_t max_image_pixels = 178'956'970;
  /// JPEG files much larger than what the model looks at are decoded at a half, a quarter or an
  /// eighth of their size: faster, and not bit for bit the pixels of the model's own processor.
  bool fast_decode = false;
  /// Tokens that one step of the model takes; longer prompts are read in chunks. The device's
  /// choice where it is not given.
  std::optional<std::int64_t> max_batch_tokens;
  /// Prompts begin with the keys and values that earlier ones left, as far as they are the same.
  /// Takes no memory but what sequences leave of theirs.
  bool prefix_cache = true;
  /// For what the tower made of pictures; 0: every picture is encoded anew.
  std::int64_t vision_cache_bytes = std::int64_t{256} << 20;
  /// A directory in which both caches go on beyond memory and beyond the process; empty: none. Its
  /// owner alone may be able to write there: what lies there is believed.
  std::string cache_dir;
  std::int64_t cache_dir_bytes = std::int64_t{8} << 30;  ///< that files there may take, in all
  /// Hears what went wrong beside requests, such as a full disk. Called on any thread.
  std::function<void(const std::string& message)> on_warning;
};

/// A part of a model's weights.
struct ModelPart {
  std::string name;     ///< "vision tower"
  std::string summary;  ///< "32 layers, hidden 1280, 16 heads"
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;
  std::vector<std::string> dtypes;
};

/// What a checkpoint's files say about it.
struct ModelInfo {
  std::string directory;
  std::string family;
  std::vector<ModelPart> parts;
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;
  std::int64_t vocab_size = 0;
  std::int64_t context_length = 0;
  std::int64_t kv_bytes_per_token = 0;
  /// Of what recurrent layers remember of a sequence, however long it is; 0: there are none.
  std::int64_t state_bytes_per_sequence = 0;
  /// What the files ask for and is done otherwise here, a sentence each.
  std::vector<std::string> notes = {};
};

struct DeviceInfo {
  std::string name;                ///< "cpu", "cuda:0"
  std::string description;         ///< the processor's own name
  int threads = 0;                 ///< of a CPU; multiprocessors of a GPU
  std::string instruction_set;     ///< in use; the compute capability of a GPU
  std::vector<std::string> built;  ///< in this binary
  std::int64_t memory_bytes = 0;
  std::int64_t available_memory_bytes = 0;
};

/// Tokens of one part of a prompt.
struct PromptPart {
  std::string name;    ///< "system prompt", "image 1 (cats.jpg)"
  std::string detail;  ///< "640x480 -> 644x476"
  std::int64_t tokens = 0;
};

/// Where a prompt's tokens come from.
struct TokenMath {
  std::vector<PromptPart> parts;
  std::int64_t prompt_tokens = 0;
  std::int64_t image_tokens = 0;
  std::int64_t context_length = 0;
  std::int64_t answer_limit = 0;  ///< tokens that the context leaves for an answer
  std::int64_t kv_bytes_per_token = 0;
  std::vector<std::int32_t> token_ids;  ///< of the whole prompt
};

// saccade/bench.h
struct RandomModel;
struct BenchOptions;
struct BenchReport;
class BenchListener;

/// A loaded model and all it needs to answer. One thread at a time.
class Engine {
 public:
  /// `model` is a Hugging Face or MLX directory, a GGUF file, `glance`, or ORG/NAME in the local
  /// cache. Throws Error.
  static Engine load(const std::string& model, const EngineOptions& options = {},
                     Listener* listener = nullptr);
  /// A model of random weights that is nowhere on disk, to measure with. Throws Error.
  static Engine load_random(const RandomModel& model, const EngineOptions& options = {},
                            Listener* listener = nullptr);
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  const ModelInfo& info() const;
  /// What the model runs on, and the memory that is free there now.
  DeviceInfo device() const;

  /// Answers one request. Throws Error when it cannot be done; the engine stays usable.
  Result generate(const Request& request, Listener* listener = nullptr);

  /// Answers several requests in one batch; results in their order, the same bits as one by one.
  std::vector<Result> generate(std::span<const Request> requests);

  /// Answers with `tokens`, whatever the model would choose: the listener's on_logits is called for
  /// each of them with what it would have chosen from (teacher forcing). Tokens are read one a
  /// step, so that the result's timings are those of an answer. The request's max_tokens, stop
  /// texts and sampling are not used. Throws Error for tokens outside the vocabulary or beyond the
  /// context.
  Result score(const Request& request, std::span<const std::int32_t> tokens,
               Listener* listener = nullptr);

  /// Measures how fast the model is here, by the way that requests take. Throws Error for what does
  /// not fit the model or the memory.
  BenchReport bench(const BenchOptions& options, BenchListener* listener = nullptr);

 private:
  friend class Service;  // which takes an engine over
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Describes a checkpoint without loading its weights. Throws Error.
ModelInfo inspect_model(const std::string& model, const EngineOptions& options = {});

/// Counts a request's tokens without loading weights. Throws Error.
TokenMath count_tokens(const std::string& model, const Request& request,
                       const EngineOptions& options = {});

/// The device that would be used. Throws Error when the options name one that is not there.
DeviceInfo device_info(const EngineOptions& options = {});

/// All devices of this machine: the CPU first.
std::vector<DeviceInfo> list_devices(const EngineOptions& options = {});

}  // namespace saccade
