// Any bytes as what a Hub answers: a listing, header lines, an ETag.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "hub/headers.h"
#include "hub/names.h"
#include "hub/revision.h"

namespace {

using namespace saccade::hub;

/// A name that is taken for safe must stay below the folder it is put in.
void check_path(std::string_view name) {
  if (!is_safe_path(name)) return;
  const std::filesystem::path root = "/cache/snapshot";
  const std::filesystem::path path = (root / name).lexically_normal();
  if (!path.string().starts_with("/cache/snapshot/")) std::abort();
}

void check_listing(std::string_view text) {
  try {
    const Revision revision = parse_revision(text, "listing");
    if (!is_object_id(revision.commit)) std::abort();
    for (const RemoteFile& file : revision.files) {
      check_path(file.name);
      if (file.bytes < -1) std::abort();
      if (!file.blob.empty() && !is_object_id(file.blob)) std::abort();
    }
  } catch (const saccade::Error&) {
  }
}

void check_headers(std::string_view text) {
  ResponseHead head;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    read_header_line(line, head);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  if (head.status < 0 || head.content_length.value_or(0) < 0) std::abort();
  if (head.content_range && head.content_range->range.size() <= 0) std::abort();
  const std::string blob = blob_name(head.etag);
  if (!blob.empty() && (!is_safe_path(blob) || blob.find('/') != std::string::npos)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_listing(text);
  check_headers(text);
  check_path(text);
  return 0;
}
