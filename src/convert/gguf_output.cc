// Writing a GGUF file, and its mmproj beside it.
#include <algorithm>

#include "base/error.h"
#include "checkpoint/gguf_writer.h"
#include "convert/gguf_metadata.h"
#include "convert/job.h"
#include "convert/mlx_plan.h"
#include "convert/output_place.h"
#include "tensor/dequantize.h"

namespace saccade::conversion {
namespace fs = std::filesystem;
namespace {

/// Rows that a tensor takes from its source, whose first dimension may be one of no size here.
std::int64_t rows_of(const Shape& shape, const Shape& source) {
  const std::int64_t outputs = source.rank() > 0 ? source[0] : 1;
  return shape.elements() / std::max<std::int64_t>(1, source.elements() / outputs);
}

/// One frame of a convolution over two: [outputs, channels, 2, h, w] -> [outputs, channels, h, w].
void write_frame(const Job& job, const GgufTensor& tensor, checkpoint::GgufWriter& writer) {
  const HostTensor kernel = job.source.tensor(tensor.weight.source);
  const Shape& shape = tensor.weight.shape;
  const std::int64_t frame = shape[2] * shape[3];
  std::vector<float> values;
  for (std::int64_t i = 0; i < shape[0] * shape[1]; ++i) {
    for (std::int64_t k = 0; k < frame; ++k) {
      values.push_back(float_at(kernel.data, kernel.dtype, (2 * i + tensor.frame) * frame + k));
    }
  }
  writer.write(tensor.weight.name, 0, std::as_bytes(std::span(values)));
}

void write_tensors(const Job& job, const std::vector<GgufTensor>& tensors,
                   checkpoint::GgufWriter& writer, std::int64_t& done) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const GgufTensor& tensor = tensors[i];
    const std::string& source = tensor.weight.source;
    if (tensor.frame >= 0) {
      write_frame(job, tensor, writer);
    } else {
      const std::int64_t rows = rows_of(tensor.weight.shape, job.source.info(source).shape);
      const HostMatrix row{tensor.weight.format, rows, tensor.weight.shape.elements() / rows};
      stream_weight(job.source, tensor.weight, rows, job.threads,
                    [&](std::int64_t first, std::int64_t, const QuantizedRows& block) {
                      writer.write(tensor.weight.name, first * row.row_bytes(), block.data);
                      job.progress(done);
                    });
    }
    // Parts of a fused map are neighbours in the plan.
    if (i + 1 == tensors.size() || tensors[i + 1].weight.source != source) {
      job.source.release(source);
      done += job.source.info(source).bytes;
    }
    job.progress(done);
  }
}

void announce(const std::vector<GgufTensor>& tensors, checkpoint::GgufWriter& writer,
              ConvertResult& result) {
  for (const GgufTensor& tensor : tensors) {
    writer.add_tensor(tensor.weight.name, tensor.type, tensor.weight.shape);
    const GgmlTraits traits = ggml_traits(tensor.type);
    result.parameters += tensor.weight.shape.elements();
    result.bytes += tensor.weight.shape.elements() / traits.elements * traits.bytes;
    if (!tensor.weight.format.quantized()) continue;
    ++result.quantized;
    if (tensor.weight.keep_codes) ++result.kept_codes;
  }
}

/// "dir/model.gguf" -> "dir/mmproj-model.gguf"
fs::path projector_path(const fs::path& model) {
  return model.parent_path() / ("mmproj-" + model.filename().string());
}

}  // namespace

void write_gguf_files(const Job& job) {
  const GgufKind kind = gguf_kind(job.source);
  const fs::path mmproj = projector_path(job.destination);
  if (!kind.projector.empty()) refuse_existing(mmproj);
  const OutputPlace place(job.destination);
  const GgufPlan plan = plan_gguf(job.source, kind, job.target);
  const bool tower = !plan.tower.empty();
  checkpoint::GgufWriter model;
  add_text_metadata(model, job.source, kind, job.target);
  add_vocabulary(model, job.source);
  announce(plan.model, model, job.result);
  const std::vector<float> factors = rope_factors(job.source);
  if (!factors.empty()) {
    model.add_tensor("rope_freqs.weight", GgmlType::kF32, {std::ssize(factors)});
  }
  checkpoint::GgufWriter projector;
  if (tower) {
    add_tower_metadata(projector, job.source, kind);
    announce(plan.tower, projector, job.result);
    projector.open(place.path() / "mmproj.gguf");
  }
  model.open(place.path() / "model.gguf");
  job.result.left_unquantized = plan.left_unquantized;
  std::int64_t done = 0;
  if (!factors.empty()) model.write("rope_freqs.weight", 0, std::as_bytes(std::span(factors)));
  write_tensors(job, plan.model, model, done);
  model.finish();
  if (tower) {
    write_tensors(job, plan.tower, projector, done);
    projector.finish();
    // First, so that the model never stands there without its tower.
    place.move_out("mmproj.gguf", mmproj);
    job.result.projector_path = mmproj.string();
  }
  try {
    place.move_out("model.gguf", job.destination);
  } catch (...) {
    std::error_code ignored;
    if (tower) fs::remove(mmproj, ignored);
    throw;
  }
}

}  // namespace saccade::conversion
