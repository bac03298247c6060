#include "checkpoint/gguf_source.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "checkpoint/gguf_config.h"
#include "checkpoint/gguf_tokenizer.h"
#include "tensor/dequantize.h"

namespace saccade::checkpoint {
namespace fs = std::filesystem;
namespace {

// What the converter adds for llama.cpp's own use: rotary factors are part of the configuration,
// and the break token's embedding is in the language model already.
bool is_extra(std::string_view name) {
  return name == "rope_freqs.weight" || name == "v.token_embd.img_break";
}

bool is_second_frame(std::string_view name) {
  return name == "v.patch_embd.weight.1";
}

/// Whether a tower has its MLPs' maps under each other's names, as old converters wrote them.
bool has_swapped_mlp(const GgufFile& file) {
  const auto down = file.tensors().find("v.blk.0.ffn_down.weight");
  const auto up = file.tensors().find("v.blk.0.ffn_up.weight");
  const auto width = file.integer("clip.vision.embedding_length");
  if (down == file.tensors().end() || up == file.tensors().end() || !width) return false;
  if (down->second.shape.rank() != 2) return false;
  const bool square = down->second.shape[0] == down->second.shape[1];
  return !square && down->second.shape[1] == *width;
}

std::string with_other_mlp(std::string name) {
  if (const std::size_t at = name.find(".ffn_up."); at != std::string::npos) {
    return name.replace(at, 8, ".ffn_down.");
  }
  if (const std::size_t at = name.find(".ffn_down."); at != std::string::npos) {
    return name.replace(at, 10, ".ffn_up.");
  }
  return name;
}

/// A tensor as the matrix its first dimension makes of it.
HostMatrix stored_matrix(const GgufFile& file, const std::string& name) {
  const GgufFile::Entry& entry = file.entry(name);
  const std::byte* data = file.data(entry);  // refuses types that cannot be read
  const WeightFormat format = WeightFormat::blocks(static_cast<GgmlType>(entry.type));
  if (entry.shape.rank() == 1 && format.quantized()) {
    fail("{}: tensor {} of type {}: a vector must be of plain numbers", file.path().string(), name,
         format.name());
  }
  const std::int64_t outputs = entry.shape[0];
  return {.format = format,
          .outputs = outputs,
          .inputs = entry.shape.elements() / outputs,
          .data = data};
}

/// Bytes that a matrix owns.
std::byte* allocate(HostMatrix& matrix, std::int64_t bytes) {
  auto memory = std::make_shared<std::vector<std::byte>>(bytes);
  std::byte* data = memory->data();
  matrix.data = data;
  matrix.storage = std::move(memory);
  return data;
}

/// Rows in Hugging Face's order: there the two of a rotary pair are half a head apart, in llama.cpp
/// they are neighbours.
HostMatrix unpaired_rows(const HostMatrix& stored, std::int64_t heads) {
  HostMatrix matrix = stored;
  const std::int64_t row_bytes = stored.row_bytes();
  std::byte* to = allocate(matrix, stored.outputs * row_bytes);
  const std::int64_t head = stored.outputs / heads;
  for (std::int64_t row = 0; row < stored.outputs; ++row) {
    const std::int64_t in_head = row % head;
    const std::int64_t half = in_head / (head / 2);
    const std::int64_t from = row - in_head + in_head % (head / 2) * 2 + half;
    std::memcpy(to + row * row_bytes, stored.data + from * row_bytes, row_bytes);
  }
  return matrix;
}

HostMatrix minus_one(const HostMatrix& stored) {
  HostMatrix matrix = stored;
  matrix.format = WeightFormat::floating(DType::kF32);
  std::byte* to = allocate(matrix, stored.outputs * stored.inputs * 4);
  std::vector<float> row(stored.inputs);
  for (std::int64_t i = 0; i < stored.outputs; ++i) {
    dequantize_row(stored, i, row.data());
    for (float& value : row) value -= 1.0f;
    std::memcpy(to + i * stored.inputs * 4, row.data(), row.size() * 4);
  }
  return matrix;
}

/// Convolutions over one frame each, [outputs, channels, h, w], as one over two,
/// [outputs, channels, 2, h, w].
HostMatrix joined_frames(const HostMatrix& first, const HostMatrix& second,
                         const GgufFile::Entry& entry) {
  HostMatrix matrix = first;
  matrix.inputs = 2 * first.inputs;
  const auto element = static_cast<std::int64_t>(dtype_bytes(first.format.dtype));
  const std::int64_t frame = entry.shape[2] * entry.shape[3] * element;
  std::byte* to = allocate(matrix, 2 * first.outputs * first.row_bytes());
  for (std::int64_t i = 0; i < first.outputs * entry.shape[1]; ++i) {
    std::memcpy(to + 2 * i * frame, first.data + i * frame, frame);
    std::memcpy(to + (2 * i + 1) * frame, second.data + i * frame, frame);
  }
  return matrix;
}

/// The names of a kind, with the file in front of what is wrong.
GgufNames names_in(const GgufFile& file, GgufNames (*names_of)(std::string_view),
                   const std::string& kind) {
  try {
    return names_of(kind);
  } catch (const Error& error) {
    fail("{}: {}", file.path().string(), error.what());
  }
}

bool is_part(GgufChange change) {
  return change == GgufChange::kQueryPart || change == GgufChange::kKeyPart ||
         change == GgufChange::kValuePart;
}

int place_of(GgufChange change) {
  return change == GgufChange::kKeyPart ? 1 : change == GgufChange::kValuePart ? 2 : 0;
}

/// The shape of a convolution over both of its frames.
Shape shape_of_frames(const Shape& frame) {
  return {frame[0], frame[1], 2, frame[2], frame[3]};
}

/// Throws Error unless shapes can be reckoned with: of types that cannot be read, and of nothing,
/// a file may claim any.
void check_shape(const GgufFile& file, const std::string& name) {
  constexpr std::int64_t kMostElements = std::int64_t{1} << 48;
  const Shape& shape = file.entry(name).shape;
  const bool empty = std::ranges::any_of(shape.dims(), [](std::int64_t dim) { return dim < 1; });
  if (shape.rank() < 1 || empty || shape.elements() > kMostElements) {
    fail("{}: tensor {} has shape {}, which no model has", file.path().string(), name,
         shape.text());
  }
}

}  // namespace

GgufSource::GgufSource(const fs::path& model, const std::optional<fs::path>& mmproj)
    : model_(model) {
  if (const auto parts = model_.integer("split.count"); parts && *parts > 1) {
    fail("{}: one of {} parts of a model; join them first (llama-gguf-split --merge)",
         model.string(), *parts);
  }
  if (mmproj) mmproj_.emplace(*mmproj);
  // The names come first: of an architecture that is not known, nothing else can be said.
  const GgufNames text_names = names_in(model_, gguf_text_names, gguf_architecture(model_));
  GgufNames vision_names;
  if (mmproj_) vision_names = names_in(*mmproj_, gguf_vision_names, gguf_projector(*mmproj_));
  files_ = gguf_config_files(model_, mmproj_ ? &*mmproj_ : nullptr);
  add_tensors(model_, text_names);
  if (mmproj_) add_tensors(*mmproj_, vision_names);
  check_parts();
}

std::string GgufSource::where(const std::string& file) const {
  return fmt::format("{}: {}", where(), file);
}

std::vector<std::filesystem::path> GgufSource::files() const {
  std::vector<std::filesystem::path> files = {model_.path()};
  if (mmproj_) files.push_back(mmproj_->path());
  return files;
}

std::optional<std::string> GgufSource::text(const std::string& file) const {
  const auto document = json(file);
  if (!document) return std::nullopt;
  return boost::json::serialize(*document);
}

std::optional<boost::json::value> GgufSource::json(const std::string& file) const {
  // A vocabulary is large, so it is only written out for who asks.
  if (file == "tokenizer.json") return tokenizer_json(model_);
  if (file == "tokenizer_config.json") return tokenizer_config_json(model_);
  const auto found = files_.find(file);
  if (found == files_.end()) return std::nullopt;
  return found->second;
}

void GgufSource::add_tensors(const GgufFile& file, const GgufNames& names) {
  // Pictures make the decoder a part of a larger model.
  const bool nested = mmproj_.has_value() && &file == &model_;
  const bool idefics = nested && gguf_projector(*mmproj_) == "idefics3";
  const bool swapped = &file != &model_ && has_swapped_mlp(file);
  const std::vector<std::int64_t> deepstack =
      &file != &model_ ? gguf_deepstack_layers(file) : std::vector<std::int64_t>{};
  for (const auto& [name, entry] : file.tensors()) {
    if (is_extra(name) || is_second_frame(name)) continue;
    auto match = match_gguf_name(names, swapped ? with_other_mlp(name) : name);
    if (!match) {
      fail("{}: tensor {} is not one Saccade knows in this architecture", file.path().string(),
           name);
    }
    if (name.starts_with("v.deepstack.")) {
      const auto at = std::find(deepstack.begin(), deepstack.end(), match->layer.value_or(-1));
      match->layer = static_cast<int>(at - deepstack.begin());
    }
    const GgufChange change = match->entry->change;
    if (change == GgufChange::kUnused) continue;
    std::string target = name_with_layer(match->entry->hugging_face, match->layer,
                                         change == GgufChange::kBare ? "" : match->suffix);
    if (nested && target.starts_with("model.")) {
      target.insert(6, idefics ? "text_model." : "language_model.");
    }
    add_piece(target, {&file, name, change});
  }
}

void GgufSource::add_piece(const std::string& hugging_face, Piece piece) {
  check_shape(*piece.file, piece.name);
  const GgufFile::Entry& entry = piece.file->entry(piece.name);
  const auto traits = ggml_traits(entry.type);
  const std::string type =
      traits ? WeightFormat::blocks(traits->type).name() : std::string(ggml_type_name(entry.type));
  TensorInfo& info = tensors_[hugging_face];
  info.bytes += static_cast<std::int64_t>(entry.bytes);
  std::vector<Piece>& pieces = pieces_[hugging_face];
  if (pieces.empty()) {
    info.type = type;
    info.shape = entry.shape;
    if (piece.change == GgufChange::kConvFrames && entry.shape.rank() == 4) {
      info.shape = shape_of_frames(entry.shape);
      info.bytes *= 2;
    }
  } else {
    const Shape whole = info.shape;
    if (!std::ranges::equal(whole.dims().subspan(1), entry.shape.dims().subspan(1))) {
      fail("{}: tensor {} {} does not go with {} {}", piece.file->path().string(), piece.name,
           entry.shape.text(), pieces[0].name, whole.text());
    }
    std::vector<std::int64_t> dims(whole.dims().begin(), whole.dims().end());
    dims[0] += entry.shape[0];
    info.shape = Shape(std::span<const std::int64_t>(dims));
  }
  pieces.push_back(std::move(piece));
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece& a, const Piece& b) { return place_of(a.change) < place_of(b.change); });
}

