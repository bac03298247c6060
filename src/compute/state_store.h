// Memory of layers that keep a state of fixed size of each sequence, whatever its length.
#pragma once

#include <cstdint>
#include <utility>

#include "tensor/tensor.h"

namespace saccade::compute {

/// Columns of a state's matrices that lie together: one vector of a CPU kernel.
inline constexpr int kStatePanel = 16;

/// What the recurrent layers of a decoder keep of a sequence, each the same: the last inputs of a
/// causal convolution, and a matrix for each head that every token changes. Linear attention and
/// state space models differ in how, and not in what is kept.
struct StateLayout {
  int num_layers = 0;  ///< 0: there are none
  int num_heads = 0;
  int key_dim = 0;    ///< rows of a head's matrix
  int value_dim = 0;  ///< columns of it
  int conv_taps = 1;  ///< inputs that an output of the convolution sees, its own token's included
  std::int64_t conv_channels = 0;

  bool operator==(const StateLayout&) const = default;
  /// Panels of a head's matrix; the last is filled up.
  std::int64_t panels() const { return (value_dim + kStatePanel - 1) / kStatePanel; }
  std::int64_t matrix_elements() const { return panels() * key_dim * kStatePanel; }
  std::int64_t layer_elements() const {
    return num_heads * matrix_elements() + (conv_taps - 1) * conv_channels;
  }
  /// Of one sequence.
  std::int64_t bytes() const {
    return num_layers * layer_elements() * static_cast<std::int64_t>(sizeof(float));
  }
};

/// The states of as many sequences as there are slots, f32. Made by Device::make_state_store. Of a
/// slot and layer first come the matrices, [heads, panels, key_dim, kStatePanel], then the inputs
/// of the convolution, [conv_taps - 1, conv_channels], the oldest first.
class StateStore {
 public:
  /// values f32 [num_slots * num_layers, layer_elements]
  StateStore(const StateLayout& layout, int num_slots, Tensor values)
      : layout_(layout), num_slots_(num_slots), values_(std::move(values)) {}

  const StateLayout& layout() const { return layout_; }
  int num_slots() const { return num_slots_; }
  const Tensor& values() const { return values_; }
  /// Elements from one slot to the next.
  std::int64_t slot_stride() const { return layout_.num_layers * layout_.layer_elements(); }
  float* matrices(int slot, int layer) const {
    return values_.row(std::int64_t{slot} * layout_.num_layers + layer);
  }
  float* conv_inputs(int slot, int layer) const {
    return matrices(slot, layer) + layout_.num_heads * layout_.matrix_elements();
  }

 private:
  StateLayout layout_;
  int num_slots_;
  Tensor values_;
};

}  // namespace saccade::compute
