// What users of a server feel: how long until the first word, how even the words come, how many at
// once.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/serve_client.h"
#include "saccade/bench.h"

namespace saccade::cli {

struct ServeBenchOptions {
  std::string model;                         ///< how requests call it
  PictureSize picture = {1024, 768};         ///< 0 x 0: the model takes none
  std::int64_t system_tokens = 2500;         ///< about so many, in a system prompt
  std::vector<std::int64_t> streams = {16};  ///< at once
  std::int64_t answer_tokens = 64;
  int repeat = 5;
  /// Tokens a second of one answer of an engine without a server, which the caller has measured
  /// with ServeBench::short_question; none: it is not compared.
  std::vector<double> engine_rates;
};

/// The distribution of what was measured.
struct ServeRow {
  std::string what;
  std::string unit;  ///< "ms", "tokens/s", "requests/s"
  double p50 = 0.0, p95 = 0.0, p99 = 0.0;
  std::int64_t count = 0;
  /// Against the row that it is compared with: how many times as fast (or, of gaps, as long).
  double ratio = 0.0;
  std::string ratio_to;  ///< that row; empty: none
  std::string note;
};

struct ServeReport {
  std::vector<ServeRow> rows;
  /// Answers that were asked for more than once, and of those the ones that were not the same.
  std::int64_t compared = 0;
  std::int64_t different = 0;
};

/// Percentile by the nearest rank of values, of which there is at least one.
double percentile(std::vector<double> values, double percent);

/// Measures through HTTP. Prompts and pictures are new ones in each run unless their coming again
/// is what is measured, so that nothing is warm that would be cold; everything a warm row has asked
/// was answered cold before and both answers are compared. Throws Error for what the server
/// refuses, and Interrupted when a signal that an InterruptScope notes asks for the end.
class ServeBench {
 public:
  using Progress = std::function<void(const std::string& what, int done, int total)>;
  ServeBench(const ServeClient& client, const ServeBenchOptions& options, Progress progress);

  ServeReport run();

  /// A question that no other one begins like.
  static std::string short_question(std::uint64_t number);

 private:
  void measure_pictures();
  void measure_system_prompt();
  void measure_second_turn();
  void measure_streams();
  void measure_gaps();
  void measure_requests();
  /// As ServeClient::chat. Throws Interrupted where a signal came before its end.
  StreamedAnswer chat(const std::string& body, const ServeClient::OnText& on_text = {}) const;
  /// Each of `bodies` on a thread of its own. Returns the answers in their order.
  std::vector<StreamedAnswer> ask_together(const std::vector<std::string>& bodies) const;
  ServeRow& add_row(std::string what, std::string unit, std::vector<double> values);
  void compare(ServeRow& row, const std::string& other, bool faster);
  void same(const StreamedAnswer& cold, const StreamedAnswer& warm);

  boost::json::object photo(std::uint32_t seed) const;
  std::string body(boost::json::array messages, std::int64_t max_tokens) const;
  std::string ask(const std::string& question, std::uint32_t picture,
                  const std::string& system = {}, std::int64_t max_tokens = 16) const;
  std::string fresh_text(std::int64_t words);

  const ServeClient& client_;
  ServeBenchOptions options_;
  Progress progress_;
  ServeReport report_;
  std::uint32_t next_photo_ = 1;
  std::uint64_t next_word_ = 1;
};

}  // namespace saccade::cli
