#include "server/trace_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>

#include "base/error.h"
#include "server/request_log.h"

namespace saccade::server {
namespace {

constexpr std::size_t kMaxWaiting = std::size_t{4} << 20;  // some 20,000 spans
constexpr std::size_t kManyBytes = std::size_t{256} << 10;
constexpr std::chrono::milliseconds kPause{500};
constexpr int kProcess = 1;

int open_file(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) fail("--trace: {}: cannot be written: {}", path, std::strerror(errno));
  return file;
}

std::string quoted(std::string_view text) {
  return boost::json::serialize(boost::json::string(text));
}

/// Microseconds, which is what the format counts in.
double microseconds(TraceSpan::Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

/// An event that names something, such as a request's thread.
void add_name(std::string& lines, std::string_view what, std::int64_t thread,
              std::string_view name) {
  fmt::format_to(std::back_inserter(lines),
                 R"(,{}{{"ph":"M","name":"{}","pid":{},"tid":{},"args":{{"name":{}}}}})", '\n',
                 what, kProcess, thread, quoted(name));
}

void add_span(std::string& lines, const TraceSpan& span, TraceSpan::Clock::time_point start) {
  const auto out = std::back_inserter(lines);
  fmt::format_to(out, R"(,{}{{"ph":"X","name":"{}","cat":"request","pid":{},"tid":{},)", '\n',
                 span.name, kProcess, span.request);
  fmt::format_to(out, R"("ts":{:.3f},"dur":{:.3f},"args":{{)", microseconds(span.begin - start),
                 microseconds(span.end - span.begin));
  const char* separator = "";
  for (const TraceSpan::Argument& argument : span.arguments) {
    fmt::format_to(out, R"({}"{}":{})", separator, argument.name, argument.value);
    separator = ",";
  }
  if (!span.outcome.empty()) {
    fmt::format_to(out, R"({}"outcome":"{}")", separator, span.outcome);
  }
  lines += "}}";
}

}  // namespace

TraceFile::TraceFile(const std::string& path)
    : path_(path), file_(open_file(path)), start_(TraceSpan::Clock::now()) {
  // The first event, so that all others can begin with a comma.
  waiting_ = fmt::format(
      R"([{{"ph":"M","name":"process_name","pid":{},"tid":0,"args":{{"name":"saccade serve"}}}})",
      kProcess);
  thread_ = std::thread([this] { run(); });
}

TraceFile::~TraceFile() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
  close(file_);
}

void TraceFile::on_span(const TraceSpan& span) {
  std::string lines;
  if (!span.label.empty()) add_name(lines, "thread_name", span.request, span.label);
  add_span(lines, span, start_);
  const std::lock_guard lock(mutex_);
  if (failed_ || waiting_.size() + lines.size() > kMaxWaiting) {
    ++dropped_;
    return;
  }
  if (dropped_ > 0) {
    fmt::format_to(
        std::back_inserter(waiting_),
        R"(,{}{{"ph":"i","s":"g","name":"{} spans left out","pid":{},"tid":0,"ts":{:.3f}}})", '\n',
        dropped_, kProcess, microseconds(TraceSpan::Clock::now() - start_));
    dropped_ = 0;
  }
  waiting_ += lines;
  if (waiting_.size() > kManyBytes) changed_.notify_all();
}

void TraceFile::run() {
  for (bool ending = false; !ending;) {
    std::string text;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kPause, [this] { return ending_ || waiting_.size() > kManyBytes; });
      text.swap(waiting_);
      ending = ending_;
    }
    if (ending) text += "\n]\n";
    write_out(text);
  }
}

void TraceFile::write_out(const std::string& text) {
  std::size_t written = 0;
  while (written < text.size() && !failed_) {
    const ssize_t count = write(file_, text.data() + written, text.size() - written);
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      log_line(fmt::format("event=trace_failed file={} reason={}", log_text(path_),
                           log_text(std::strerror(errno))));
      const std::lock_guard lock(mutex_);
      failed_ = true;
    }
  }
}

}  // namespace saccade::server
