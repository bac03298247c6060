#include "nn/weights.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/error.h"

namespace saccade::nn {

WeightLoader::WeightLoader(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                           std::function<void(std::int64_t)> on_bytes)
    : checkpoint_(checkpoint), device_(device), on_bytes_(std::move(on_bytes)) {}

std::vector<HostMatrix> WeightLoader::checked(const std::string& name, std::int64_t outputs,
                                              std::int64_t inputs) const {
  const Shape& shape = checkpoint_.info(name).shape;
  const bool fits =
      shape.rank() >= 2 && shape[0] == outputs && shape.elements() == outputs * inputs;
  if (!fits) {
    fail("{}: tensor {} has shape {}; config.json implies [{}, {}]", checkpoint_.where(), name,
         shape.text(), outputs, inputs);
  }
  return checkpoint_.matrix(name);
}

void WeightLoader::loaded(const std::string& name, std::int64_t bytes) {
  checkpoint_.release(name);
  if (on_bytes_) on_bytes_(bytes);
}

std::shared_ptr<const compute::Weight> WeightLoader::matrix(const std::string& name,
                                                            std::int64_t outputs,
                                                            std::int64_t inputs) {
  return stacked({name}, {outputs}, inputs);
}

std::shared_ptr<const compute::Weight> WeightLoader::stacked(
    const std::vector<std::string>& names, const std::vector<std::int64_t>& outputs,
    std::int64_t inputs) {
  std::vector<HostMatrix> parts;
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::vector<HostMatrix> more = checked(names[i], outputs[i], inputs);
    std::move(more.begin(), more.end(), std::back_inserter(parts));
  }
  auto packed = device_.pack(parts);
  for (const std::string& name : names) loaded(name, checkpoint_.info(name).bytes);
  return packed;
}

Tensor WeightLoader::table(const std::string& name, std::int64_t rows, std::int64_t columns) {
  const auto without_ones = [](std::span<const std::int64_t> dims) {
    std::vector<std::int64_t> rest;
    std::ranges::copy_if(dims, std::back_inserter(rest), [](std::int64_t n) { return n != 1; });
    return rest;
  };
  const Shape& shape = checkpoint_.info(name).shape;
  const std::int64_t wanted[] = {rows, columns};
  if (without_ones(shape.dims()) != without_ones(wanted)) {
    fail("{}: tensor {} has shape {}; config.json implies [{}, {}]", checkpoint_.where(), name,
         shape.text(), rows, columns);
  }
  Tensor values = device_.to_f32(checkpoint_.tensor(name));
  loaded(name, checkpoint_.info(name).bytes);
  return values.view_as({rows, columns});
}

Tensor WeightLoader::vector(const std::string& name, std::int64_t elements) {
  return joined({name}, {elements});
}

Tensor WeightLoader::joined(const std::vector<std::string>& names,
                            const std::vector<std::int64_t>& elements) {
  std::int64_t total = 0;
  for (const std::int64_t count : elements) total += count;
  Tensor whole = device_.empty(DType::kF32, {total});
  std::vector<float> values(total);
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const HostTensor tensor = checkpoint_.tensor(names[i]);
    if (tensor.shape != Shape{elements[i]}) {
      fail("{}: tensor {} has shape {}; config.json implies [{}]", checkpoint_.where(), names[i],
           tensor.shape.text(), elements[i]);
    }
    device_.download(values.data() + offset, device_.to_f32(tensor));
    offset += elements[i];
    loaded(names[i], checkpoint_.info(names[i]).bytes);
  }
  device_.upload(whole, values.data());
  return whole;
}

}  // namespace saccade::nn
