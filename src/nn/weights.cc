#include "nn/weights.h"

#include <cstring>

#include "base/error.h"

namespace saccade::nn {

WeightLoader::WeightLoader(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                           std::function<void(std::int64_t)> on_bytes)
    : checkpoint_(checkpoint), device_(device), on_bytes_(std::move(on_bytes)) {}

HostTensor WeightLoader::checked(const std::string& name, std::int64_t outputs,
                                 std::int64_t inputs) const {
  HostTensor tensor = checkpoint_.tensor(name);
  const bool fits = tensor.shape.rank() >= 2 && tensor.shape[0] == outputs &&
                    tensor.shape.elements() == outputs * inputs;
  if (!fits) {
    fail("{}: tensor {} has shape {}; config.json implies [{}, {}]",
         checkpoint_.directory().string(), name, tensor.shape.text(), outputs, inputs);
  }
  tensor.shape = {outputs, inputs};
  return tensor;
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
  std::vector<HostTensor> parts;
  for (std::size_t i = 0; i < names.size(); ++i) {
    parts.push_back(checked(names[i], outputs[i], inputs));
    if (parts[i].dtype != parts[0].dtype) {
      fail("{}: tensors {} ({}) and {} ({}) differ in dtype", checkpoint_.directory().string(),
           names[0], dtype_name(parts[0].dtype), names[i], dtype_name(parts[i].dtype));
    }
  }
  auto packed = device_.pack(parts);
  for (std::size_t i = 0; i < names.size(); ++i) loaded(names[i], parts[i].bytes());
  return packed;
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
      fail("{}: tensor {} has shape {}; config.json implies [{}]", checkpoint_.directory().string(),
           names[i], tensor.shape.text(), elements[i]);
    }
    device_.download(values.data() + offset, device_.to_f32(tensor));
    offset += elements[i];
    loaded(names[i], tensor.bytes());
  }
  device_.upload(whole, values.data());
  return whole;
}

}  // namespace saccade::nn
