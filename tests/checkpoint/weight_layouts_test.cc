// Quantized weights of every directory layout against what numpy makes of the published formulas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "temporary_directory.h"
#include "tensor/dequantize.h"

namespace saccade::checkpoint {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

fs::path layouts() {
  return fs::path(SACCADE_SOURCE_DIR) / "tests" / "goldens" / "quantization" / "layouts";
}

class WeightLayout : public testing::TestWithParam<std::string> {};

TEST_P(WeightLayout, IsWhatTheFormulaSays) {
  const Checkpoint checkpoint(layouts() / GetParam());
  const SafetensorsFile expected(layouts() / GetParam() / "expected.safetensors");
  EXPECT_EQ(checkpoint.tensors().size(), expected.entries().size());
  for (const auto& [name, entry] : expected.entries()) {
    SCOPED_TRACE(name);
    EXPECT_EQ(checkpoint.info(name).shape, entry.shape);
    const HostTensor found = checkpoint.tensor(name);
    const HostTensor wanted = expected.tensor(name);
    ASSERT_EQ(found.shape.elements(), wanted.shape.elements());
    for (std::int64_t i = 0; i < wanted.shape.elements(); ++i) {
      ASSERT_EQ(float_at(found.data, found.dtype, i), float_at(wanted.data, DType::kF32, i)) << i;
    }
    checkpoint.release(name);
  }
}

INSTANTIATE_TEST_SUITE_P(Directories, WeightLayout,
                         testing::Values("mlx_affine", "mlx_floats", "mlx_experts", "packed_int4",
                                         "packed_int4_zeros", "packed_int8", "awq", "gptq",
                                         "gptq_v2", "gptq_act_order", "fp8"),
                         [](const auto& named) { return named.param; });

/// A golden directory whose config.json has had one text replaced by another.
fs::path changed(const TemporaryDirectory& scratch, const std::string& layout,
                 const std::string& from, const std::string& to) {
  const fs::path directory = scratch.path() / layout;
  fs::create_directories(directory);
  fs::copy_file(layouts() / layout / "model.safetensors", directory / "model.safetensors",
                fs::copy_options::overwrite_existing);
  std::ifstream file(layouts() / layout / "config.json");
  std::string config((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t at = config.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  config.replace(at, from.size(), to);
  std::ofstream(directory / "config.json") << config;
  return directory;
}

TEST(WeightLayouts, ContradictionsAreNamed) {
  struct Case {
    const char* layout;
    const char* from;
    const char* to;
    const char* message;
  };
  const Case cases[] = {
      {"mlx_affine", "\"bits\": 4", "\"bits\": 7", "7 bits"},
      {"mlx_affine", "\"bits\": 4", "\"bits\": 8", "does not go with"},
      {"mlx_affine", "\"group_size\": 64", "\"group_size\": 48", "groups of 48"},
      {"mlx_affine", "\"group_size\": 64", "\"group_size\": 32", "does not go with"},
      {"mlx_affine", "\"group_size\": 64", "\"size\": 64", "\"group_size\" is missing"},
      {"mlx_floats", "\"mxfp4\"", "\"mxfp9\"", "mxfp9"},
      {"mlx_floats", "\"group_size\": 32", "\"group_size\": 64", "one size alone"},
      {"awq", "\"awq\"", "\"hqq\"", "\"hqq\""},
      {"awq", "\"bits\": 4", "\"bits\": 3", "3 bits"},
      {"awq", "\"group_size\": 64", "\"group_size\": 128", "do not go with"},
      {"awq", "\"gemm\"", "\"gemv\"", "gemv"},
      {"gptq", "\"checkpoint_format\": \"gptq\"", "\"checkpoint_format\": \"marlin\"", "marlin"},
      {"gptq", "\"group_size\": 64", "\"group_size\": 32", "do not go with"},
      {"packed_int4", "pack-quantized", "marlin-24", "marlin-24"},
      {"packed_int4", "\"num_bits\": 4", "\"num_bits\": 2", "2 bits"},
      {"packed_int4", "\"num_bits\": 4", "\"num_bits\": 8", "weight_packed"},
      {"fp8", "[\n   32,\n   64\n  ]", "[0, 64]", "positive"},
      {"fp8", "[\n   32,\n   64\n  ]", "[16, 64]", "does not fit"},
  };
  for (const Case& c : cases) {
    const TemporaryDirectory scratch;
    std::ifstream file(layouts() / c.layout / "config.json");
    const fs::path directory = changed(scratch, c.layout, c.from, c.to);
    EXPECT_THAT([&] { Checkpoint{directory}; }, ThrowsMessage<Error>(HasSubstr(c.message)))
        << c.layout << ": " << c.to;
  }
}

}  // namespace
}  // namespace saccade::checkpoint
