#include "compute/cpu/quant_pack.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/mapped_memory.h"
#include "compute/cpu/packed_matrix.h"
#include "tensor/dequantize.h"
#include "tensor/ggml_blocks.h"

namespace saccade::compute::cpu {
namespace {

using Kind = WeightFormat::Kind;

/// One row of a source matrix.
struct SourceRow {
  const HostMatrix* matrix = nullptr;  // null: a row of zeros
  std::int64_t index = 0;
  const std::byte* data = nullptr;

  std::int64_t scale_row() const {
    return matrix->format.group_rows > 0 ? index / matrix->format.group_rows : index;
  }
};

/// `pattern` in each of the fields of `width` bits that a word holds.
constexpr std::uint64_t repeated(std::uint64_t pattern, int width) {
  std::uint64_t word = 0;
  for (int shift = 0; shift < 64; shift += width) word |= pattern << shift;
  return word;
}

/// Eight codes of kBits next to each other, each moved to a byte of its own by halving: four and
/// four, two and two, one and one.
template <int kBits>
std::uint64_t spread(std::uint64_t packed) {
  constexpr auto ones = [](int bits) { return (std::uint64_t{1} << bits) - 1; };
  constexpr std::uint64_t kPairs = repeated(ones(2 * kBits), 32);
  constexpr std::uint64_t kSingles = repeated(ones(kBits), 16);
  std::uint64_t word = (packed & ones(4 * kBits)) | (packed >> (4 * kBits)) << 32;
  word = (word & kPairs) | (word & kPairs << (2 * kBits)) << (16 - 2 * kBits);
  return (word & kSingles) | (word & kSingles << kBits) << (8 - kBits);
}

/// 32 codes of kBits from one stream of bits.
template <int kBits>
void unpack_stream(const std::byte* from, std::uint8_t* codes) {
  for (int group = 0; group < kChunk / 8; ++group) {
    std::uint64_t packed = 0;
    std::memcpy(&packed, from + group * kBits, kBits);
    const std::uint64_t bytes = spread<kBits>(packed);
    std::memcpy(codes + 8 * group, &bytes, sizeof bytes);
  }
}

/// The codes of 32 inputs, zeros where the row ends.
void read_codes(const SourceRow& row, std::int64_t first, std::uint8_t* codes) {
  const WeightFormat& format = row.matrix->format;
  const std::int64_t count = std::min<std::int64_t>(kChunk, row.matrix->inputs - first);
  const bool bytes = format.kind == Kind::kMxfp8 || format.kind == Kind::kFp8;
  const int bits = bytes ? 8 : format.bits ? format.bits : 4;
  // 32 codes of b bits are b 32-bit words, so a chunk starts at a byte.
  const std::byte* from = row.data + first * bits / 8;
  std::byte last[kChunk] = {};
  if (count < kChunk) {
    std::memcpy(last, from, count * bits / 8);
    from = last;
  }
  switch (bits) {
    case 2:
      return unpack_stream<2>(from, codes);
    case 3:
      return unpack_stream<3>(from, codes);
    case 4:
      return unpack_stream<4>(from, codes);
    case 5:
      return unpack_stream<5>(from, codes);
    case 6:
      return unpack_stream<6>(from, codes);
    default:
      std::memcpy(codes, from, kChunk);
  }
}

/// A vector of 64 codes, eight to a word.
using Quad = std::array<std::uint64_t, 8>;

/// Bits [kShift, kShift + kWidth) of a chunk's codes as a plane; returns its end.
template <int kWidth, int kShift>
std::uint8_t* pack_plane(std::uint8_t* to, const std::array<Quad, kQuads>& quads) {
  constexpr std::uint64_t kMask = repeated((1u << kWidth) - 1u, 8);
  for (int h = 0; h < kWidth; ++h, to += sizeof(Quad)) {
    Quad plane{};
    for (int f = 0; f * kWidth < kQuads; ++f) {
      const Quad& quad = quads[h + f * kWidth];
      for (int i = 0; i < 8; ++i) plane[i] |= (quad[i] >> kShift & kMask) << (f * kWidth);
    }
    std::memcpy(to, plane.data(), sizeof plane);
  }
  return to;
}

/// Spreads the codes of sixteen outputs over a chunk's planes.
/// codes [kPanel][stride], of which the first kChunk of each count.
void pack_chunk(std::uint8_t* to, const std::uint8_t* codes, std::int64_t stride, int bits) {
  alignas(64) std::array<Quad, kQuads> quads;
  auto* bytes = reinterpret_cast<std::uint8_t*>(quads.data());
  for (int r = 0; r < kPanel; ++r) {
    for (int q = 0; q < kQuads; ++q) {
      std::memcpy(bytes + q * sizeof(Quad) + 4 * r, codes + r * stride + 4 * q, 4);
    }
  }
  switch (bits) {
    case 8:
      std::memcpy(to, bytes, sizeof quads);
      return;
    case 6:
      pack_plane<2, 4>(pack_plane<4, 0>(to, quads), quads);
      return;
    case 5:
      pack_plane<1, 4>(pack_plane<4, 0>(to, quads), quads);
      return;
    case 4:
      pack_plane<4, 0>(to, quads);
      return;
    case 3:
      pack_plane<1, 2>(pack_plane<2, 0>(to, quads), quads);
      return;
    default:
      pack_plane<2, 0>(to, quads);
  }
}

/// Where in a block of 32 inputs the bytes are that hold the codes of inputs i and i + 16, low and
/// high, as the bytes of a plane of four bits do; or -1 for other types.
int plane_offset(GgmlType type) {
  switch (type) {
    case GgmlType::kQ4_0:
    case GgmlType::kIQ4_NL:
      return 2;
    case GgmlType::kQ4_1:
      return 4;
    case GgmlType::kMXFP4:
      return 1;
    default:
      return -1;
  }
}

void put_half(std::uint8_t* field, int output, std::uint16_t bits) {
  std::memcpy(field + 2 * output, &bits, sizeof bits);
}

/// One output's share of the record of a GGUF block.
void put_block_record(std::uint8_t* record, int output, const QuantLayout& layout,
                      const BlockScales& scales) {
  const auto byte = [&](int offset, int value) {
    record[offset + output] = static_cast<std::uint8_t>(value);
  };
  if (layout.scales == ScaleKind::kE8m0) return byte(0, scales.d);
  put_half(record, output, scales.d);
  if (layout.has_offset()) put_half(record + 32, output, scales.m);
  switch (layout.scales) {
    case ScaleKind::kParts8Min:
      for (int p = 0; p < 8; ++p) {
        byte(64 + 16 * p, scales.scale[p]);
        record[192 + 32 * (p / 2) + 2 * output + p % 2] = scales.min[p];
      }
      return;
    case ScaleKind::kParts16Min:
      for (int p = 0; p < 16; ++p) {
        record[64 + 32 * (p / 2) + 2 * output + p % 2] =
            static_cast<std::uint8_t>(scales.scale[p] | scales.min[p] << 4);
      }
      return;
    case ScaleKind::kParts8:
    case ScaleKind::kParts16:
      for (int p = 0; p < (layout.scales == ScaleKind::kParts8 ? 8 : 16); ++p) {
        byte(32 + 16 * p, scales.scale[p]);
      }
      return;
    case ScaleKind::kParts16Six: {
      const auto six = [&](int p) { return scales.scale[p] + 32; };
      for (int p = 0; p < 8; ++p) byte(32 + 16 * p, (six(p) & 15) | (six(p + 8) & 15) << 4);
      for (int p = 0; p < 4; ++p) {
        byte(160 + 16 * p,
             six(p) >> 4 | six(p + 4) >> 4 << 2 | six(p + 8) >> 4 << 4 | six(p + 12) >> 4 << 6);
      }
      return;
    }
    default:
      return;
  }
}

/// One output's share of the record of group `group`, scales being stored apart from the codes.
void put_record(std::uint8_t* record, int output, const QuantLayout& layout, const SourceRow& row,
                std::int64_t group) {
  const HostMatrix& matrix = *row.matrix;
  const std::int64_t index = row.scale_row() * matrix.groups() + group;
  const std::int64_t number = layout.scale_type == ScaleType::kF32 ? 4 : 2;
  switch (layout.scales) {
    case ScaleKind::kE8m0:
    case ScaleKind::kE4m3:
      record[output] = static_cast<std::uint8_t>(matrix.scales[index]);
      return;
    case ScaleKind::kPanelScale:
      if (output == 0) std::memcpy(record, matrix.scales + index * 4, 4);
      return;
    default:
      break;
  }
  std::memcpy(record + output * number, matrix.scales + index * number, number);
  if (layout.scales == ScaleKind::kScaleOffset) {
    std::memcpy(record + (kPanel + output) * number, matrix.offsets + index * number, number);
  }
  if (layout.scales == ScaleKind::kScaleZero) {
    record[kPanel * number + output] = static_cast<std::uint8_t>(matrix.offsets[index]);
  }
}

void check_e4m3(const std::uint8_t* codes) {
  for (int i = 0; i < kChunk; ++i) {
    if ((codes[i] & 0x7f) == 0x7f) fail("[pack] an fp8 weight is not a number");
  }
}

class PanelPacker {
 public:
  PanelPacker(const QuantLayout& layout, std::int64_t inputs) : layout_(layout), inputs_(inputs) {}

