// A checkpoint of random weights that is nowhere on disk.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/random_shape.h"
#include "checkpoint/source.h"

namespace saccade::checkpoint {

/// A model of a named shape whose weights are a few MiB of random numbers, repeated, and the same
/// every time. Answers are noise, sizes and speeds are those of a real checkpoint.
class RandomSource : public Source {
 public:
  /// `weights`: "bf16"; "mlx4", the decoder in MLX's 4 bits with groups of 64 and the rest in bf16;
  /// or "q4_0", the decoder in GGUF's Q4_0 and the tower in f16. Throws Error (usage) for names
  /// that are not known.
  RandomSource(const std::string& shape, const std::string& weights);

  std::string where() const override;
  std::string where(const std::string& file) const override;
  std::optional<std::string> text(const std::string& file) const override;
  std::optional<boost::json::value> json(const std::string& file) const override;
  std::vector<std::filesystem::path> files() const override { return {}; }
  const std::map<std::string, TensorInfo, std::less<>>& tensors() const override {
    return tensors_;
  }
  std::vector<HostMatrix> matrix(const std::string& name) const override;
  /// When all tensors have been packed, what they were made of goes.
  void release(const std::string& name) const override;

 private:
  /// Bytes that are repeated from any multiple of `unit` on.
  struct Pool {
    std::vector<std::byte> bytes;
    std::int64_t unit = 1;
    /// Enough repetitions for tensors that are not unusually large, while they are asked for.
    mutable std::shared_ptr<std::vector<std::byte>> repeated = nullptr;
  };
  /// `count` bytes of a pool from its `first` unit on, and what keeps them alive.
  static std::pair<const std::byte*, std::shared_ptr<const void>> bytes_of(const Pool& pool,
                                                                           std::size_t first,
                                                                           std::size_t count);
  WeightFormat format_of(const std::string& name, const Shape& shape) const;
  const Pool& pool_of(const WeightFormat& format, const std::string& name) const;
  void make_pools();

  RandomShape shape_;
  std::string weights_;
  std::map<std::string, TensorInfo, std::less<>> tensors_;
  std::map<std::string, WeightFormat, std::less<>> formats_;
  std::map<std::string, Pool> pools_;  // by the format's name; "ones NAME" for norms
  mutable std::set<std::string> released_;
};

}  // namespace saccade::checkpoint
