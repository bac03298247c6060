#include "checkpoint/mlx_names.h"

#include <algorithm>
#include <cstring>

namespace saccade::checkpoint {
namespace {

std::string string_at(const boost::json::value& config, std::string_view key) {
  const auto* object = config.if_object();
  const auto* value = object ? object->if_contains(key) : nullptr;
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string(*text) : std::string();
}

/// What Qwen-VLs of all layouts become; `visual` and `decoder` is the layout to go back to.
MlxNames qwen_names(const std::string& visual, const std::string& decoder) {
  return {{{"model.language_model.", "language_model.model."},
           {"model.visual.", "vision_tower."},
           {"visual.", "vision_tower."},
           {"lm_head.", "language_model.lm_head."},
           {"language_model.", "language_model."},
           {"model.", "language_model.model."}},
          {{visual, "vision_tower."},
           {decoder, "language_model.model."},
           {"lm_head.", "language_model.lm_head."}}};
}

MlxNames idefics_names() {
  const std::vector<MlxPrefix> both = {{"model.text_model.", "language_model."},
                                       {"model.vision_model.", "vision_model."},
                                       {"model.connector.", "connector."}};
  MlxNames names{both, both};
  names.to_mlx.push_back({"lm_head.", "language_model.lm_head."});
  names.to_hugging_face.insert(names.to_hugging_face.begin(),
                               {"lm_head.", "language_model.lm_head."});
  return names;
}

/// LLaVA's kin: MLX keeps the published names, in which towers are nested once more.
MlxNames llava_names(bool pixtral) {
  MlxNames names{{{"model.language_model.", "language_model.model."},
                  {"model.vision_tower.vision_model.", "vision_tower.vision_model."},
                  {"model.vision_tower.", "vision_tower.vision_model."},
                  {"model.multi_modal_projector.", "multi_modal_projector."},
                  {"lm_head.", "language_model.lm_head."},
                  {"vision_tower.vision_model.", "vision_tower.vision_model."},
                  {"vision_tower.", "vision_tower.vision_model."}},
                 {}};
  // Pixtral's towers are not nested where they are published.
  if (pixtral) names.to_hugging_face.push_back({"vision_tower.", "vision_tower.vision_model."});
  return names;
}

MlxNames internvl_names() {
  return {{{"model.language_model.", "language_model.model."},
           {"model.vision_tower.", "vision_tower."},
           {"model.multi_modal_projector.", "multi_modal_projector."},
           {"lm_head.", "language_model.lm_head."}},
          {}};
}

}  // namespace

MlxNames mlx_names(const boost::json::value& config) {
  const std::string type = string_at(config, "model_type");
  if (type == "qwen2_vl" || type == "qwen2_5_vl") return qwen_names("visual.", "model.");
  if (type == "qwen3_vl") return qwen_names("model.visual.", "model.language_model.");
  if (type == "idefics3" || type == "smolvlm") return idefics_names();
  if (type == "internvl") return internvl_names();
  if (type == "llava" || type == "gemma3" || type == "mistral3") {
    const auto* object = config.if_object();
    const auto* vision = object ? object->if_contains("vision_config") : nullptr;
    return llava_names(vision && string_at(*vision, "model_type") == "pixtral");
  }
  return {};
}

std::string to_mlx_name(const MlxNames& names, std::string_view name) {
  for (const MlxPrefix& prefix : names.to_mlx) {
    if (!name.starts_with(prefix.hugging_face)) continue;
    return prefix.mlx + std::string(name.substr(prefix.hugging_face.size()));
  }
  return std::string(name);
}

std::string from_mlx_name(const MlxNames& names, std::string_view name) {
  for (const MlxPrefix& prefix : names.to_hugging_face) {
    if (!name.starts_with(prefix.mlx)) continue;
    return prefix.hugging_face + std::string(name.substr(prefix.mlx.size()));
  }
  return std::string(name);
}

bool is_convolution(std::string_view name, const Shape& shape) {
  return (shape.rank() == 4 || shape.rank() == 5) && name.ends_with(".weight");
}

bool channels_last(const Shape& shape, bool by_mlx) {
  const int rank = shape.rank();
  const std::int64_t last = shape[rank - 1];
  if (shape[rank - 2] != last) return shape[rank - 3] == shape[rank - 2];
  return by_mlx && shape[1] == last;
}

Shape with_channels_last(const Shape& shape) {
  std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
  std::rotate(dims.begin() + 1, dims.begin() + 2, dims.end());
  return Shape(std::span<const std::int64_t>(dims));
}

Shape with_channels_first(const Shape& shape) {
  std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
  std::rotate(dims.begin() + 1, dims.end() - 1, dims.end());
  return Shape(std::span<const std::int64_t>(dims));
}

HostMatrix turned_channels(const HostMatrix& kernel, const Shape& shape, bool to_last) {
  const std::int64_t channels = to_last ? shape[1] : shape[shape.rank() - 1];
  const std::int64_t points = channels ? kernel.inputs / channels : 0;
  const auto element = static_cast<std::int64_t>(dtype_bytes(kernel.format.dtype));
  auto memory = std::make_shared<std::vector<std::byte>>(kernel.outputs * kernel.row_bytes());
  for (std::int64_t o = 0; o < kernel.outputs; ++o) {
    const std::byte* from = kernel.data + o * kernel.row_bytes();
    std::byte* to = memory->data() + o * kernel.row_bytes();
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t p = 0; p < points; ++p) {
        const std::int64_t first = (c * points + p) * element;
        const std::int64_t last = (p * channels + c) * element;
        std::memcpy(to + (to_last ? last : first), from + (to_last ? first : last), element);
      }
    }
  }
  HostMatrix turned = kernel;
  turned.data = memory->data();
  turned.storage = std::move(memory);
  return turned;
}

}  // namespace saccade::checkpoint
