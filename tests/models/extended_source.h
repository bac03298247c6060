// A checkpoint with tensors that its files do not hold.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/source.h"

namespace saccade {

/// Another source with float32 tensors added to it.
class ExtendedSource : public checkpoint::Source {
 public:
  explicit ExtendedSource(std::shared_ptr<const checkpoint::Source> base)
      : base_(std::move(base)), tensors_(base_->tensors()) {}

  /// All of its elements are `value`.
  void add(const std::string& name, const Shape& shape, float value) {
    auto values = std::make_shared<std::vector<float>>(shape.elements(), value);
    const auto* data = reinterpret_cast<const std::byte*>(values->data());
    tensors_[name] = {"f32", shape, shape.elements() * 4};
    added_[name] = float_matrix({DType::kF32, shape, data, std::move(values)});
  }

  std::string where() const override { return base_->where(); }
  std::string where(const std::string& file) const override { return base_->where(file); }
  std::optional<std::string> text(const std::string& file) const override {
    return base_->text(file);
  }
  std::optional<boost::json::value> json(const std::string& file) const override {
    return base_->json(file);
  }
  std::vector<std::filesystem::path> files() const override { return base_->files(); }
  const std::map<std::string, checkpoint::TensorInfo, std::less<>>& tensors() const override {
    return tensors_;
  }
  std::vector<HostMatrix> matrix(const std::string& name) const override {
    const auto found = added_.find(name);
    return found == added_.end() ? base_->matrix(name) : std::vector{found->second};
  }
  void release(const std::string& name) const override {
    if (!added_.contains(name)) base_->release(name);
  }

 private:
  std::shared_ptr<const checkpoint::Source> base_;
  std::map<std::string, checkpoint::TensorInfo, std::less<>> tensors_;
  std::map<std::string, HostMatrix> added_;
};

}  // namespace saccade
