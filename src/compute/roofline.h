// What operations amount to, and how fast a device could do them at best.
#pragma once

#include <string>

namespace saccade::compute {

class Device;

/// The part of operations that bounds their time: products and attention, and what these must read
/// of weights, keys and values. Everything else is small beside it.
struct Work {
  double float_flops = 0.0;      ///< of attention and of products with floating-point weights
  double quantized_flops = 0.0;  ///< of products with weights of less than 12 bits
  double weight_bytes = 0.0;     ///< as the device has packed them
  double kv_bytes = 0.0;         ///< of keys and values that attention to stored tokens reads
};

/// Limits of a device, measured on it.
struct Roofline {
  double bytes_per_second = 0.0;
  std::string bandwidth;         ///< what was measured: "copy of 256 MiB, bytes read and written"
  double float_flops = 0.0;      ///< a second, of products with floating-point weights
  double quantized_flops = 0.0;  ///< a second, of products with quantized weights
  std::string matmul;            ///< what was measured

  /// The least time that the work can take here, in seconds: that of its products or that of its
  /// memory, whichever is longer (Williams et al., "Roofline", 2009).
  double seconds(const Work& work) const;
  /// Whether memory is what the work waits for.
  bool bound_by_memory(const Work& work) const;
};

/// Measures through a device's own operations: a gather of all rows as the copy; linear() with
/// bfloat16 and with 4-bit weights as the matrix product, which is the device's best product and
/// not the peak of its arithmetic units.
Roofline measure_by_operations(Device& device);

}  // namespace saccade::compute
