#include "server/request_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <chrono>
#include <ctime>

#include "base/utf8.h"

namespace saccade::server {

std::string log_text(std::string_view text) {
  return boost::json::serialize(boost::json::string_view(valid_utf8(text)));
}

void log_line(std::string_view fields) {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - seconds).count();
  const std::string line =
      fmt::format("time={:%Y-%m-%dT%H:%M:%S}.{:03}Z {}\n",
                  fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), ms, fields);
  // One call a line, which the kernel keeps together. Nobody could be told that it failed.
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

void log_request(const RequestRecord& record) {
  std::string fields = fmt::format(
      "event=request id={} peer={} method={} path={} status={} "
      "total_ms={:.1f}",
      record.id, record.peer, log_text(record.method), log_text(record.path), record.status,
      record.total_ms);
  if (!record.outcome.empty()) fields += " outcome=" + record.outcome;
  if (!record.notes.empty()) fields += " " + record.notes;
  log_line(fields);
}

}  // namespace saccade::server
