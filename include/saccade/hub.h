// Downloading a model from the Hugging Face Hub. Nothing else in Saccade opens a connection.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "saccade/error.h"

namespace saccade::hub {

struct PullRequest {
  std::string repository;         ///< ORG/NAME
  std::string revision = "main";  ///< branch, tag or commit
  /// Files to take, as shell patterns in which * also matches /; none: what Saccade reads.
  std::vector<std::string> include;
};

/// A file as the Hub lists it.
struct FileInfo {
  std::string name;         ///< path within the repository
  std::int64_t bytes = -1;  ///< -1: the Hub does not say
};

struct PullProgress {
  std::int64_t done_bytes = 0;      ///< of this pull's files, with what earlier pulls left
  std::int64_t total_bytes = 0;     ///< of all files that were not complete at the start
  std::int64_t received_bytes = 0;  ///< came over the network in this pull
  bool checking = false;            ///< everything is here and is being checked
};

/// Follows a download. Called on the thread that called pull().
class PullListener {
 public:
  virtual ~PullListener() = default;
  /// Several times a second while files are downloaded.
  virtual void on_progress(const PullProgress& /*progress*/) {}
  /// A file is complete and checked; `already_there`: an earlier pull had fetched it.
  virtual void on_file(const FileInfo& /*file*/, bool /*already_there*/) {}
  /// One line about something that takes time: a retry, another pull that has to end first.
  virtual void on_notice(const std::string& /*line*/) {}
  /// The request does not say which files it wants; pull() throws after this.
  virtual void on_choice_needed(const std::vector<FileInfo>& /*files*/) {}
  /// Asked several times a second; true ends the pull and keeps what came so far.
  virtual bool cancelled() { return false; }
};

struct PullResult {
  bool complete = false;  ///< false: cancelled; the rest below is empty then
  std::string snapshot;   ///< the directory that holds the files
  std::string commit;     ///< what the revision stood for
  std::int64_t files = 0;
  std::int64_t bytes = 0;           ///< of all files
  std::int64_t received_bytes = 0;  ///< over the network
};

/// Downloads a model's files into the local Hugging Face cache, where `ORG/NAME` and other programs
/// find it. What is complete is not fetched again, what is in part goes on, every file is checked
/// by size and digest, and the snapshot appears when all its files are there. Honours HF_ENDPOINT,
/// HF_TOKEN, HF_TOKEN_PATH, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE. Throws Error.
PullResult pull(const PullRequest& request, PullListener& listener);

}  // namespace saccade::hub