  void pack(std::uint8_t* to, std::span<const SourceRow> rows) const {
    // Records are padded, and outputs that are not there count as zeros.
    if (rows.size() < kPanel) std::memset(to, 0, layout_.panel_bytes(inputs_));
    const bool blocks = rows[0].matrix->format.kind == Kind::kGgml;
    for (std::int64_t first = 0; first < inputs_; first += kBlock) {
      std::memset(to, 0, layout_.header_bytes());
      const std::int64_t depth = std::min<std::int64_t>(kBlock, inputs_ - first);
      std::uint8_t* codes = to + layout_.header_bytes();
      if (blocks) {
        pack_blocks(to, codes, rows, first, depth);
      } else {
        pack_groups(to, codes, rows, first, depth);
      }
      to += layout_.block_bytes();
    }
  }

 private:
  // Sixteen rows are more streams than processors look ahead of by themselves.
  static constexpr int kAheadBytes = 512;

  /// GGUF blocks: 256 inputs are one of them or eight.
  void pack_blocks(std::uint8_t* records, std::uint8_t* codes, std::span<const SourceRow> rows,
                   std::int64_t first, std::int64_t depth) const {
    const GgmlType type = rows[0].matrix->format.ggml;
    const GgmlTraits traits = ggml_traits(type);
    const int plane = plane_offset(type);
    alignas(64) std::uint8_t block_codes[kPanel][kMaxBlockElements] = {};
    for (std::int64_t block = first / traits.elements; block * traits.elements < first + depth;
         ++block) {
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const std::byte* from = rows[r].data + block * traits.bytes;
        __builtin_prefetch(from + kAheadBytes);
        put_block_record(records, static_cast<int>(r), layout_, read_block_scales(type, from));
        if (plane < 0) {
          read_block_codes(type, from, block_codes[r]);
        } else {
          for (int h = 0; h < 4; ++h) std::memcpy(codes + 64 * h + 4 * r, from + plane + 4 * h, 4);
        }
      }
      records += layout_.record_bytes();
      for (int begin = 0; begin < traits.elements; begin += kChunk) {
        if (plane < 0) pack_chunk(codes, &block_codes[0][begin], kMaxBlockElements, layout_.bits);
        codes += layout_.chunk_bytes();
      }
    }
  }

