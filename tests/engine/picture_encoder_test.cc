// The tower in slices: the same embeddings, each picture once, and no longer than allowed.
#include "engine/picture_encoder.h"

#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "compute/cpu/cpu_device.h"
#include "engine/prepare.h"
#include "goldens.h"
#include "models/family.h"

namespace saccade::engine {
namespace {

class PictureEncoderTest : public testing::Test {
 protected:
  PictureEncoderTest() {
    processor_ = models::family_of(checkpoint_).load_processor(checkpoint_);
    model_ = models::load_model(checkpoint_, device_, {});
    const boost::json::value cases = read_json_file(directory_ / "cases.json");
    for (const auto& item : cases.as_array()) {
      const PreparedPrompt prepared =
          prepare_prompt(*processor_, goldens::greedy_request(item.as_object(), 1), {}, nullptr);
      for (const media::Patches& patches : prepared.patches) patches_.push_back(patches);
    }
  }

  std::vector<float> values(const Tensor& tensor) {
    std::vector<float> result(tensor.shape().elements());
    device_.download(result.data(), tensor);
    return result;
  }

  std::shared_ptr<Picture> picture(std::size_t index) {
    auto made = std::make_shared<Picture>();
    made->patches = patches_[index];
    made->process = [this, index] {
      ++decoded_;
      return patches_[index];
    };
    return made;
  }

  PictureEncoder::Tower tower() {
    return [this](const media::Patches& patches) {
      ++encoded_;
      return model_->encode(patches);
    };
  }

  std::filesystem::path directory_ = goldens::root() / "qwen2_5_vl" / "saved_f32";
  checkpoint::Checkpoint checkpoint_{directory_};
  compute::cpu::CpuDevice device_{{2, {}}};
  std::unique_ptr<models::Processor> processor_;
  std::unique_ptr<models::Model> model_;
  std::vector<media::Patches> patches_;
  VisionCache cache_{1 << 24};
  int encoded_ = 0;
  std::atomic<int> decoded_ = 0;
};

TEST_F(PictureEncoderTest, SlicesChangeNothing) {
  ASSERT_GE(patches_.size(), 2u);
  for (std::size_t i = 0; i < patches_.size(); ++i) {
    VisionCache cache(0);
    PictureEncoder encoder(device_, cache, tower());
    const auto sliced = picture(i);
    encoder.want(sliced);
    int slices = 0;
    for (; encoder.busy(); ++slices) {
      encoder.run(0.0, 1000.0);
      // Others use the device in between.
      (void)model_->encode(patches_[(i + 1) % patches_.size()]);
    }
    EXPECT_GT(slices, 3);
    EXPECT_EQ(values(*sliced->embeddings), values(model_->encode(patches_[i])));
    EXPECT_GT(sliced->vision_ms, 0.0);
  }
}

TEST_F(PictureEncoderTest, EachContentOnce) {
  PictureEncoder encoder(device_, cache_, tower());
  const auto one = picture(0), same = picture(0), later = picture(0);
  encoder.want(one);
  encoder.want(same);
  while (encoder.busy()) encoder.run(1000.0, 1000.0);
  encoder.want(later);
  EXPECT_FALSE(encoder.busy());
  EXPECT_EQ(encoded_, 1);
  EXPECT_EQ(one->embeddings, same->embeddings);
  EXPECT_EQ(one->embeddings, later->embeddings);
  EXPECT_FALSE(one->from_cache);
  EXPECT_TRUE(same->from_cache && later->from_cache);
  EXPECT_TRUE(one->patches.values.empty()) << "pixels are let go";
}

TEST_F(PictureEncoderTest, PixelsThatAreNotThereAreMadeAgain) {
  PictureEncoder encoder(device_, cache_, tower());
  const auto known = picture(0);
  known->patches.values = {};
  encoder.want(known);
  while (encoder.busy()) encoder.run(1000.0, 1000.0);
  EXPECT_EQ(decoded_, 1);
  EXPECT_EQ(values(*known->embeddings), values(model_->encode(patches_[0])));
}

TEST_F(PictureEncoderTest, ErrorsBelongToTheirPicture) {
  PictureEncoder encoder(device_, cache_, tower());
  const auto bad = picture(0), good = picture(1);
  bad->patches.values = {};
  bad->process = []() -> media::Patches { throw Error("cat.jpg: cannot be read"); };
  encoder.want(bad);
  encoder.want(good);
  while (encoder.busy()) encoder.run(1000.0, 1000.0);
  EXPECT_EQ(bad->error, "cat.jpg: cannot be read");
  EXPECT_EQ(bad->embeddings, nullptr);
  EXPECT_NE(good->embeddings, nullptr);
}

TEST_F(PictureEncoderTest, WhatNobodyWaitsForIsAbandoned) {
  PictureEncoder encoder(device_, cache_, tower());
  auto gone = picture(0);
  encoder.want(gone);
  for (int i = 0; i < 3; ++i) encoder.run(0.0, 1000.0);  // half-way
  auto never_begun = picture(1);
  encoder.want(never_begun);
  gone.reset();
  never_begun.reset();
  while (encoder.busy()) encoder.run(0.0, 1000.0);
  EXPECT_EQ(cache_.entries(), 0);
  EXPECT_EQ(encoded_, 1);
}

TEST_F(PictureEncoderTest, EndsInTheMiddleOfAPicture) {
  const auto one = picture(0);
  {
    PictureEncoder encoder(device_, cache_, tower());
    encoder.want(one);
    for (int i = 0; i < 3; ++i) encoder.run(0.0, 1000.0);
  }
  EXPECT_EQ(one->embeddings, nullptr);
  EXPECT_EQ(values(model_->encode(patches_[0])).size() > 0, true) << "the device goes on";
}

}  // namespace
}  // namespace saccade::engine
