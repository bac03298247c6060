// What the commands of `saccade photos` do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "photos/deck_server.h"
#include "photos/exporter.h"
#include "photos/photo_list.h"

namespace saccade::cli {

struct PhotosAdd {
  std::string library;
  std::vector<std::string> paths;
  bool watch = false;  ///< goes on looking until Ctrl-C
};
int add_photos(const PhotosAdd& command);

struct PhotosWork {
  std::string library;
  bool until_idle = false;
};
int work_on_photos(const PhotosWork& command);

struct PhotosServe {
  std::string library;
  photos::DeckOptions options;
};
int serve_photos(const PhotosServe& command);

struct PhotosStatus {
  std::string library;
  bool json = false;
};
int show_photos_status(const PhotosStatus& command);

struct PhotosSearch {
  std::string library;
  photos::PhotoFilter filter;
  std::int64_t limit = 20;
  bool json = false;
};
int search_photos(const PhotosSearch& command);

struct PhotosExport {
  std::string library;
  photos::ExportOptions options;
};
int export_photos(const PhotosExport& command);

int verify_photos(const std::string& library);

struct PhotosRetry {
  std::string library;
  std::int64_t photo = 0;  ///< 0: all that did not work
  std::string tier;        ///< empty: all
  bool outdated = false;   ///< also what an older prompt, schema or model described
};
int retry_photos(const PhotosRetry& command);

}  // namespace saccade::cli
