#include "nn/weights.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/error.h"
#include "checkpoint/mlx_names.h"
#include "nn/round_weights.h"

namespace saccade::nn {
namespace {

/// to [columns, rows] = from [rows, columns], elements of `width` bytes.
void transpose(std::byte* to, const std::byte* from, std::int64_t rows, std::int64_t columns,
               std::int64_t width) {
  for (std::int64_t column = 0; column < columns; ++column) {
    for (std::int64_t row = 0; row < rows; ++row, to += width) {
      std::memcpy(to, from + (row * columns + column) * width, width);
    }
  }
}

}  // namespace

WeightLoader::WeightLoader(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                           LoadOptions options)
    : checkpoint_(checkpoint), device_(device), options_(std::move(options)) {}

void WeightLoader::check(const std::string& name, std::int64_t outputs, std::int64_t inputs) const {
  const Shape& shape = checkpoint_.info(name).shape;
  const bool fits =
      shape.rank() >= 2 && shape[0] == outputs && shape.elements() == outputs * inputs;
  if (!fits) {
    fail("{}: tensor {} has shape {}; config.json implies [{}, {}]", checkpoint_.where(), name,
         shape.text(), outputs, inputs);
  }
}

std::vector<HostMatrix> WeightLoader::checked(const std::string& name, std::int64_t outputs,
                                              std::int64_t inputs) const {
  check(name, outputs, inputs);
  return checkpoint_.matrix(name);
}

void WeightLoader::loaded(const std::string& name, std::int64_t bytes) {
  use(name);
  checkpoint_.release(name);
  if (options_.on_bytes) options_.on_bytes(bytes);
}

bool WeightLoader::rounds(const std::vector<std::string>& names) const {
  return options_.int8_towers && fills(names);
}

bool WeightLoader::fills(const std::vector<std::string>& names) const {
  if (of_decoder_) return false;
  return std::ranges::all_of(names, [&](const std::string& name) {
    return std::ranges::none_of(checkpoint_.matrix(name),
                                [](const HostMatrix& part) { return part.format.quantized(); });
  });
}

LateWeight WeightLoader::linear_map(const std::vector<std::string>& names,
                                    const std::vector<std::int64_t>& outputs, std::int64_t inputs,
                                    const std::vector<std::int64_t>& padded_outputs,
                                    std::int64_t padded_inputs, compute::WeightUse weight_use) {
  const bool fill = padded_outputs != outputs || padded_inputs != inputs;
  if (of_decoder_ || (!options_.int8_towers && !options_.deferred && !fill)) {
    return stacked(names, outputs, inputs, {}, weight_use);
  }
  for (std::size_t i = 0; i < names.size(); ++i) check(names[i], outputs[i], inputs);
  const bool round = rounded_group(padded_inputs) > 0 && rounds(names);
  const auto make_parts = [names, padded_outputs, padded_inputs, round, fill,
                           threads = options_.threads](const checkpoint::Checkpoint& checkpoint) {
    std::vector<HostMatrix> parts;
    for (std::size_t i = 0; i < names.size(); ++i) {
      std::vector<HostMatrix> stored = checkpoint.matrix(names[i]);
      if (round) {
        ThreadPool pool(threads > 0 ? threads : available_cores());
        // A float matrix is one part.
        stored = {round_to_int8(stored[0], padded_outputs[i], padded_inputs, pool)};
      } else if (fill) {
        stored = {fill_up(stored[0], padded_outputs[i], padded_inputs)};
      }
      std::ranges::move(stored, std::back_inserter(parts));
    }
    return parts;
  };
  return late(names, make_parts, weight_use);
}

LateWeight WeightLoader::late(const std::vector<std::string>& names, MakeParts parts,
                              compute::WeightUse weight_use) {
  std::int64_t bytes = 0;
  for (const std::string& name : names) {
    bytes += checkpoint_.info(name).bytes;
    use(name);
  }
  // Holds on to the files by itself: the loader is gone when a deferred weight is packed.
  if (!shared_) shared_ = std::make_shared<checkpoint::Checkpoint>(checkpoint_);
  LateWeight weight(
      [checkpoint = shared_, &device = device_, names, parts = std::move(parts), weight_use] {
        auto packed = device.pack(parts(*checkpoint), weight_use);
        for (const std::string& name : names) checkpoint->release(name);
        return packed;
      });
  if (options_.deferred) {
    options_.deferred->add(weight, bytes);
  } else {
    *weight;
  }
  if (options_.on_bytes) options_.on_bytes(bytes);
  return weight;
}

void WeightLoader::check_shape(const std::string& name, const Shape& wanted) const {
  const Shape& shape = checkpoint_.info(name).shape;
  if (shape != wanted) {
    fail("{}: tensor {} has shape {}; config.json implies {}", checkpoint_.where(), name,
         shape.text(), wanted.text());
  }
}

LateWeight WeightLoader::convolution(const std::string& name, std::int64_t outputs,
                                     std::int64_t channels, int kernel) {
  const Shape shape{outputs, channels, kernel, kernel};
  check_shape(name, shape);
  const std::int64_t inputs = channels * kernel * kernel;
  const bool round = rounded_group(inputs) > 0 && rounds({name});
  return late({name}, [name, shape, outputs, inputs, round,
                       threads = options_.threads](const checkpoint::Checkpoint& checkpoint) {
    const HostMatrix stored = float_matrix(checkpoint.tensor(name));
    HostMatrix turned = checkpoint::turned_channels(stored, shape, /*to_last=*/true);
    if (round) {
      ThreadPool pool(threads > 0 ? threads : available_cores());
      turned = round_to_int8(turned, outputs, inputs, pool);
    }
    return std::vector<HostMatrix>{std::move(turned)};
  });
}

Tensor WeightLoader::depthwise_kernel(const std::string& name, std::int64_t outputs, int kernel) {
  const std::vector<float> stored = values(name, {outputs, 1, kernel, kernel});
  const std::int64_t taps = std::int64_t{kernel} * kernel;
  std::vector<float> turned(stored.size());
  for (std::int64_t o = 0; o < outputs; ++o) {
    for (std::int64_t i = 0; i < taps; ++i) turned[i * outputs + o] = stored[o * taps + i];
  }
  Tensor weight = device_.empty(DType::kF32, {taps, outputs});
  device_.upload(weight, turned.data());
  return weight;
}

std::shared_ptr<const compute::Weight> WeightLoader::matrix(const std::string& name,
                                                            std::int64_t outputs,
                                                            std::int64_t inputs) {
  return stacked({name}, {outputs}, inputs);
}

std::shared_ptr<const compute::Weight> WeightLoader::stacked(
    const std::vector<std::string>& names, const std::vector<std::int64_t>& outputs,
    std::int64_t inputs, std::span<const std::int64_t> order, compute::WeightUse weight_use) {
  std::vector<HostMatrix> parts;
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::vector<HostMatrix> more = checked(names[i], outputs[i], inputs);
    if (i == 0 && !order.empty()) {
      if (more.size() != 1) {
        fail("{}: tensor {} is stored in {} parts; wanted one", checkpoint_.where(), names[i],
             more.size());
      }
      more[0] = select_rows(more[0], order);
    }
    std::move(more.begin(), more.end(), std::back_inserter(parts));
  }
  auto packed = device_.pack(parts, weight_use);
  for (const std::string& name : names) loaded(name, checkpoint_.info(name).bytes);
  return packed;
}

