// A blob of the cache while it is being downloaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "hub/ranges.h"

namespace saccade::hub {

/// A file that fills up in any order, with a sidecar that says which bytes of it are there, so that
/// a later pull goes on where this one ended, however it ended.
///
/// Its name is not huggingface_hub's `<blob>.incomplete`: that program takes such a file for the
/// beginning of the blob and would append to ours, which has holes.
class PartialBlob {
 public:
  /// Takes up what an earlier pull left under `blobs`. A sidecar that is torn, or of another blob
  /// or size, or says more than the file holds, counts as none.
  PartialBlob(const std::filesystem::path& blobs, std::string blob, std::int64_t bytes);
  ~PartialBlob();
  PartialBlob(const PartialBlob&) = delete;
  PartialBlob& operator=(const PartialBlob&) = delete;

  const std::filesystem::path& path() const { return partial_; }
  std::int64_t done_bytes() const { return done_.size(); }
  std::vector<ByteRange> missing() const { return done_.missing(bytes_); }

  /// Puts bytes in their place. Throws Error; a full disk is named as such.
  void write(std::int64_t offset, std::span<const std::byte> data);
  /// Forgets all bytes: they are not what they should be.
  void restart();
  /// Brings the sidecar up to date. Not able to is no error: a later pull has more to fetch then.
  void save();
  /// Waits until the bytes are on the disk. Throws Error.
  void flush();
  /// Gives the complete and checked file its final name. Throws Error.
  void publish();

 private:
  void load();
  void open_file();

  std::string blob_;
  std::int64_t bytes_;
  std::filesystem::path final_;
  std::filesystem::path partial_;
  std::filesystem::path sidecar_;
  ByteRanges done_;
  bool saved_ = true;  // the sidecar says what done_ says
  int descriptor_ = -1;
};

}  // namespace saccade::hub