void GgufSource::check_parts() const {
  for (const auto& [name, pieces] : pieces_) {
    // Numbers of layers may be written in several ways, so the same part can be there twice.
    const bool fused = is_part(pieces[0].change);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (fused && is_part(pieces[i].change) && place_of(pieces[i].change) == static_cast<int>(i)) {
        continue;
      }
      if (fused || i > 0) {
        fail("{}: tensor {} does not go with {}", pieces[i].file->path().string(), pieces[i].name,
             pieces[0].name);
      }
    }
    if (fused && pieces.size() != 3) {
      fail("{}: tensor {}: {} of the three parts of {} are there", pieces[0].file->path().string(),
           pieces[0].name, pieces.size(), name);
    }
    if (pieces[0].change == GgufChange::kConvFrames && pieces[0].name.ends_with(".weight")) {
      const GgufFile& file = *pieces[0].file;
      const auto second = file.tensors().find(pieces[0].name + ".1");
      const GgufFile::Entry& first = file.entry(pieces[0].name);
      const bool fits = second != file.tensors().end() && first.shape.rank() == 4 &&
                        second->second.shape == first.shape && second->second.type == first.type;
      if (!fits) {
        fail("{}: tensor {} {} does not go with {}.1", file.path().string(), pieces[0].name,
             first.shape.text(), pieces[0].name);
      }
    }
  }
}

