#include "server/response_format.h"

namespace saccade::server {

void read_response_format(Fields& fields, Request&) {
  std::optional<Fields> format = fields.object("response_format");
  if (!format) return;
  const std::string type = format->need_text("type");
  if (type != "text") {
    refuse_field(format->path("type"),
                 "{}: this server does not hold answers to a form yet: wanted \"text\", found "
                 "\"{}\"",
                 format->path("type"), type);
  }
  format->done();
}

}  // namespace saccade::server
