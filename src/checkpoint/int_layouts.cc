// Integer weights as compressed-tensors, AWQ and GPTQ write them.
//
// AWQ and GPTQ keep matrices input by input; they are turned around when opened, one matrix at a
// time, into rows of codes as everything else has them.
#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "base/error.h"
#include "checkpoint/weight_layouts.h"

namespace saccade::checkpoint {
namespace {

using Kind = WeightFormat::Kind;

// Each 32-bit word holds eight codes of four bits.
constexpr int kCodes = 8;

std::uint32_t word_at(const std::byte* data, std::int64_t index) {
  std::uint32_t word = 0;
  std::memcpy(&word, data + index * 4, sizeof word);
  return word;
}

/// Codes, scales and zeros that were made for a matrix rather than found in a file.
struct Rewritten {
  std::vector<std::uint32_t> codes;   // [outputs, inputs / 8]
  std::vector<std::uint16_t> scales;  // [outputs, groups]
  std::vector<std::uint8_t> zeros;    // [outputs, groups]
  std::vector<std::int32_t> order;    // [inputs] or empty
};

HostMatrix matrix_of(const WeightFormat& format, std::int64_t outputs, std::int64_t inputs,
                     std::shared_ptr<Rewritten> parts) {
  HostMatrix matrix{format, outputs, inputs};
  matrix.data = reinterpret_cast<const std::byte*>(parts->codes.data());
  matrix.scales = reinterpret_cast<const std::byte*>(parts->scales.data());
  matrix.offsets = reinterpret_cast<const std::byte*>(parts->zeros.data());
  if (!parts->order.empty()) matrix.input_order = parts->order.data();
  matrix.storage = std::move(parts);
  return matrix;
}

/// Sizes that AWQ and GPTQ share, checked against each other.
struct Sizes {
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
  std::int64_t groups = 0;
  std::int64_t group_size = 0;
  DType scale_dtype = DType::kF16;

