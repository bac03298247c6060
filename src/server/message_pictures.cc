#include "server/message_pictures.h"

#include <algorithm>

#include "server/pictures.h"

namespace saccade::server {
namespace {

// OpenAI shows a model a picture of 512 x 512 pixels for "detail": "low".
constexpr std::int64_t kLowDetailPixels = 512 * 512;

}  // namespace

void MessagePictures::count(const std::string& where) {
  if (++pictures_ > context_.options.limits.max_images) {
    refuse_field(where, "{}: this server takes at most {} pictures in a request", where,
                 context_.options.limits.max_images);
  }
}

ImageBytes MessagePictures::from_url(const std::string& url, const std::string& where) {
  count(where);
  const bool fetches = context_.remote_pictures && !context_.options.remote_hosts.empty();
  if (fetches && is_remote(url)) {
    RemotePicture picture{url, where};
    check_remote_url(picture, RemoteHosts(context_.options.remote_hosts));
    context_.remote_pictures->push_back(std::move(picture));
    return {{}, where};
  }
  return picture_from_url(url, where, context_.options);
}

ImageBytes MessagePictures::from_base64(std::string_view text, const std::string& where) {
  count(where);
  return picture_from_base64(text, where);
}

ImageBytes MessagePictures::read_image_url(Fields& part) {
  part.need("image_url");
  Fields picture = *part.object("image_url");
  read_detail(picture);
  ImageBytes image = from_url(picture.need_text("url"), picture.path("url"));
  picture.done();
  return image;
}

void MessagePictures::read_detail(Fields& picture) {
  const std::string detail = picture.text("detail").value_or("auto");
  if (detail != "auto" && detail != "low" && detail != "high") {
    refuse_field(picture.path("detail"), "{}: wanted auto, low or high, found \"{}\"",
                 picture.path("detail"), detail);
  }
  ++(detail == "low" ? low_details_ : other_details_);
  if (low_details_ > 0 && other_details_ > 0) {
    refuse_field(picture.path("detail"),
                 "{}: the pictures of a request have one budget: wanted \"low\" for all or none",
                 picture.path("detail"));
  }
}

void MessagePictures::apply_budget(Request& request) const {
  if (low_details_ == 0) return;
  request.max_pixels = std::min(request.max_pixels.value_or(kLowDetailPixels), kLowDetailPixels);
}

}  // namespace saccade::server
