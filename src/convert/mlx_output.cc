// Writing an MLX directory.
#include <algorithm>
#include <array>

#include "base/error.h"
#include "checkpoint/safetensors_writer.h"
#include "convert/job.h"
#include "convert/mlx_plan.h"
#include "convert/output_place.h"
#include "convert/pretty_json.h"

namespace saccade::conversion {
namespace fs = std::filesystem;
namespace {

using checkpoint::PlannedTensor;
using Kind = WeightFormat::Kind;

std::int64_t rows_of(const Shape& shape) {
  return shape.rank() > 0 ? shape[0] : 1;
}

/// The tensors one weight becomes: itself, or codes with scales and perhaps biases.
std::vector<PlannedTensor> tensors_of(const WeightPlan& weight) {
  const WeightFormat& format = weight.format;
  if (!format.quantized()) {
    const auto element = static_cast<std::int64_t>(dtype_bytes(format.dtype));
    return {{weight.name, checkpoint::safetensors_dtype(format.dtype), weight.shape,
             weight.shape.elements() * element}};
  }
  const std::int64_t rows = weight.shape[0];
  const std::int64_t inputs = weight.shape[1];
  const std::int64_t groups = inputs / format.group_size;
  const std::int64_t words = inputs * format.bits / 32;
  std::vector<PlannedTensor> tensors = {
      {weight.name + ".weight", "U32", {rows, words}, rows * words * 4}};
  const bool affine = format.kind == Kind::kAffine;
  const auto scale = affine ? static_cast<std::int64_t>(dtype_bytes(format.dtype)) : 1;
  const std::string dtype = affine ? checkpoint::safetensors_dtype(format.dtype) : "U8";
  tensors.push_back({weight.name + ".scales", dtype, {rows, groups}, rows * groups * scale});
  if (affine) {
    tensors.push_back({weight.name + ".biases", dtype, {rows, groups}, rows * groups * scale});
  }
  return tensors;
}

void write_weight(const Job& job, const WeightPlan& weight, std::int64_t done,
                  checkpoint::SafetensorsWriter& writer) {
  const std::vector<PlannedTensor> tensors = tensors_of(weight);
  const std::int64_t rows = rows_of(weight.shape);
  const std::int64_t bytes = job.source.info(weight.source).bytes;
  stream_weight(job.source, weight, rows, job.threads,
                [&](std::int64_t first, std::int64_t count, const QuantizedRows& block) {
                  const std::array<const std::vector<std::byte>*, 3> parts = {
                      &block.data, &block.scales, &block.offsets};
                  for (std::size_t i = 0; i < tensors.size(); ++i) {
                    writer.write(tensors[i].name, tensors[i].bytes / rows * first, *parts[i]);
                  }
                  job.progress(done + bytes * (first + count) / rows);
                });
  job.source.release(weight.source);
}

void write_text(const fs::path& path, const std::string& text) {
  write_file(path, std::as_bytes(std::span(text)));
}

/// Weights, what lists them, and files that the destination gets anew.
bool is_carried(const std::string& name) {
  for (const char* suffix : {".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json",
                             ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx"}) {
    if (name.ends_with(suffix)) return false;
  }
  return name != "config.json" && name != "README.md" && !name.starts_with(".");
}

void carry_over(const Job& job, const fs::path& to) {
  if (!fs::is_directory(job.source_path)) {
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "generation_config.json",
                             "preprocessor_config.json", "processor_config.json"}) {
      if (const auto document = job.source.optional_json(name)) {
        write_text(to / name, pretty_json(*document));
      }
    }
    return;
  }
  for (const auto& entry : fs::directory_iterator(job.source_path)) {
    const std::string name = entry.path().filename().string();
    std::error_code status;
    // Files of the Hugging Face cache are links.
    if (!fs::is_regular_file(entry.path(), status) || !is_carried(name)) continue;
    if (const auto text = job.source.optional_text(name)) write_text(to / name, *text);
  }
}

}  // namespace

void write_mlx_directory(const Job& job) {
  OutputPlace place(job.destination);
  const MlxPlan plan = plan_mlx(job.source, job.target);
  std::vector<PlannedTensor> tensors;
  for (const WeightPlan& weight : plan.weights) {
    for (PlannedTensor& tensor : tensors_of(weight)) {
      job.result.bytes += tensor.bytes;
      tensors.push_back(std::move(tensor));
    }
    job.result.parameters += weight.shape.elements();
    if (weight.format.quantized()) {
      ++job.result.quantized;
      if (weight.keep_codes) ++job.result.kept_codes;
    }
  }
  job.result.left_unquantized = plan.left_unquantized;
  checkpoint::SafetensorsWriter writer(place.path(), std::move(tensors), "mlx");
  std::int64_t done = 0;
  for (const WeightPlan& weight : plan.weights) {
    write_weight(job, weight, done, writer);
    done += job.source.info(weight.source).bytes;
  }
  writer.finish(job.result.parameters);
  write_text(place.path() / "config.json", pretty_json(plan.config));
  carry_over(job, place.path());
  place.become_destination();
}

}  // namespace saccade::conversion