std::vector<std::shared_ptr<const compute::Weight>> WeightLoader::experts(
    const std::string& name, std::int64_t count, std::int64_t outputs, std::int64_t inputs,
    compute::WeightUse weight_use) {
  const HostTensor tensor = checkpoint_.tensor(name);
  const bool as_applied = tensor.shape == Shape{count, outputs, inputs};
  if (!as_applied && tensor.shape != Shape{count, inputs, outputs}) {
    fail("{}: tensor {} has shape {}; config.json implies [{}, {}, {}]", checkpoint_.where(), name,
         tensor.shape.text(), count, outputs, inputs);
  }
  const std::int64_t width = dtype_bytes(tensor.dtype);
  const std::int64_t bytes = outputs * inputs * width;
  std::vector<std::byte> turned(as_applied ? 0 : bytes);
  std::vector<std::shared_ptr<const compute::Weight>> matrices;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::byte* data = tensor.data + i * bytes;
    if (!as_applied) {
      transpose(turned.data(), data, inputs, outputs, width);
      data = turned.data();
    }
    const HostMatrix matrix = float_matrix({tensor.dtype, {outputs, inputs}, data, tensor.storage});
    matrices.push_back(device_.pack({&matrix, 1}, weight_use));
  }
  loaded(name, checkpoint_.info(name).bytes);
  return matrices;
}

Tensor WeightLoader::table(const std::string& name, std::int64_t rows, std::int64_t columns) {
  const auto without_ones = [](std::span<const std::int64_t> dims) {
    std::vector<std::int64_t> rest;
    std::ranges::copy_if(dims, std::back_inserter(rest), [](std::int64_t n) { return n != 1; });
    return rest;
  };
  const Shape& shape = checkpoint_.info(name).shape;
  const std::int64_t wanted[] = {rows, columns};
  const bool grouped = shape.rank() == 3 && shape[0] * shape[1] == rows && shape[2] == columns;
  if (!grouped && without_ones(shape.dims()) != without_ones(wanted)) {
    fail("{}: tensor {} has shape {}; config.json implies [{}, {}]", checkpoint_.where(), name,
         shape.text(), rows, columns);
  }
  Tensor values = device_.to_f32(checkpoint_.tensor(name));
  loaded(name, checkpoint_.info(name).bytes);
  return values.view_as({rows, columns});
}

std::vector<float> WeightLoader::values(const std::string& name, const Shape& shape) {
  const HostTensor tensor = checkpoint_.tensor(name);
  if (tensor.shape != shape) {
    fail("{}: tensor {} has shape {}; config.json implies {}", checkpoint_.where(), name,
         tensor.shape.text(), shape.text());
  }
  std::vector<float> values(shape.elements());
  device_.download(values.data(), device_.to_f32(tensor));
  loaded(name, checkpoint_.info(name).bytes);
  return values;
}

Tensor WeightLoader::vector(const std::string& name, std::int64_t elements) {
  return joined({name}, {elements}, {elements});
}

Tensor WeightLoader::joined(const std::vector<std::string>& names,
                            const std::vector<std::int64_t>& elements,
                            const std::vector<std::int64_t>& padded,
                            std::span<const std::int64_t> order) {
  std::int64_t total = 0;
  for (const std::int64_t count : padded) total += count;
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
    if (i == 0 && !order.empty()) {
      const std::vector<float> stored(values.begin(), values.begin() + elements[0]);
      for (std::size_t j = 0; j < order.size(); ++j) values[j] = stored[order[j]];
    }
    offset += padded[i];
    loaded(names[i], checkpoint_.info(names[i]).bytes);
  }
  device_.upload(whole, values.data());
  return whole;
}

}  // namespace saccade::nn
