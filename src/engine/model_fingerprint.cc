#include "engine/model_fingerprint.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/build_id.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"

namespace saccade::engine {
namespace fs = std::filesystem;
namespace {

// Goes with what entries consist of.
constexpr int kEntryFormat = 1;
// Files are read by several threads, so much at a time.
constexpr std::size_t kPieceBytes = std::size_t{32} << 20;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// SHA-256 over the digests of a file's pieces.
std::string content_digest(const fs::path& path) {
  const MappedFile file(path);
  const std::span<const std::byte> bytes = file.bytes();
  std::vector<std::string> pieces((bytes.size() + kPieceBytes - 1) / kPieceBytes);
  ThreadPool threads(std::clamp<int>(static_cast<int>(pieces.size()), 1, available_cores()));
  threads.parallel_for(std::ssize(pieces), [&](std::int64_t index) {
    const std::size_t begin = static_cast<std::size_t>(index) * kPieceBytes;
    const std::size_t count = std::min(kPieceBytes, bytes.size() - begin);
    pieces[index] = Checksum().add(bytes.subspan(begin, count)).hex();
    // What is read here need not count as ours.
    file.release(begin, count);
  });
  Checksum all;
  for (const std::string& piece : pieces) all.add(piece);
  return all.hex();
}

/// Names a file that is the same one and unchanged.
std::string identity_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
  }
#ifdef __APPLE__
  const timespec changed = status.st_ctimespec, modified = status.st_mtimespec;
#else
  const timespec changed = status.st_ctim, modified = status.st_mtim;
#endif
  return Checksum()
      .add(fmt::format("file {} {} {} {} {}.{} {}.{}", kEntryFormat, status.st_dev, status.st_ino,
                       status.st_size, modified.tv_sec, modified.tv_nsec, changed.tv_sec,
                       changed.tv_nsec))
      .hex();
}

std::string known_digest(const fs::path& path, DiskStore& store) {
  const std::string identity = identity_of(path);
  if (const auto known = store.read(identity)) {
    return {reinterpret_cast<const char*>(known->data()), known->size()};
  }
  const std::string digest = content_digest(path);
  // A file that is being written just now is not remembered as what it was before.
  if (identity_of(path) != identity) return digest;
  try {
    store.write(identity, bytes_of(digest));
  } catch (const Error&) {
    // The disk is full, which is said when entries are written; the file is read again next time.
  }
  return digest;
}

/// "cuda:1" and "cuda:0" of one kind compute the same.
std::string device_kind(const compute::Device& device) {
  const compute::DeviceInfo info = device.info();
  const std::string name = info.name.substr(0, info.name.find(':'));
  return name + " " + info.instruction_set;
}

}  // namespace

std::string model_fingerprint(const checkpoint::Checkpoint& checkpoint,
                              const compute::Device& device, const EngineOptions& options,
                              DiskStore& store) {
  std::vector<fs::path> files = checkpoint.files();
  if (files.empty()) fail("{}: a model without files has no cache on a disk", checkpoint.where());
  std::ranges::sort(files, {}, [](const fs::path& path) { return path.filename(); });
  Checksum all;
  all.add(fmt::format("{}\n{}\n{}\n{} {} {} {}\n", kEntryFormat, build_id(), device_kind(device),
                      static_cast<int>(options.activations),
                      static_cast<int>(options.tower_precision),
                      static_cast<int>(options.kv_precision), options.batch_invariant));
  for (const fs::path& path : files) {
    all.add(fmt::format("{} {}\n", path.filename().string(), known_digest(path, store)));
  }
  return all.hex();
}

}  // namespace saccade::engine
