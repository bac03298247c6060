// Scales of a block of one panel as products with one row take them: from the record into the sum
// where its form allows that, since what a short unit costs beside its products decides the speed.
// What they are rounded to is what unpack.h makes of them.
#pragma once

#include <cstdint>

#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// What a unit of the inputs adds beside its products (see UnitTerm).
enum class RowTerm : std::uint8_t {
  kStart,     ///< where its integer products start
  kOffset,    ///< its sum, to be multiplied with the panel's offsets
  kPartMins,  ///< sums of pairs of units, to be multiplied with the minimums of parts
};

/// Those of any layout, unpacked before the block is multiplied.
template <RowTerm kRowTerm>
class StoredScales {
 public:
  static constexpr RowTerm kTerm = kRowTerm;

  /// `first`: the block's first input.
  void open(const std::uint8_t* record, std::int64_t first, int chunks, const QuantLayout& layout) {
    unpack_scales(record, first, chunks, layout, scales_);
  }
  /// `kHalf`: which of them the unit is where a chunk has two, otherwise 0.
  template <int kHalf>
  F32x16 scale(int unit) const {
    return load(scales_.scale[unit]);
  }
  F32x16 offset(int unit) const { return load(scales_.offset[unit]); }

 private:
  PanelScales scales_;
};

/// Numbers, a record for each unit (see `units_are_groups`).
template <ScaleKind kKind, ScaleType kType>
class NumberScales {
 public:
  static constexpr RowTerm kTerm = kKind == ScaleKind::kScale ? RowTerm::kStart : RowTerm::kOffset;

  void open(const std::uint8_t* record, std::int64_t /*first*/, int /*chunks*/,
            const QuantLayout& /*layout*/) {
    record_ = record;
  }
  template <int kHalf>
  F32x16 scale(int unit) const {
    return load_scales(record_ + kRecordBytes * unit, kType);
  }
  F32x16 offset(int unit) const {
    return load_scales(record_ + kRecordBytes * unit + kNumberBytes, kType);
  }

 private:
  static constexpr std::ptrdiff_t kNumberBytes = kType == ScaleType::kF32 ? 64 : 32;
  static constexpr std::ptrdiff_t kRecordBytes =
      kKind == ScaleKind::kScale ? kNumberBytes : 2 * kNumberBytes;

  const std::uint8_t* record_;
};

/// NumberScales take this layout.
inline bool units_are_groups(const QuantLayout& layout) {
  return layout.group == layout.unit() && layout.factor == 1.0f;
}

/// kE8m0 of formats whose groups are chunks.
class ExponentScales {
 public:
  static constexpr RowTerm kTerm = RowTerm::kStart;

  void open(const std::uint8_t* record, std::int64_t /*first*/, int /*chunks*/,
            const QuantLayout& layout) {
    record_ = record;
    factor_ = layout.factor;
  }
  template <int kHalf>
  F32x16 scale(int unit) const {
    const I32x16 exponents = load_unsigned(record_ + std::ptrdiff_t{16} * unit);
    return mul(e8m0_to_float(exponents), broadcast(factor_));
  }

 private:
  const std::uint8_t* record_;
  float factor_;
};

/// kParts8 and kParts16: a byte for each part.
class PartScales {
 public:
  static constexpr RowTerm kTerm = RowTerm::kStart;

  void open(const std::uint8_t* record, std::int64_t /*first*/, int /*chunks*/,
            const QuantLayout& /*layout*/) {
    d_ = load_scales(record, ScaleType::kF16);
    parts_ = record + 32;
  }
  template <int kHalf>
  F32x16 scale(int unit) const {
    return mul(d_, to_float(load_signed(parts_ + std::ptrdiff_t{16} * unit)));
  }

 private:
  F32x16 d_;
  const std::uint8_t* parts_;
};

/// kParts16Six: put together for four parts at a time.
class SixBitScales {
 public:
  static constexpr RowTerm kTerm = RowTerm::kStart;

  void open(const std::uint8_t* record, std::int64_t /*first*/, int /*chunks*/,
            const QuantLayout& /*layout*/) {
    d_ = load_scales(record, ScaleType::kF16);
    const U8x64 near = load_bytes(record + 32);
    const U8x64 far = load_bytes(record + 32 + 64);
    const U8x64 high = load_bytes(record + 32 + 128);
    store_bytes(parts_, bit_or(field<0, 4>(near), field<0, 2, 4>(high)));
    store_bytes(parts_ + 64, bit_or(field<0, 4>(far), field<2, 2, 4>(high)));
    store_bytes(parts_ + 128, bit_or(field<4, 4>(near), field<4, 2, 4>(high)));
    store_bytes(parts_ + 192, bit_or(field<4, 4>(far), field<6, 2, 4>(high)));
  }
  template <int kHalf>
  F32x16 scale(int unit) const {
    const I32x16 six = load_unsigned(parts_ + std::ptrdiff_t{16} * unit);
    return mul(d_, to_float(add(six, broadcast_int(-32))));
  }

 private:
  F32x16 d_;
  alignas(64) std::uint8_t parts_[256];
};

/// kParts8Min and kParts16Min: products are added up with the integer scales, and finish() does the
/// rest for the whole block.
template <ScaleKind kKind>
class MinPartScales {
 public:
  static constexpr RowTerm kTerm = RowTerm::kPartMins;

  void open(const std::uint8_t* record, std::int64_t /*first*/, int /*chunks*/,
            const QuantLayout& /*layout*/) {
    record_ = record;
  }
  template <int kHalf>
  F32x16 scale(int unit) const {
    return to_float(load_part_scales<kKind, kHalf>(record_, unit));
  }
  F32x16 finish(F32x16 products, const UnitTerm* terms) const {
    constexpr int kParts = kKind == ScaleKind::kParts8Min ? 8 : 16;
    I32x16 mins = broadcast_int(0);
    for (int pair = 0; pair < kParts / 2; ++pair) {
      mins = dot(mins, as_pairs(load_part_mins<kKind>(record_, pair)), terms[pair].sums);
    }
    return scale_parts(record_, products, mins);
  }

 private:
  const std::uint8_t* record_;
};

}  // namespace saccade::compute::cpu::SACCADE_ISA
