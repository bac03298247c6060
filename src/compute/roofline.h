// What operations amount to, and how fast a device could do them at best.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace saccade::compute {

class Device;

/// What a product is made of.
enum class Arithmetic : std::uint8_t {
  kF32,        ///< fused multiply-adds of float32
  kBf16,       ///< dot products of bfloat16, summed in float32
  kF16,        ///< the same of float16
  kInt16,      ///< dot products of 16-bit integers, summed in int32
  kInt8,       ///< dot products of bytes, summed in int32
  kQuantized,  ///< on a GPU, whatever its product with quantized weights does
};
inline constexpr std::array kAllArithmetics = {Arithmetic::kF32,  Arithmetic::kBf16,
                                               Arithmetic::kF16,  Arithmetic::kInt16,
                                               Arithmetic::kInt8, Arithmetic::kQuantized};

/// "f32", "bf16", "f16", "int16", "int8", "quantized".
std::string_view arithmetic_name(Arithmetic arithmetic);

/// Operations, multiplications and additions counted each, by the arithmetic they are done in; or
/// how many of them a device can do in a second.
class Operations {
 public:
  double& operator[](Arithmetic arithmetic) { return counts_[static_cast<int>(arithmetic)]; }
  double operator[](Arithmetic arithmetic) const { return counts_[static_cast<int>(arithmetic)]; }

 private:
  std::array<double, kAllArithmetics.size()> counts_{};
};

/// The part of operations that bounds their time: products and attention, and what these must read
/// of weights, keys and values. Everything else is small beside it.
struct Work {
  Operations operations;      ///< of products and attention
  double weight_bytes = 0.0;  ///< as the device has packed them
  /// Of keys and values that attention to stored tokens reads, and of recurrent states.
  double kv_bytes = 0.0;
};

/// Limits of a device, measured on it.
struct Roofline {
  double bytes_per_second = 0.0;
  std::string bandwidth;  ///< what was measured: "reading of 512 MiB"
  Operations operations;  ///< a second; 0: not measured, or the device does not have it
  std::string products;   ///< what was measured

  /// The least time that the work can take here, in seconds: that of its products, one kind after
  /// the other, or that of its memory, whichever is longer (Williams et al., "Roofline", 2009).
  double seconds(const Work& work) const;
  /// What the work waits for: "memory", or the arithmetic that takes most of the products' time.
  std::string_view bound(const Work& work) const;
};

/// Measures through a device's own operations: a gather of all rows as the copy; linear() with
/// bfloat16 and with 4-bit weights as the products, which are the device's best ones and not the
/// peak of its arithmetic units.
Roofline measure_by_operations(Device& device);

}  // namespace saccade::compute
