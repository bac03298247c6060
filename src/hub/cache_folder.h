// A model's folder in the local Hugging Face cache.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hub/revision.h"
#include "saccade/hub.h"

namespace saccade::hub {

/// models--ORG--NAME with blobs/, snapshots/ and refs/, as huggingface_hub lays them out. One pull
/// at a time works on it.
class CacheFolder {
 public:
  /// Makes the folder and waits until no other pull works on it. Throws Error or Cancelled.
  CacheFolder(const std::filesystem::path& cache, const std::string& repository,
              PullListener& listener);
  ~CacheFolder();
  CacheFolder(const CacheFolder&) = delete;
  CacheFolder& operator=(const CacheFolder&) = delete;

  std::filesystem::path blobs() const { return root_ / "blobs"; }
  /// Whether the file's blob is complete: it has its size, and it had its digest when it was put
  /// there.
  bool has(const RemoteFile& file) const;
  /// Makes the links of a snapshot, all of whose blobs are there. Returns its directory.
  std::filesystem::path link(const Revision& revision) const;
  /// Notes what a branch or tag stands for.
  void set_reference(const std::string& revision, const std::string& commit) const;

 private:
  void lock(const std::filesystem::path& path, const std::string& repository,
            PullListener& listener);

  std::filesystem::path root_;
  int lock_ = -1;
};

}  // namespace saccade::hub