  WeightFormat format() const {
    return {.kind = Kind::kZeroPoint, .dtype = scale_dtype, .bits = 4, .group_size = group_size};
  }
};

Sizes read_sizes(const LayoutInput& input, std::int64_t inputs, std::int64_t outputs) {
  const std::int64_t bits = input.settings.integer_or("bits", 4);
  if (bits != 4) fail("{}: {} bits are not supported; 4 are", input.settings.where(), bits);
  const StoredTensor scales = input.tensor(".scales");
  const StoredTensor zeros = input.tensor(".qzeros");
  Sizes sizes{inputs, outputs};
  sizes.group_size = input.settings.integer_or("group_size", 128);
  if (sizes.group_size <= 0) sizes.group_size = inputs;  // -1: one group a row
  sizes.groups = (inputs + sizes.group_size - 1) / sizes.group_size;
  const auto dtype = float_dtype(scales.dtype);
  const bool fits = inputs % 32 == 0 && outputs % kCodes == 0 && dtype &&
                    dtype_bytes(*dtype) == 2 && scales.shape == Shape{sizes.groups, outputs} &&
                    (zeros.dtype == "I32" || zeros.dtype == "U32") &&
                    zeros.shape == Shape{sizes.groups, outputs / kCodes};
  if (!fits) {
    fail(
        "tensors {0}.scales {1} {2} and {0}.qzeros {3} do not go with {4} inputs, {5} outputs and "
        "groups of {6}",
        input.module, scales.dtype, scales.shape.text(), zeros.shape.text(), inputs, outputs,
        sizes.group_size);
  }
  sizes.scale_dtype = *dtype;
  return sizes;
}

/// scales [groups, outputs] -> [outputs, groups]
std::vector<std::uint16_t> turned_scales(const StoredTensor& scales, const Sizes& sizes) {
  std::vector<std::uint16_t> turned(sizes.outputs * sizes.groups);
  for (std::int64_t g = 0; g < sizes.groups; ++g) {
    for (std::int64_t o = 0; o < sizes.outputs; ++o) {
      std::memcpy(&turned[o * sizes.groups + g], scales.data + 2 * (g * sizes.outputs + o), 2);
    }
  }
  return turned;
}

/// qzeros [groups, outputs / 8] -> [outputs, groups]; nibble i of a word is output order[i].
std::vector<std::uint8_t> turned_zeros(const StoredTensor& zeros, const Sizes& sizes,
                                       const std::array<int, kCodes>& order, int added) {
  std::vector<std::uint8_t> turned(sizes.outputs * sizes.groups);
  for (std::int64_t g = 0; g < sizes.groups; ++g) {
    for (std::int64_t w = 0; w < sizes.outputs / kCodes; ++w) {
      const std::uint32_t word = word_at(zeros.data, g * sizes.outputs / kCodes + w);
      for (int i = 0; i < kCodes; ++i) {
        turned[(w * kCodes + order[i]) * sizes.groups + g] =
            static_cast<std::uint8_t>((word >> (4 * i) & 15) + added);
      }
    }
  }
  return turned;
}

// AutoAWQ's GEMM kernels want the eight outputs of a word in this order.
constexpr std::array<int, kCodes> kAwqOrder = {0, 2, 4, 6, 1, 3, 5, 7};
constexpr std::array<int, kCodes> kPlainOrder = {0, 1, 2, 3, 4, 5, 6, 7};

/// qweight [inputs, outputs / 8], eight outputs to a word -> rows of codes
std::vector<std::uint32_t> turned_awq(const StoredTensor& words, const Sizes& sizes) {
  std::vector<std::uint32_t> codes(sizes.outputs * sizes.inputs / kCodes);
  const std::int64_t row_words = sizes.inputs / kCodes;
  for (std::int64_t i = 0; i < row_words; ++i) {
    for (std::int64_t w = 0; w < sizes.outputs / kCodes; ++w) {
      std::uint32_t turned[kCodes] = {};
      for (int k = 0; k < kCodes; ++k) {
        const std::uint32_t word =
            word_at(words.data, (i * kCodes + k) * sizes.outputs / kCodes + w);
        for (int n = 0; n < kCodes; ++n) turned[n] |= (word >> (4 * n) & 15) << (4 * k);
      }
      for (int n = 0; n < kCodes; ++n) {
        codes[(w * kCodes + kAwqOrder[n]) * row_words + i] = turned[n];
      }
    }
  }
  return codes;
}

/// qweight [inputs / 8, outputs], eight inputs to a word -> rows of codes
std::vector<std::uint32_t> turned_gptq(const StoredTensor& words, const Sizes& sizes) {
  const std::int64_t row_words = sizes.inputs / kCodes;
  std::vector<std::uint32_t> codes(sizes.outputs * row_words);
  constexpr std::int64_t kTile = 64;  // words of a cache-sized square
  for (std::int64_t o0 = 0; o0 < sizes.outputs; o0 += kTile) {
    for (std::int64_t i = 0; i < row_words; ++i) {
      for (std::int64_t o = o0; o < std::min(sizes.outputs, o0 + kTile); ++o) {
        codes[o * row_words + i] = word_at(words.data, i * sizes.outputs + o);
      }
    }
  }
  return codes;
}

/// The order in which inputs of one group stand together, when g_idx says that they do not
/// already (act-order); empty when they do.
std::vector<std::int32_t> group_order(const LayoutInput& input, const Sizes& sizes) {
  if (!input.has(".g_idx")) return {};
  const StoredTensor stored = input.tensor(".g_idx");
  if (stored.dtype != "I32" || stored.shape != Shape{sizes.inputs}) {
    fail("tensor {}.g_idx {} {}: wanted I32 [{}]", input.module, stored.dtype, stored.shape.text(),
         sizes.inputs);
  }
  const auto group = [&](std::int32_t i) {
    return static_cast<std::int32_t>(word_at(stored.data, i));
  };
  std::vector<std::int64_t> members(sizes.groups);
  bool in_order = true;
  for (std::int32_t i = 0; i < sizes.inputs; ++i) {
    if (group(i) < 0 || group(i) >= sizes.groups) {
      fail("tensor {}.g_idx: group {} of {}", input.module, group(i), sizes.groups);
    }
    ++members[group(i)];
    in_order = in_order && group(i) == i / sizes.group_size;
  }
  if (in_order) return {};
  for (const std::int64_t count : members) {
    if (count != sizes.group_size) {
      fail("tensor {}.g_idx: a group has {} inputs; wanted {}", input.module, count,
           sizes.group_size);
    }
  }
  std::vector<std::int32_t> order(sizes.inputs);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int32_t a, std::int32_t b) { return group(a) < group(b); });
  return order;
}

