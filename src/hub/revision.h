// What the Hub says about a revision of a repository.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::hub {

/// A file of a repository.
struct RemoteFile {
  std::string name;         ///< as the server gives it: check before use as a path
  std::int64_t bytes = -1;  ///< -1: not said
  /// Its name under blobs/, which is its ETag: SHA-256 of a large file, git's object id of a small
  /// one. Empty: not said.
  std::string blob;
};

struct Revision {
  std::string commit;
  std::vector<RemoteFile> files;
};

/// Reads the answer of /api/models/ORG/NAME/revision/REV; `where` names it in errors. Throws Error
/// for what is not as it must be.
Revision parse_revision(std::string_view text, const std::string& where);

}  // namespace saccade::hub
