// The trace as a file.
#include "server/trace_file.h"

#include <gmock/gmock.h>

#include "base/json.h"
#include "patience.h"
#include "saccade/error.h"
#include "temporary_directory.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using std::chrono::microseconds;

json::array events_of(const std::string& text) {
  return json::parse(text).as_array();
}

TEST(TraceFile, IsJsonOfEverySpan) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("trace.json");
  {
    TraceFile trace(path);
    const auto begin = TraceSpan::Clock::now();
    const std::vector<TraceSpan::Argument> arguments = {{"tokens", 7}, {"more", -1}};
    trace.on_span({3, "prefill", begin, begin + microseconds(1500), arguments});
    trace.on_span(
        {3, "request", begin, begin + microseconds(2000), arguments, "a \"label\"", "stop"});
  }
  const json::array events = events_of(read_text_file(path));
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].at("ph").as_string(), "M");
  const json::value& prefill = events[1];
  EXPECT_EQ(prefill.at("ph").as_string(), "X");
  EXPECT_EQ(prefill.at("name").as_string(), "prefill");
  EXPECT_EQ(prefill.at("tid").as_int64(), 3);
  EXPECT_EQ(prefill.at("dur").to_number<double>(), 1500.0);
  EXPECT_GE(prefill.at("ts").to_number<double>(), 0.0);
  EXPECT_EQ(prefill.at("args"), (json::value{{"tokens", 7}, {"more", -1}}));
  EXPECT_EQ(events[2].at("args").at("name").as_string(), "a \"label\"");
  EXPECT_EQ(events[3].at("args").at("outcome").as_string(), "stop");
}

/// What is there while it is being written is a trace but for its end.
TEST(TraceFile, IsWrittenAsItGoes) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("trace.json");
  TraceFile trace(path);
  const auto now = TraceSpan::Clock::now();
  trace.on_span({1, "decode", now, now, {}});
  std::string text;
  eventually([&] {
    text = read_text_file(path);
    return text.find("decode") != std::string::npos;
  });
  EXPECT_EQ(events_of(text + "]").size(), 2u);
}

TEST(TraceFile, LeavesOutWhatTheDiskDoesNotTakeInTime) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("trace.json");
  const int kSpans = 200'000;
  {
    TraceFile trace(path);
    const auto now = TraceSpan::Clock::now();
    for (int i = 0; i < kSpans; ++i) trace.on_span({i, "decode", now, now, {}});
  }
  std::int64_t written = 0, left_out = 0;
  for (const json::value& event : events_of(read_text_file(path))) {
    written += event.at("ph").as_string() == "X";
    if (event.at("ph").as_string() == "i") {
      left_out += std::stoll(std::string(event.at("name").as_string()));
    }
  }
  EXPECT_GT(written, 1000);
  EXPECT_LE(written + left_out, kSpans);
}

TEST(TraceFile, SaysWhereItCannotBeWritten) {
  EXPECT_THROW(TraceFile("/nowhere/trace.json"), Error);
}

}  // namespace
}  // namespace saccade::server
