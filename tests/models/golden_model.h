// A golden checkpoint, opened and loaded, with what transformers makes of its cases.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "compute/cpu/cpu_device.h"
#include "goldens.h"
#include "models/family.h"

namespace saccade {

/// The parameter is FAMILY/CHECKPOINT.
class GoldenModel : public testing::TestWithParam<std::string> {
 protected:
  // What the issue asks for in f32 is 1e-3; the tests hold us to a tenth of it.
  static constexpr double kTolerance = 1e-4;

  GoldenModel()
      : directory_(goldens::root() / GetParam()),
        checkpoint_(directory_),
        device_({2, {}}),
        expected_(directory_ / "expected.safetensors"),
        cases_(read_json_file(directory_ / "cases.json")) {
    const models::Family& family = models::family_of(checkpoint_);
    processor_ = family.load_processor(checkpoint_);
    model_ = family.load_model(checkpoint_, device_, {});
  }

  std::vector<float> download(const Tensor& tensor) {
    std::vector<float> values(tensor.shape().elements());
    device_.download(values.data(), tensor);
    return values;
  }

  std::filesystem::path directory_;
  checkpoint::Checkpoint checkpoint_;
  compute::cpu::CpuDevice device_;
  checkpoint::SafetensorsFile expected_;
  boost::json::value cases_;
  std::unique_ptr<models::Processor> processor_;
  std::unique_ptr<models::Model> model_;
};

}  // namespace saccade
