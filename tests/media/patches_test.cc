// Sizes and patch values, held against transformers' image processor.
#include "media/patches.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <map>

#include "test_pictures.h"

namespace saccade::media {
namespace {

TEST(smart_resize, equals_transformers) {
  const auto table = read_json_file(pixels_dir() / "smart_resize.json");
  for (const auto& value : table.as_array()) {
    const auto& row = value.as_array();
    const auto number = [&](int i) { return row[i].as_int64(); };
    const auto resize = [&] {
      return smart_resize(static_cast<int>(number(0)), static_cast<int>(number(1)), 28, number(2),
                          number(3));
    };
    SCOPED_TRACE(boost::json::serialize(value));
    if (row[4].is_string()) {
      EXPECT_NE(error_of(resize).find("at most 200 times"), std::string::npos);
    } else {
      EXPECT_EQ(resize(), (Size{static_cast<int>(number(4)), static_cast<int>(number(5))}));
    }
  }
  EXPECT_GT(table.as_array().size(), 500U);
}

/// The float32 tensors of a safetensors file.
std::map<std::string, std::vector<float>> read_tensors(const std::filesystem::path& path) {
  const std::string file = read_text_file(path);
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, file.data(), 8);
  const auto header = parse_json(std::string_view(file).substr(8, header_size), path.string());
  std::map<std::string, std::vector<float>> tensors;
  for (const auto& item : header.as_object()) {
    if (item.key() == "__metadata__") continue;
    const auto offsets = JsonObject(item.value(), std::string(item.key())).integers("data_offsets");
    std::vector<float> values((offsets[1] - offsets[0]) / sizeof(float));
    std::memcpy(values.data(), file.data() + 8 + header_size + offsets[0],
                values.size() * sizeof(float));
    tensors[item.key()] = std::move(values);
  }
  return tensors;
}

TEST(image_to_patches, equals_transformers) {
  const auto tensors = read_tensors(pixels_dir() / "patches.safetensors");
  const auto goldens = read_json_file(pixels_dir() / "patches.json");
  for (const auto& value : goldens.as_array()) {
    const JsonObject golden(value, "patches.json");
    const std::string name = golden.string("image");
    SCOPED_TRACE(name);
    PatchParams params;
    params.min_pixels = golden.integer("min_pixels");
    params.max_pixels = golden.integer("max_pixels");
    const Patches patches =
        image_to_patches(decode_file(source_dir() / "tests/goldens/images" / name), params);
    const auto grid = golden.integers("image_grid_thw");
    EXPECT_EQ(patches.grid, (PatchGrid{static_cast<int>(grid[0]), static_cast<int>(grid[1]),
                                       static_cast<int>(grid[2])}));
    const std::vector<float>& expected = tensors.at(name);
    ASSERT_EQ(patches.values.size(), expected.size());
    float difference = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      difference = std::max(difference, std::abs(patches.values[i] - expected[i]));
    }
    // Exact with the Pillow backend; its torchvision backend, which folds rescale and normalize
    // into one step, would be within 1e-6.
    EXPECT_EQ(difference, 0);
  }
}

Image gradient(int width, int height) {
  Image image{width, height, {}};
  for (int i = 0; i < 3 * width * height; ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>(i * 7));
  }
  return image;
}

