#include "hub/partial_blob.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/json.h"

namespace saccade::hub {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kFormat = 1;

[[noreturn]] void fail_write(const fs::path& path, int error) {
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    fail("{}: no room: {}; what came so far is kept: make room and pull again", path.string(),
         std::strerror(error));
  }
  fail("{}: cannot be written: {}", path.string(), std::strerror(error));
}

/// The ranges that a sidecar names. Throws Error unless it is one for this blob.
ByteRanges read_sidecar(const fs::path& path, const std::string& blob, std::int64_t bytes) {
  const boost::json::value document = read_json_file(path);
  const JsonObject root(document, path.string());
  const bool ours = root.integer("format") == kFormat && root.string("blob") == blob &&
                    root.integer("bytes") == bytes;
  const std::vector<std::int64_t> edges = root.integers("done");
  if (!ours || edges.size() % 2 != 0) fail("{}: of another blob", path.string());
  ByteRanges done;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < edges.size(); i += 2) {
    if (edges[i] < last || edges[i + 1] <= edges[i] || edges[i + 1] > bytes) {
      fail("{}: ranges out of order", path.string());
    }
    last = edges[i + 1];
    done.add({edges[i], last});
  }
  return done;
}

}  // namespace

PartialBlob::PartialBlob(const fs::path& blobs, std::string blob, std::int64_t bytes)
    : blob_(std::move(blob)),
      bytes_(bytes),
      final_(blobs / blob_),
      partial_(blobs / (blob_ + ".saccade-partial")),
      sidecar_(blobs / (blob_ + ".saccade-ranges.json")) {
  load();
}

PartialBlob::~PartialBlob() {
  if (descriptor_ >= 0) {
    save();
    close(descriptor_);
  }
}

void PartialBlob::load() {
  std::error_code status;
  const std::uintmax_t held = fs::file_size(partial_, status);
  if (status) return;
  try {
    const ByteRanges done = read_sidecar(sidecar_, blob_, bytes_);
    const std::vector<ByteRange> ranges = done.ranges();
    if (ranges.empty() || ranges.back().end <= static_cast<std::int64_t>(held)) done_ = done;
  } catch (const Error&) {
    // Whatever it was, it is not what we left: begin from the start.
  }
}

void PartialBlob::open_file() {
  if (descriptor_ >= 0) return;
  // What the sidecar does not vouch for is overwritten, so old bytes do no harm; but a link put
  // here must not lead elsewhere.
  descriptor_ = open(partial_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (descriptor_ < 0) fail_write(partial_, errno);
}

void PartialBlob::write(std::int64_t offset, std::span<const std::byte> data) {
  open_file();
  while (!data.empty()) {
    const ssize_t count = pwrite(descriptor_, data.data(), data.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_write(partial_, errno);
    done_.add({offset, offset + count});
    saved_ = false;
    offset += count;
    data = data.subspan(static_cast<std::size_t>(count));
  }
}

void PartialBlob::restart() {
  done_.clear();
  saved_ = false;
  save();
}

void PartialBlob::save() {
  if (saved_) return;
  boost::json::array edges;
  for (const ByteRange& range : done_.ranges()) {
    edges.emplace_back(range.begin);
    edges.emplace_back(range.end);
  }
  const boost::json::object root = {
      {"format", kFormat}, {"blob", blob_}, {"bytes", bytes_}, {"done", std::move(edges)}};
  // After a power cut the sidecar may be ahead of the data; the digest finds that out.
  const fs::path fresh = sidecar_.string() + ".new";
  std::ofstream stream(fresh, std::ios::binary | std::ios::trunc);
  stream << boost::json::serialize(root);
  stream.close();
  std::error_code status;
  if (stream) fs::rename(fresh, sidecar_, status);
  saved_ = stream && !status;
  if (!saved_) fs::remove(fresh, status);
}

void PartialBlob::flush() {
  open_file();
  // An earlier, wrong listing may have left a longer file behind.
  if (ftruncate(descriptor_, bytes_) != 0 || fsync(descriptor_) != 0) {
    fail_write(partial_, errno);
  }
}

void PartialBlob::publish() {
  std::error_code status;
  fs::rename(partial_, final_, status);
  if (status) fail("{}: cannot be put in place: {}", final_.string(), status.message());
  fs::remove(sidecar_, status);
  saved_ = true;
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

}  // namespace saccade::hub
