// What the tower made of a picture, as bytes.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "compute/device.h"

namespace saccade::engine {

/// Type, shape and elements. Empty for shapes that towers do not have.
std::vector<std::byte> pack_embeddings(compute::Device& device, const Tensor& embeddings);
/// The same back on the device; an empty tensor where the bytes are none.
Tensor unpack_embeddings(compute::Device& device, std::span<const std::byte> bytes);

}  // namespace saccade::engine
