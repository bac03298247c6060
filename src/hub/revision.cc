#include "hub/revision.h"

#include "base/error.h"
#include "base/json.h"
#include "hub/names.h"

namespace saccade::hub {
namespace {

// No file is larger; sums of thousands of them stay far from overflow.
constexpr std::int64_t kMaxFileBytes = std::int64_t{1} << 46;

std::string object_id(const JsonObject& object, std::string_view key) {
  std::string id = object.string(key);
  if (!is_object_id(id)) {
    fail("{}: \"{}\" must be 40 or 64 hexadecimal digits, found \"{}\"", object.where(), key,
         id.substr(0, 80));
  }
  return id;
}

RemoteFile parse_file(const boost::json::value& value, const std::string& where) {
  const JsonObject sibling(value, where);
  RemoteFile file;
  file.name = sibling.string("rfilename");
  if (sibling.has("size")) file.bytes = sibling.integer_in("size", 0, kMaxFileBytes);
  if (sibling.has("lfs")) {
    const JsonObject lfs = sibling.object("lfs");
    file.blob = object_id(lfs, "sha256");
    if (lfs.has("size")) file.bytes = lfs.integer_in("size", 0, kMaxFileBytes);
  } else if (sibling.has("blobId")) {
    file.blob = object_id(sibling, "blobId");
  }
  return file;
}

}  // namespace

Revision parse_revision(std::string_view text, const std::string& where) {
  const boost::json::value document = parse_json(text, where);
  const JsonObject root(document, where);
  Revision revision;
  revision.commit = object_id(root, "sha");
  const boost::json::value& siblings = root.at("siblings");
  if (!siblings.is_array()) fail("{}: \"siblings\" must be a list of files", where);
  for (const boost::json::value& sibling : siblings.get_array()) {
    revision.files.push_back(
        parse_file(sibling, fmt::format("{}: siblings[{}]", where, revision.files.size())));
  }
  return revision;
}

}  // namespace saccade::hub
