#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace saccade {
namespace {

TEST(DType, HalvesOfEveryKind) {
  EXPECT_EQ(f16_to_f32(0x3c00), 1.0f);
  EXPECT_EQ(f16_to_f32(0xc000), -2.0f);
  EXPECT_EQ(f16_to_f32(0x7bff), 65504.0f);
  EXPECT_EQ(f16_to_f32(0x0001), 0x1p-24f);
  EXPECT_EQ(f16_to_f32(0x83ff), -0x1.ff8p-15f);
  EXPECT_EQ(f16_to_f32(0x7c00), INFINITY);
  EXPECT_TRUE(std::isnan(f16_to_f32(0x7e00)));
  EXPECT_TRUE(std::signbit(f16_to_f32(0x8000)));
  EXPECT_EQ(bf16_to_f32(0x3f80), 1.0f);
  EXPECT_EQ(bf16_to_f32(0xc2f7), -123.5f);
}

Tensor numbers(std::int64_t rows, std::int64_t columns) {
  auto storage = std::make_shared<std::vector<float>>(rows * columns);
  for (std::size_t i = 0; i < storage->size(); ++i) (*storage)[i] = static_cast<float>(i);
  float* data = storage->data();
  return Tensor(std::move(storage), data, DType::kF32, {rows, columns});
}

TEST(Tensor, ViewsShareAndOutliveTheirOrigin) {
  Tensor columns;
  {
    const Tensor all = numbers(3, 4);
    columns = all.view_rows(1, 2).view_columns(1, 2);
  }
  EXPECT_EQ(columns.shape(), (Shape{2, 2}));
  EXPECT_EQ(columns.row(1)[0], 9.0f);
  EXPECT_FALSE(columns.dense());
  EXPECT_THROW(columns.view_as({4}), Error);
}

TEST(Tensor, BoundsAndTypesAreChecked) {
  const Tensor all = numbers(3, 4);
  EXPECT_THROW(all.view_rows(2, 2), Error);
  EXPECT_THROW(all.view_columns(-1, 2), Error);
  EXPECT_THROW(all.view_as({5}), Error);
  EXPECT_THROW(all.data<std::uint8_t>(), Error);
  EXPECT_EQ(all.view_as({2, 6}).row(1)[0], 6.0f);
}

}  // namespace
}  // namespace saccade
