// One job of one tier: from the photo's file to what the database says of it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "photos/importer.h"
#include "photos/jobs.h"
#include "photos/library.h"
#include "photos/vision/vision.h"
#include "photos/vlm/local_models.h"
#include "photos/vlm/vlm.h"

namespace saccade::photos {

/// The models that the tiers use, loaded when a tier first needs one. Threads may share it.
class TierModels {
 public:
  explicit TierModels(const Settings& settings) : settings_(settings) {}
  /// Throws Error when it cannot be had.
  Vlm& model_of(const Tier& tier);
  ClassicalVision& vision();

 private:
  const Settings& settings_;
  std::mutex mutex_;
  LocalModels local_models_;
  std::map<std::string, std::shared_ptr<Vlm>> models_;  // by tier
  std::unique_ptr<ClassicalVision> vision_;
};

class TierRunner {
 public:
  TierRunner(Library& library, TierModels& models) : library_(library), models_(models) {}

  /// Does a job that was claimed, and stores how it ended: done, asked of a larger model next, or
  /// not possible with this photo. Throws what is no fault of the photo, with the job still
  /// running: VlmUnavailable, LibraryError, and Error for a model that cannot be had.
  void run(const Job& job, const std::atomic<bool>& cancelled);

 private:
  void look(const Tier& tier, const Job& job);
  void ask(const Tier& tier, const Job& job, const std::atomic<bool>& cancelled);
  ImageBytes picture_of(std::int64_t photo);

  Library& library_;
  TierModels& models_;
};

}  // namespace saccade::photos