/// Puts the codes of each row into another order: code i becomes that of input order[i].
void reorder_codes(std::vector<std::uint32_t>& codes, const Sizes& sizes,
                   const std::vector<std::int32_t>& order) {
  const std::int64_t row_words = sizes.inputs / kCodes;
  std::vector<std::uint32_t> row(row_words);
  for (std::int64_t o = 0; o < sizes.outputs; ++o) {
    std::uint32_t* words = &codes[o * row_words];
    std::fill(row.begin(), row.end(), 0u);
    for (std::int64_t i = 0; i < sizes.inputs; ++i) {
      const std::uint32_t code = words[order[i] / kCodes] >> (4 * (order[i] % kCodes)) & 15;
      row[i / kCodes] |= code << (4 * (i % kCodes));
    }
    std::copy(row.begin(), row.end(), words);
  }
}

StoredWeight rewritten_weight(const LayoutInput& input, const Sizes& sizes,
                              std::function<HostMatrix()> open) {
  const HostMatrix shape{sizes.format(), sizes.outputs, sizes.inputs};
  const std::int64_t bytes = shape.row_bytes() * sizes.outputs + sizes.outputs * sizes.groups * 3;
  StoredWeight weight{{sizes.format().name(), {sizes.outputs, sizes.inputs}, bytes}, {}, {}};
  for (const char* suffix : {".qweight", ".qzeros", ".scales", ".g_idx"}) {
    if (input.has(suffix)) weight.tensors.push_back(input.module + suffix);
  }
  weight.matrix = std::move(open);
  return weight;
}

StoredTensor int_words(const LayoutInput& input, const std::string& suffix) {
  StoredTensor words = input.tensor(suffix);
  if ((words.dtype != "I32" && words.dtype != "U32") || words.shape.rank() != 2) {
    fail("tensor {}{} {} {}: wanted a matrix of I32", input.module, suffix, words.dtype,
         words.shape.text());
  }
  return words;
}

/// The weight settings of compressed-tensors that apply to every group of modules.
JsonObject packed_settings(const LayoutInput& input) {
  const std::string method = input.settings.string_or("quant_method", "");
  const std::string format = input.settings.string_or("format", "pack-quantized");
  if (method != "compressed-tensors" || format != "pack-quantized") {
    fail(
        "{}: quant_method \"{}\" with format \"{}\" is not supported; compressed-tensors with "
        "pack-quantized is",
        input.settings.where(), method, format);
  }
  const JsonObject groups = input.settings.object("config_groups");
  if (groups.raw().size() != 1) {
    fail("{}: {} groups of settings; one is supported", groups.where(), groups.raw().size());
  }
  return groups.object(groups.raw().begin()->key()).object("weights");
}

/// weight_zero_point [outputs / 8, groups], eight outputs to a word -> [outputs, groups]
std::vector<std::uint8_t> packed_zeros(const LayoutInput& input, std::int64_t outputs,
                                       std::int64_t groups) {
  const StoredTensor words = int_words(input, ".weight_zero_point");
  if (words.shape != Shape{(outputs + kCodes - 1) / kCodes, groups}) {
    fail("tensor {}.weight_zero_point {}: wanted [{}, {}]", input.module, words.shape.text(),
         (outputs + kCodes - 1) / kCodes, groups);
  }
  std::vector<std::uint8_t> zeros(outputs * groups);
  for (std::int64_t o = 0; o < outputs; ++o) {
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::uint32_t word = word_at(words.data, o / kCodes * groups + g);
      zeros[o * groups + g] = static_cast<std::uint8_t>(word >> (4 * (o % kCodes)) & 15);
    }
  }
  return zeros;
}

}  // namespace

