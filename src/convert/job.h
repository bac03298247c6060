// What both kinds of destination share.
#pragma once

#include <filesystem>

#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "convert/target.h"
#include "saccade/convert.h"

namespace saccade::conversion {

/// A conversion in hand.
struct Job {
  const checkpoint::Checkpoint& source;
  std::filesystem::path source_path;  ///< a directory or a GGUF file
  std::filesystem::path destination;
  const Target& target;
  ThreadPool& threads;
  ConvertListener* listener;
  ConvertResult& result;

  /// Says how far it is, by the share of a weight that is done.
  void progress(std::int64_t bytes) const {
    if (listener) listener->on_progress(bytes, result.source_bytes);
  }
};

void write_mlx_directory(const Job& job);
void write_gguf_files(const Job& job);

}  // namespace saccade::conversion