std::int64_t GgufSource::rotary_heads(const Piece& piece) const {
  const bool vision = piece.file != &model_;
  const std::string prefix =
      vision ? "clip.vision." : std::string(*model_.string("general.architecture")) + ".";
  const std::int64_t heads = piece.file->integer(prefix + "attention.head_count").value_or(0);
  const bool keys = piece.name.find(".attn_k.") != std::string::npos;
  const std::int64_t count =
      keys && !vision ? piece.file->integer(prefix + "attention.head_count_kv").value_or(heads)
                      : heads;
  const std::int64_t rows = piece.file->entry(piece.name).shape[0];
  if (count < 1 || count > rows || rows % (2 * count) != 0) {
    fail("{}: tensor {} has {} rows, which do not make {} heads", piece.file->path().string(),
         piece.name, rows, count);
  }
  return count;
}

HostMatrix GgufSource::open(const Piece& piece) const {
  const HostMatrix stored = stored_matrix(*piece.file, piece.name);
  switch (piece.change) {
    case GgufChange::kRotaryRows:
      return unpaired_rows(stored, rotary_heads(piece));
    case GgufChange::kPlusOne:
      return minus_one(stored);
    case GgufChange::kConvFrames:
      if (!piece.name.ends_with(".weight")) return stored;
      if (stored.format.quantized()) {
        fail("{}: tensor {} of type {}: wanted plain numbers", piece.file->path().string(),
             piece.name, stored.format.name());
      }
      return joined_frames(stored, stored_matrix(*piece.file, piece.name + ".1"),
                           piece.file->entry(piece.name));
    default:
      return stored;
  }
}