TEST(image_to_patches, order_without_any_scaling) {
  PatchParams params;
  params.patch_size = 2;
  params.do_resize = params.scale.do_rescale = params.scale.do_normalize = false;
  Image image{8, 4, {}};
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 8; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.pixels.push_back(static_cast<std::uint8_t>(100 * c + 8 * y + x));
      }
    }
  }
  const Patches patches = image_to_patches(image, params);
  EXPECT_EQ(patches.grid, (PatchGrid{1, 2, 4}));
  std::size_t i = 0;
  for (const int cell_x : {0, 4}) {
    for (const int patch_y : {0, 2}) {
      for (const int patch_x : {0, 2}) {
        for (int c = 0; c < 3; ++c) {
          for (int t = 0; t < 2; ++t) {
            for (int y = 0; y < 2; ++y) {
              for (int x = 0; x < 2; ++x) {
                const int expected = 100 * c + 8 * (patch_y + y) + cell_x + patch_x + x;
                ASSERT_EQ(patches.values[i++], expected);
              }
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(i, patches.values.size());
}

TEST(image_to_patches, refuses_what_cannot_be_cut) {
  PatchParams params;
  params.do_resize = false;
  EXPECT_THROW(image_to_patches(gradient(30, 28), params), Error);
  EXPECT_THROW(image_to_patches(Image{}, params), Error);
  EXPECT_THROW(image_to_patches(gradient(201, 1), PatchParams{}), Error);
  EXPECT_NO_THROW(image_to_patches(gradient(200, 1), PatchParams{}));
}

TEST(image_to_patches, digest_names_pixels_and_parameters) {
  const Image image = gradient(60, 60);
  const PatchParams params;
  const Digest digest = image_to_patches(image, params).digest;
  EXPECT_EQ(image_to_patches(image, params).digest, digest);

  Image other = image;
  other.pixels[500] ^= 0x80;
  EXPECT_NE(image_to_patches(other, params).digest, digest);
  const auto with = [&](auto change) {
    PatchParams changed = params;
    change(changed);
    return image_to_patches(image, changed).digest;
  };
  EXPECT_NE(with([](PatchParams& p) { p.max_pixels += 1; }), digest);
  EXPECT_NE(with([](PatchParams& p) { p.scale.mean[2] = 0.5f; }), digest);
  EXPECT_NE(with([](PatchParams& p) { p.scale.std[0] = 0.5f; }), digest);
  EXPECT_NE(with([](PatchParams& p) { p.scale.do_normalize = false; }), digest);
  EXPECT_NE(with([](PatchParams& p) { p.scale.rescale_factor = 1 / 127.5; }), digest);
  EXPECT_NE(with([](PatchParams& p) { p.temporal_patch_size = 1; }), digest);
}

PatchParams params_of(const char* json) {
  const auto value = parse_json(json, "preprocessor_config.json");
  return patch_params_from_json(JsonObject(value, "preprocessor_config.json"));
}

TEST(patch_params, reads_the_published_form) {
  const PatchParams params = params_of(R"({
    "min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2,
    "merge_size": 2, "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor"})");
  PatchParams expected;
  expected.max_pixels = 12845056;
  EXPECT_EQ(params, expected);
}

TEST(patch_params, reads_what_transformers_writes) {
  const PatchParams params = params_of(R"({
    "crop_size": null, "data_format": "channels_first", "default_to_square": true, "device": null,
    "disable_grouping": null, "do_center_crop": null, "do_convert_rgb": true, "do_normalize": true,
    "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.4, 0.3], "image_std": 0.25,
    "image_processor_type": "Qwen2VLImageProcessorFast", "input_data_format": null,
    "max_pixels": null, "merge_size": 4, "min_pixels": null, "patch_size": 16, "resample": 3,
    "rescale_factor": 0.00392156862745098, "return_tensors": null,
    "size": {"longest_edge": 5000, "shortest_edge": 784}, "temporal_patch_size": 1})");
  EXPECT_EQ(params.min_pixels, 784);
  EXPECT_EQ(params.max_pixels, 5000);
  EXPECT_EQ(params.patch_size, 16);
  EXPECT_EQ(params.merge_size, 4);
  EXPECT_EQ(params.temporal_patch_size, 1);
  EXPECT_EQ(params.scale.mean, (std::array<float, 3>{0.5f, 0.4f, 0.3f}));
  EXPECT_EQ(params.scale.std, (std::array<float, 3>{0.25f, 0.25f, 0.25f}));
  EXPECT_EQ(params.scale.rescale_factor, 1.0 / 255.0);
  // Keys of their own win over size, as in transformers.
  EXPECT_EQ(params_of(R"({"max_pixels": 9000, "size": {"longest_edge": 5000}})").max_pixels, 9000);
  EXPECT_EQ(params_of("{}"), PatchParams{});
}

TEST(patch_params, refuses_what_it_does_not_do_by_name) {
  for (const auto& item : std::map<const char*, const char*>{
           {R"({"resample": 2})", "resample"},
           {R"({"do_center_crop": true})", "do_center_crop"},
           {R"({"crop_size": 224})", "crop_size"},
           {R"({"do_pad": true})", "do_pad"},
           {R"({"size": {"height": 224, "width": 224}})", "height"},
           {R"({"size": 224})", "size"},
           {R"({"image_std": [1, 0, 1]})", "image_std"},
           {R"({"image_mean": [1, 2]})", "image_mean"},
           {R"({"image_processor_type": "CLIPImageProcessor"})", "CLIPImageProcessor"},
           {R"({"patch_size": 0})", "patch_size"},
           {R"({"max_pixels": "many"})", "max_pixels"},
           {R"({"min_pixels": 9, "max_pixels": 8})", "min_pixels"},
           {R"({"do_convert_rgb": false})", "do_convert_rgb"},
           {R"({"sharpen": true})", "sharpen"}}) {
    SCOPED_TRACE(item.first);
    EXPECT_NE(error_of([&] { params_of(item.first); }).find(item.second), std::string::npos);
  }
}

}  // namespace
}  // namespace saccade::media
