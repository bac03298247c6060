// Every golden checkpoint with inputs of products rounded as they are unless float32 is asked for:
// attention in 16-bit integers, and bf16 dot products where the processor has them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "compute/cpu/isa.h"
#include "engine/prepare.h"
#include "golden_model.h"

namespace saccade {
namespace {

constexpr const char* kBf16 = "avx512_bf16";

/// The best instruction set here that multiplies 16-bit weights as float32; all of them give the
/// same bits.
std::string float_products() {
  for (const std::string& isa : compute::cpu::built_isas()) {
    if (isa != kBf16 && compute::cpu::isa_runs_here(isa)) return isa;
  }
  return "scalar";
}

class RoundedGolden : public GoldenModel {
 protected:
  explicit RoundedGolden(const std::string& isa)
      : GoldenModel(
            std::make_unique<compute::cpu::CpuDevice>(compute::cpu::CpuOptions{2, isa, true})) {}

  /// Towers and logits of all cases against what transformers gives.
  void compare(double tolerance) {
    double worst = 0.0;
    for (const auto& item : cases_.as_array()) {
      const boost::json::object& golden = item.as_object();
      const std::string name(golden.at("name").as_string());
      SCOPED_TRACE(name);
      const auto prepared =
          engine::prepare_prompt(*processor_, goldens::greedy_request(golden, 1), {}, nullptr);
      std::vector<float> embeds;
      std::vector<Tensor> images;
      for (const media::Patches& patches : prepared.patches) {
        images.push_back(model_->encode(patches));
        const std::vector<float> part = download(images.back());
        embeds.insert(embeds.end(), part.begin(), part.end());
      }
      if (!images.empty()) {
        const double off =
            goldens::deviation(embeds, goldens::values(expected_.tensor(name + ".image_embeds")));
        EXPECT_LT(off, tolerance);
        worst = std::max(worst, off);
      }
      const double off = goldens::deviation(last_logits(prepared.prompt, images),
                                            goldens::values(expected_.tensor(name + ".logits")));
      EXPECT_LT(off, tolerance);
      worst = std::max(worst, off);
    }
    fmt::print("{}: within {:.1e}\n", GetParam(), worst);
  }
};

class IntegerAttention : public RoundedGolden {
 protected:
  IntegerAttention() : RoundedGolden(float_products()) {}
};

/// Sums of 16-bit integers are exact, and what is rounded has 15 bits: the worst golden is off by
/// 2e-3 of the largest logit, most by less than 7e-4.
TEST_P(IntegerAttention, TowersAndLogits) {
  compare(4e-3);
}

class Bf16Products : public RoundedGolden {
 protected:
  Bf16Products() : RoundedGolden(here() ? kBf16 : float_products()) {}
  void SetUp() override {
    if (!here()) GTEST_SKIP() << "this processor has no bf16 dot products";
  }
  static bool here() {
    const auto built = compute::cpu::built_isas();
    return std::find(built.begin(), built.end(), kBf16) != built.end() &&
           compute::cpu::isa_runs_here(kBf16);
  }
};

/// Inputs have 8 bits then, which the sharp attention of random weights magnifies: the worst golden
/// is off by 5e-2 of the largest logit, half of them by less than 1e-2. But for DeepSeek-OCR 2's
/// towers, one behind the other, which are off by 1e-1, and Gemma 4's golden with inputs for each
/// layer, whose logits a small cap magnifies, by 1.2e-1.
TEST_P(Bf16Products, TowersAndLogits) {
  const bool magnified =
      GetParam().starts_with("deepseek_ocr2/") || GetParam() == "gemma4/e2b_bf16";
  compare(magnified ? 1.3e-1 : 6e-2);
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, IntegerAttention,
                         testing::ValuesIn(goldens::all_checkpoints()),
                         [](const auto& named) { return goldens::test_name(named.param); });
INSTANTIATE_TEST_SUITE_P(Checkpoints, Bf16Products, testing::ValuesIn(goldens::all_checkpoints()),
                         [](const auto& named) { return goldens::test_name(named.param); });

}  // namespace
}  // namespace saccade