std::vector<HostMatrix> GgufSource::matrix(const std::string& name) const {
  std::vector<HostMatrix> parts;
  for (const Piece& piece : pieces_.at(name)) parts.push_back(open(piece));
  return parts;
}

void GgufSource::release(const std::string& name) const {
  for (const Piece& piece : pieces_.at(name)) {
    piece.file->release(piece.file->entry(piece.name));
    if (piece.change == GgufChange::kConvFrames && piece.name.ends_with(".weight")) {
      piece.file->release(piece.file->entry(piece.name + ".1"));
    }
  }
}

std::optional<fs::path> find_mmproj(const fs::path& model) {
  std::vector<fs::path> found;
  std::error_code status;
  const fs::path folder = model.has_parent_path() ? model.parent_path() : fs::path(".");
  for (const auto& entry : fs::directory_iterator(folder, status)) {
    const std::string name = entry.path().filename().string();
    const bool candidate = name.ends_with(".gguf") && name.find("mmproj") != std::string::npos &&
                           entry.path().filename() != model.filename();
    if (candidate) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  for (const fs::path& path : found) {
    try {
      // Whether it fits is told by what it would make of the configuration.
      const GgufFile language(model);
      const GgufFile tower(path);
      gguf_config_files(language, &tower);
      return path;
    } catch (const Error&) {
      // Of another model, then, or damaged: --mmproj tells which.
    }
  }
  return std::nullopt;
}

}  // namespace saccade::checkpoint