  void pack_groups(std::uint8_t* records, std::uint8_t* codes, std::span<const SourceRow> rows,
                   std::int64_t first, std::int64_t depth) const {
    for (std::int64_t group = first / layout_.group; group * layout_.group < first + depth;
         ++group) {
      for (std::size_t r = 0; r < rows.size(); ++r) {
        put_record(records, static_cast<int>(r), layout_, rows[r], group);
      }
      records += layout_.record_bytes();
    }
    alignas(64) std::uint8_t chunk[kPanel][kChunk] = {};
    for (std::int64_t begin = first; begin < first + depth; begin += kChunk) {
      for (std::size_t r = 0; r < rows.size(); ++r) {
        __builtin_prefetch(rows[r].data + begin * layout_.bits / 8 + kAheadBytes);
        read_codes(rows[r], begin, chunk[r]);
        // MLX's own have no codes for what is not a number.
        if (rows[r].matrix->format.kind == Kind::kFp8) check_e4m3(chunk[r]);
      }
      pack_chunk(codes, &chunk[0][0], kChunk, layout_.bits);
      codes += layout_.chunk_bytes();
    }
  }

  const QuantLayout& layout_;
  std::int64_t inputs_;
};

}  // namespace

std::shared_ptr<void> pack_quantized(std::span<const HostMatrix> parts, const QuantLayout& layout,
                                     ThreadPool& threads) {
  const std::int64_t inputs = parts[0].inputs;
  std::vector<SourceRow> rows;
  for (const HostMatrix& part : parts) {
    for (std::int64_t r = 0; r < part.outputs; ++r) {
      rows.push_back({&part, r, part.data + r * part.row_bytes()});
    }
  }
  const auto outputs = static_cast<std::int64_t>(rows.size());
  const std::int64_t panels = (outputs + kPanel - 1) / kPanel;
  const std::int64_t panel_bytes = layout.panel_bytes(inputs);
  std::shared_ptr<void> data = allocate_aligned(panels * panel_bytes);
  const PanelPacker packer(layout, inputs);
  threads.parallel_for(panels, [&](std::int64_t panel) {
    const std::int64_t first = panel * kPanel;
    const std::int64_t count = std::min<std::int64_t>(kPanel, outputs - first);
    packer.pack(static_cast<std::uint8_t*>(data.get()) + layout.place(panel) * panel_bytes,
                std::span(rows).subspan(first, count));
  });
  return data;
}

}  // namespace saccade::compute::cpu
