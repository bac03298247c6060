#include "engine/packed_embeddings.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace saccade::engine {
namespace {

constexpr int kMaxDimensions = 4;

/// What the bytes of embeddings begin with; the elements follow.
struct EmbeddingsHeader {
  std::uint32_t dtype = 0;
  std::uint32_t dimensions = 0;
  std::array<std::int64_t, kMaxDimensions> sizes{};
};

}  // namespace

std::vector<std::byte> pack_embeddings(compute::Device& device, const Tensor& embeddings) {
  const Shape& shape = embeddings.shape();
  if (shape.rank() > kMaxDimensions) return {};
  EmbeddingsHeader header{
      static_cast<std::uint32_t>(embeddings.dtype()), static_cast<std::uint32_t>(shape.rank()), {}};
  for (int i = 0; i < shape.rank(); ++i) header.sizes[i] = shape[i];
  std::vector<std::byte> bytes(sizeof(header) + embeddings.bytes());
  std::memcpy(bytes.data(), &header, sizeof(header));
  device.download(bytes.data() + sizeof(header), embeddings);
  return bytes;
}

Tensor unpack_embeddings(compute::Device& device, std::span<const std::byte> bytes) {
  EmbeddingsHeader header;
  if (bytes.size() < sizeof(header)) return {};
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.dimensions > kMaxDimensions || header.dtype > static_cast<int>(DType::kU8)) return {};
  const Shape shape(std::span(header.sizes).first(header.dimensions));
  const auto dtype = static_cast<DType>(header.dtype);
  const auto size = shape.elements() * static_cast<std::int64_t>(dtype_bytes(dtype));
  if (size != std::ssize(bytes) - static_cast<std::int64_t>(sizeof(header))) return {};
  Tensor embeddings = device.empty(dtype, shape);
  device.upload(embeddings, bytes.data() + sizeof(header));
  return embeddings;
}

}  // namespace saccade::engine
