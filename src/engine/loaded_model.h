// A model with the memory and the caches that its requests share.
#pragma once

#include <memory>
#include <mutex>
#include <span>

#include "checkpoint/checkpoint.h"
#include "compute/devices.h"
#include "engine/cache_store.h"
#include "engine/disk_store.h"
#include "engine/disk_tier.h"
#include "engine/kv_pool.h"
#include "engine/picture_index.h"
#include "engine/prefix_cache.h"
#include "engine/prepare.h"
#include "engine/runner.h"
#include "engine/sequence.h"
#include "engine/state_pool.h"
#include "engine/vision_cache.h"
#include "grammar/cache.h"
#include "models/model.h"
#include "nn/late_weight.h"
#include "saccade/engine.h"

namespace saccade::engine {

compute::DeviceOptions device_options(const EngineOptions& options);

/// What `inspect` says of a checkpoint on a device.
ModelInfo describe_model(const checkpoint::Checkpoint& checkpoint, const compute::Device& device,
                         const EngineOptions& options);

/// Where the tokens of a prepared prompt come from.
TokenMath count_prompt(const models::Processor& processor, const ModelInfo& info,
                       const PreparedPrompt& prepared);

/// Everything between a checkpoint and sequences that can be run. prepare() may be called on any
/// thread; the rest belongs to one at a time.
class LoadedModel {
 public:
  /// `begin`: when loading began, which is before the checkpoint is opened. Throws Error.
  LoadedModel(checkpoint::Checkpoint checkpoint, const EngineOptions& options, Listener* listener,
              Clock::time_point begin);

  const ModelInfo& info() const { return info_; }
  const EngineOptions& options() const { return options_; }
  const models::Processor& processor() const { return *processor_; }
  compute::Device& device() const { return *device_; }
  models::Model& model() const { return *model_; }
  KvPool& pool() { return *pool_; }
  StatePool& states() { return *states_; }
  /// Null: there is none.
  PrefixCache* prefix_cache() { return prefix_cache_.get(); }
  VisionCache& vision_cache() { return vision_cache_; }
  /// Null: there is none.
  DiskTier* disk_tier() { return disk_tier_.get(); }
  PictureEncoder& pictures() { return *pictures_; }
  Runner& runner() { return *runner_; }
  double load_ms() const { return load_ms_; }
  /// Free on the device before anything was loaded.
  std::int64_t memory_before() const { return memory_before_; }

  /// Packs the vision tower's weights, which wait for the first picture: a prompt of text alone
  /// does not need them. Part of the time to load, whenever it happens.
  void load_tower(Listener* listener);

  /// All that a sequence needs of a request, checked against what the model can do. The request
  /// must outlive the sequence's pictures, and may be shared with them. Throws Error.
  SequenceInput prepare(const std::shared_ptr<const Request>& request, Listener* listener) const;
  /// A sequence for the runner. It must end before the model does.
  std::unique_ptr<Sequence> make_sequence(SequenceInput input);
  /// The tokens of a request without running it.
  TokenMath count_tokens(const Request& request) const;
  /// Forgets pictures and prefixes that no sequence uses.
  void clear_caches();

 private:
  void make_pools();
  void open_cache_directory();
  AnswerConstraint make_constraint(const Request& request) const;
  bool takes_prefix(const SequenceInput& input) const;
  void check_embedding(const Request& request, const PreparedPrompt& prepared) const;
  std::int64_t check_length(const PreparedPrompt& prepared, std::int64_t max_tokens) const;

  EngineOptions options_;
  std::unique_ptr<compute::Device> device_;
  checkpoint::Checkpoint checkpoint_;
  ModelInfo info_;
  std::int64_t memory_before_;
  std::unique_ptr<models::Processor> processor_;
  SamplingParams sampling_;
  nn::DeferredWeights deferred_;  // of model_
  std::unique_ptr<models::Model> model_;
  std::unique_ptr<KvPool> pool_;
  std::unique_ptr<StatePool> states_;
  std::unique_ptr<PrefixCache> prefix_cache_;
  VisionCache vision_cache_;
  std::unique_ptr<DiskStore> disk_store_;
  std::unique_ptr<DiskTier> disk_tier_;
  std::unique_ptr<CacheStore> cache_store_;
  mutable PictureIndex picture_index_;
  mutable std::mutex grammars_mutex_;
  mutable std::unique_ptr<grammar::GrammarCache> grammars_;  // made when it is first needed
  std::unique_ptr<PictureEncoder> pictures_;
  std::unique_ptr<Runner> runner_;
  double load_ms_ = 0.0;
};

}  // namespace saccade::engine
