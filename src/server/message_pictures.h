// The pictures of one request: how many, and how closely they are looked at.
#pragma once

#include <string>
#include <string_view>

#include "saccade/request.h"
#include "server/fields.h"
#include "server/request_fields.h"

namespace saccade::server {

class MessagePictures {
 public:
  /// `context` outlives it.
  explicit MessagePictures(const ApiContext& context) : context_(context) {}

  /// Counted, and read as picture_from_url() and picture_from_base64() do; pictures of other
  /// machines are noted for later where they may be fetched. Throw ApiError.
  ImageBytes from_url(const std::string& url, const std::string& where);
  ImageBytes from_base64(std::string_view text, const std::string& where);
  /// The picture of a part {"type": "image_url", "image_url": {"url": ..., "detail": ...}}.
  ImageBytes read_image_url(Fields& part);
  /// Reads OpenAI's "detail": "low" is a budget of 512 x 512 pixels, for all pictures of a request
  /// or none. Throws ApiError.
  void read_detail(Fields& picture);
  /// Gives the request the budget that was asked for.
  void apply_budget(Request& request) const;

 private:
  void count(const std::string& where);

  const ApiContext& context_;
  int pictures_ = 0;
  int low_details_ = 0;  // pictures with "detail": "low"
  int other_details_ = 0;
};

}  // namespace saccade::server
