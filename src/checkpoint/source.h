// What a model's files hold, whatever their format.
#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/weight_format.h"

namespace saccade::checkpoint {

/// What is known of a tensor without reading it.
struct TensorInfo {
  std::string type;  ///< "bf16", "Q4_K", "4-bit (groups of 64)"
  Shape shape;       ///< of the weights, however many bits they take
  std::int64_t bytes = 0;
};

/// A model's files and tensors under the names they have in a Hugging Face directory. Formats of
/// other origin translate themselves into this, so nothing above knows them.
class Source {
 public:
  virtual ~Source() = default;

  /// How errors call the model, and one of its files.
  virtual std::string where() const = 0;
  virtual std::string where(const std::string& file) const = 0;
  /// The contents of a text file such as config.json, or nothing when there is none.
  virtual std::optional<std::string> text(const std::string& file) const = 0;
  virtual std::optional<boost::json::value> json(const std::string& file) const = 0;

  /// The files that what a model computes depends on; empty: it has none.
  virtual std::vector<std::filesystem::path> files() const = 0;

  virtual const std::map<std::string, TensorInfo, std::less<>>& tensors() const = 0;
  /// A matrix as the parts it is stored in, stacked along the outputs; dimensions after the first
  /// count as inputs.
  virtual std::vector<HostMatrix> matrix(const std::string& name) const = 0;
  /// The tensor has been packed; its file pages may go.
  virtual void release(const std::string& name) const = 0;
};

}  // namespace saccade::checkpoint
