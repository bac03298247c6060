// What a checkpoint holds beyond the model that its config.json describes.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace saccade::nn {

/// The tensors that a model was made of. Weights that nobody asked for mean that the model is not
/// the one that config.json describes: a layer, a bias or a tower more, which would change answers.
class UsedTensors {
 public:
  void add(const std::string& name) { names_.insert(name); }
  /// Tensors whose names begin so belong to the model and are knowingly not run.
  void leave_out(const std::string& prefix) { left_out_.push_back(prefix); }

  /// Throws Error naming the first tensor of the checkpoint that the model has no use for, unless
  /// it is one that changes no answer: a buffer, a bias of zeros, the scale of a key-value cache.
  void expect_all_of(const checkpoint::Checkpoint& checkpoint) const;

 private:
  bool accounts_for(const checkpoint::Checkpoint& checkpoint, const std::string& name) const;

  std::set<std::string> names_;
  std::vector<std::string> left_out_;
};

}  // namespace saccade::nn