StoredWeight awq_weight(const LayoutInput& input) {
  const std::string version = input.settings.string_or("version", "gemm");
  if (version != "gemm" && version != "GEMM") {
    fail("{}: version \"{}\" is not supported; \"gemm\" is", input.settings.where(), version);
  }
  const StoredTensor words = int_words(input, ".qweight");
  const Sizes sizes = read_sizes(input, words.shape[0], words.shape[1] * kCodes);
  const StoredTensor scales = input.tensor(".scales");
  const StoredTensor zeros = input.tensor(".qzeros");
  return rewritten_weight(input, sizes, [=] {
    auto parts = std::make_shared<Rewritten>();
    parts->codes = turned_awq(words, sizes);
    parts->scales = turned_scales(scales, sizes);
    parts->zeros = turned_zeros(zeros, sizes, kAwqOrder, 0);
    return matrix_of(sizes.format(), sizes.outputs, sizes.inputs, std::move(parts));
  });
}

StoredWeight gptq_weight(const LayoutInput& input) {
  const StoredTensor words = int_words(input, ".qweight");
  const Sizes sizes = read_sizes(input, words.shape[0] * kCodes, words.shape[1]);
  // The first version of the format stores zeros less one.
  const std::string version = input.settings.string_or("checkpoint_format", "gptq");
  if (version != "gptq" && version != "gptq_v2") {
    fail("{}: checkpoint_format \"{}\" is not supported; gptq and gptq_v2 are",
         input.settings.where(), version);
  }
  const int added = version == "gptq" ? 1 : 0;
  const StoredTensor scales = input.tensor(".scales");
  const StoredTensor zeros = input.tensor(".qzeros");
  const std::vector<std::int32_t> order = group_order(input, sizes);
  return rewritten_weight(input, sizes, [=] {
    auto parts = std::make_shared<Rewritten>();
    parts->codes = turned_gptq(words, sizes);
    if (!order.empty()) reorder_codes(parts->codes, sizes, order);
    parts->scales = turned_scales(scales, sizes);
    parts->zeros = turned_zeros(zeros, sizes, kPlainOrder, added);
    parts->order = order;
    return matrix_of(sizes.format(), sizes.outputs, sizes.inputs, std::move(parts));
  });
}

StoredWeight packed_int_weight(const LayoutInput& input) {
  const JsonObject settings = packed_settings(input);
  const int bits = static_cast<int>(settings.integer("num_bits"));
  if (settings.string_or("type", "int") != "int" || (bits != 4 && bits != 8)) {
    fail("{}: {} bits are not supported; int of 4 or 8 bits is", settings.where(), bits);
  }
  if (input.has(".weight_g_idx")) {
    fail("tensor {}.weight_g_idx: activation ordering is not supported", input.module);
  }
  const StoredTensor words = int_words(input, ".weight_packed");
  const StoredTensor scales = input.tensor(".weight_scale");
  const std::int64_t outputs = words.shape[0];
  const std::int64_t inputs = words.shape[1] * 32 / bits;
  const std::int64_t groups = scales.shape.rank() == 2 ? scales.shape[1] : 0;
  const auto dtype = float_dtype(scales.dtype);
  // Without groups there is one scale a row.
  const std::int64_t group_size = settings.integer_or("group_size", inputs);
  if (!dtype || groups < 1 || scales.shape[0] != outputs || inputs % groups != 0 ||
      inputs / groups % 32 != 0 || inputs / groups != group_size) {
    fail("tensor {0}.weight_scale {1} {2} does not go with {0}.weight_packed {3}", input.module,
         scales.dtype, scales.shape.text(), words.shape.text());
  }
  HostMatrix matrix{
      {.kind = Kind::kZeroPoint, .dtype = *dtype, .bits = bits, .group_size = inputs / groups},
      outputs,
      inputs,
      words.data,
      scales.data};
  std::vector<std::string> tensors = {input.module + ".weight_packed",
                                      input.module + ".weight_scale"};
  if (input.has(".weight_shape")) tensors.push_back(input.module + ".weight_shape");
  if (!settings.boolean_or("symmetric", true)) {
    if (bits != 4)
      fail("{}: asymmetric codes of {} bits are not supported", settings.where(), bits);
    auto zeros = std::make_shared<std::vector<std::uint8_t>>(packed_zeros(input, outputs, groups));
    matrix.offsets = reinterpret_cast<const std::byte*>(zeros->data());
    matrix.storage = std::move(zeros);
    tensors.push_back(input.module + ".weight_zero_point");
  }
  return make_weight(matrix, {outputs, inputs}, std::move(tensors));
}

}  // namespace saccade::checkpoint
