#include "hub/pull.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "hub/answer.h"
#include "hub/cache_folder.h"
#include "hub/downloader.h"
#include "hub/names.h"
#include "hub/revision.h"
#include "hub/selection.h"

namespace saccade::hub {
namespace {

/// One pull from the Hub.
class Pull {
 public:
  Pull(const PullRequest& request, PullListener& listener, const Settings& settings)
      : request_(request), listener_(listener), settings_(settings), client_(settings) {}

  PullResult run();

 private:
  Revision fetch_revision();
  void complete(RemoteFile& file, const std::string& files_url);
  std::vector<RemoteFile> missing_files(const CacheFolder& folder, const Revision& revision) const;

  const PullRequest& request_;
  PullListener& listener_;
  const Settings& settings_;
  HttpClient client_;
};

Revision Pull::fetch_revision() {
  const std::string url =
      fmt::format("{}/api/models/{}/revision/{}?blobs=true", settings_.endpoint,
                  request_.repository, percent_encoded(request_.revision, false));
  const Document document =
      fetch(client_, settings_, request_, listener_, {url}, "revision " + request_.revision);
  return parse_revision(document.body, url);
}

/// Asks for size and ETag of a file whose listing lacks them, as mirrors' do.
void Pull::complete(RemoteFile& file, const std::string& files_url) {
  if (file.bytes >= 0 && !file.blob.empty()) return;
  HttpRequest request{files_url + percent_encoded(file.name, true)};
  request.head = true;
  const ResponseHead head = fetch(client_, settings_, request_, listener_, request, file.name).head;
  const bool linked = !head.linked_etag.empty();
  if (file.blob.empty()) file.blob = blob_name(linked ? head.linked_etag : head.etag);
  if (file.bytes < 0) file.bytes = head.linked_bytes.value_or(head.content_length.value_or(-1));
  if (file.bytes < 0 || file.blob.empty()) {
    fail("{}: {} does not say {} of {}; check HF_ENDPOINT", request_.repository, settings_.endpoint,
         file.bytes < 0 ? "the size" : "a usable ETag", file.name);
  }
}

/// The files whose blobs are not there, each blob once.
std::vector<RemoteFile> Pull::missing_files(const CacheFolder& folder,
                                            const Revision& revision) const {
  std::vector<RemoteFile> missing;
  std::set<std::string> blobs;
  for (const RemoteFile& file : revision.files) {
    if (folder.has(file)) {
      listener_.on_file({file.name, file.bytes}, true);
    } else if (blobs.insert(file.blob).second) {
      missing.push_back(file);
    }
  }
  // Small files are there at once, and the pieces of large ones keep all connections busy to the
  // end.
  std::stable_sort(missing.begin(), missing.end(),
                   [](const RemoteFile& a, const RemoteFile& b) { return a.bytes < b.bytes; });
  return missing;
}

PullResult Pull::run() {
  Revision revision = fetch_revision();
  revision.files = select_files(request_, revision.files, listener_);
  const std::string files_url =
      fmt::format("{}/{}/resolve/{}/", settings_.endpoint, request_.repository, revision.commit);
  for (RemoteFile& file : revision.files) complete(file, files_url);
  const CacheFolder folder(settings_.cache, request_.repository, listener_);
  PullResult result;
  {
    Downloader downloader(client_, settings_, request_, listener_, files_url, folder.blobs());
    result.received_bytes = downloader.run(missing_files(folder, revision));
  }
  // Last, so that nobody finds a snapshot that lacks files.
  result.snapshot = folder.link(revision).string();
  if (request_.revision != revision.commit) {
    folder.set_reference(request_.revision, revision.commit);
  }
  result.complete = true;
  result.commit = revision.commit;
  result.files = static_cast<std::int64_t>(revision.files.size());
  for (const RemoteFile& file : revision.files) result.bytes += file.bytes;
  return result;
}

}  // namespace

PullResult pull(const PullRequest& request, PullListener& listener, const Settings& settings) {
  check_repository(request.repository);
  check_revision(request.revision);
  if (settings.offline) {
    fail("{}: not pulled: HF_HUB_OFFLINE forbids connections; unset it to go online",
         request.repository);
  }
  try {
    return Pull(request, listener, settings).run();
  } catch (const Cancelled&) {
    return {};
  }
}

PullResult pull(const PullRequest& request, PullListener& listener) {
  return pull(request, listener, settings_from_environment());
}

}  // namespace saccade::hub
