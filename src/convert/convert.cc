#include "saccade/convert.h"

#include "base/error.h"
#include "convert/job.h"
#include "convert/output_place.h"

namespace saccade {

ConvertResult convert(const std::string& model, const std::string& destination,
                      const ConvertOptions& options, ConvertListener* listener) {
  if (destination.empty()) fail_usage("DST is empty: wanted a directory or a name ending in .gguf");
  const bool gguf = destination.ends_with(".gguf");
  const conversion::Target target = conversion::read_target(options, gguf);
  conversion::refuse_existing(destination);
  const std::filesystem::path path = checkpoint::resolve_model(model);
  const checkpoint::Checkpoint source(path);
  ThreadPool threads(options.threads > 0 ? options.threads : available_cores());
  ConvertResult result;
  result.path = destination;
  result.source_bytes = source.weight_bytes();
  const conversion::Job job{source, path, destination, target, threads, listener, result};
  if (gguf) {
    conversion::write_gguf_files(job);
  } else {
    conversion::write_mlx_directory(job);
  }
  job.progress(result.source_bytes);
  return result;
}

}  // namespace saccade
