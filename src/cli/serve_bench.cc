#include "cli/serve_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <future>
#include <thread>
#include <utility>

#include "base/error.h"
#include "cli/interrupt.h"
#include "server/base64.h"

namespace saccade::cli {
namespace json = boost::json;
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kQuestion = "Describe this picture in one sentence.";
constexpr const char* kOtherQuestion = "Which colours do you see, and where are they?";
constexpr std::int64_t kShortAnswer = 16;
// Of fresh_text, whose words are numbers: most tokenizers part them into digits.
constexpr double kTokensPerWord = 5.3;
// A stream whose gaps are measured must outlast the pictures beside it.
constexpr std::int64_t kLongAnswer = 4000;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

json::object message(const char* role, json::value content) {
  return {{"role", role}, {"content", std::move(content)}};
}
json::array only_text(const std::string& text) {
  json::array messages;
  messages.push_back(message("user", json::string(text)));
  return messages;
}

}  // namespace

double percentile(std::vector<double> values, double percent) {
  std::ranges::sort(values);
  const auto rank =
      static_cast<std::size_t>(std::ceil(percent / 100.0 * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

ServeBench::ServeBench(const ServeClient& client, const ServeBenchOptions& options,
                       Progress progress)
    : client_(client), options_(options), progress_(std::move(progress)) {}

ServeReport ServeBench::run() {
  // What is made when it is first needed should not count: a process that has served is measured.
  (void)chat(body(only_text(fresh_text(8)), 4));
  if (options_.picture.width > 0) {
    (void)chat(ask(kQuestion, next_photo_++));
    measure_pictures();
    measure_system_prompt();
    measure_second_turn();
    measure_gaps();
  }
  measure_streams();
  measure_requests();
  return std::move(report_);
}

StreamedAnswer ServeBench::chat(const std::string& body, const ServeClient::OnText& on_text) const {
  StreamedAnswer answer = client_.chat(body, [&](const std::string& piece) {
    return !interrupted() && (!on_text || on_text(piece));
  });
  if (interrupted()) throw Interrupted{interrupting_signal()};
  return answer;
}

json::object ServeBench::photo(std::uint32_t seed) const {
  const ImageBytes image = bench_photo(options_.picture, seed);
  return {{"type", "image_url"},
          {"image_url", {{"url", "data:image/jpeg;base64," + server::encode_base64(image.bytes)}}}};
}

std::string ServeBench::body(json::array messages, std::int64_t max_tokens) const {
  return json::serialize(json::object{{"model", options_.model},
                                      {"messages", std::move(messages)},
                                      {"max_tokens", max_tokens},
                                      {"ignore_eos", true},
                                      {"temperature", 0},
                                      {"stream", true},
                                      {"stream_options", {{"include_usage", true}}}});
}

std::string ServeBench::ask(const std::string& question, std::uint32_t picture,
                            const std::string& system, std::int64_t max_tokens) const {
  json::array messages;
  if (!system.empty()) messages.push_back(message("system", json::string(system)));
  messages.push_back(
      message("user", json::array{photo(picture), {{"type", "text"}, {"text", question}}}));
  return body(std::move(messages), max_tokens);
}

std::string ServeBench::short_question(std::uint64_t number) {
  return fmt::format("{}: tell me a story.", number * 2654435761u % 100'000u);
}

/// Words that no request before had at its beginning.
std::string ServeBench::fresh_text(std::int64_t words) {
  std::string text;
  for (std::int64_t i = 0; i < words; ++i) {
    next_word_ = next_word_ * 6364136223846793005u + 1442695040888963407u;
    text += fmt::format("{}{}", i > 0 ? " " : "", next_word_ >> 50);
  }
  return text;
}

ServeRow& ServeBench::add_row(std::string what, std::string unit, std::vector<double> values) {
  ServeRow row{std::move(what), std::move(unit)};
  row.count = std::ssize(values);
  row.p50 = percentile(values, 50);
  row.p95 = percentile(values, 95);
  row.p99 = percentile(std::move(values), 99);
  report_.rows.push_back(std::move(row));
  return report_.rows.back();
}

void ServeBench::compare(ServeRow& row, const std::string& other, bool faster) {
  const auto found = std::ranges::find(report_.rows, other, &ServeRow::what);
  row.ratio = faster ? found->p50 / row.p50 : row.p50 / found->p50;
  row.ratio_to = other;
}

void ServeBench::same(const StreamedAnswer& cold, const StreamedAnswer& warm) {
  ++report_.compared;
  if (cold.text != warm.text) ++report_.different;
}

void ServeBench::measure_pictures() {
  std::vector<double> cold, again, other;
  std::int64_t tokens = 0;
  for (int i = 0; i < options_.repeat; ++i) {
    progress_("pictures", i, options_.repeat);
    const std::uint32_t picture = next_photo_++;
    const StreamedAnswer first = chat(ask(kQuestion, picture));
    const StreamedAnswer same_request = chat(ask(kQuestion, picture));
    const StreamedAnswer question = chat(ask(kOtherQuestion, picture));
    same(first, same_request);
    tokens = first.prompt_tokens;
    cold.push_back(first.first_ms);
    again.push_back(same_request.first_ms);
    other.push_back(question.first_ms);
  }
  add_row("new picture", "ms", cold).note = fmt::format("{} tokens", tokens);
  compare(add_row("same request again", "ms", again), "new picture", true);
  compare(add_row("same picture, other question", "ms", other), "new picture", true);
}

void ServeBench::measure_system_prompt() {
  const auto words =
      static_cast<std::int64_t>(static_cast<double>(options_.system_tokens) / kTokensPerWord);
  std::vector<double> cold, warm;
  std::int64_t cached = 0;
  for (int i = 0; i < options_.repeat; ++i) {
    progress_("system prompts", i, options_.repeat);
    const std::string system = fresh_text(words);
    cold.push_back(chat(ask(kQuestion, next_photo_++, system)).first_ms);
    const StreamedAnswer second = chat(ask(kQuestion, next_photo_++, system));
    warm.push_back(second.first_ms);
    cached = second.cached_tokens;
  }
  add_row("system prompt and picture, both new", "ms", cold);
  ServeRow& row = add_row("same system prompt, new picture", "ms", warm);
  row.note = fmt::format("{} tokens of the prompt were there", cached);
  compare(row, "new picture", true);
}

void ServeBench::measure_second_turn() {
  std::vector<double> second;
  std::int64_t computed = 0;
  for (int i = 0; i < options_.repeat; ++i) {
    progress_("second turns", i, options_.repeat);
    const std::uint32_t picture = next_photo_++;
    const StreamedAnswer first = chat(ask(kQuestion, picture));
    json::array messages;
    messages.push_back(
        message("user", json::array{photo(picture), {{"type", "text"}, {"text", kQuestion}}}));
    messages.push_back(message("assistant", json::string(first.text)));
    messages.push_back(message("user", kOtherQuestion));
    const StreamedAnswer turn = chat(body(std::move(messages), kShortAnswer));
    second.push_back(turn.first_ms);
    computed = turn.prompt_tokens - turn.cached_tokens;
  }
  ServeRow& row = add_row("second turn", "ms", second);
  row.note = fmt::format("{} tokens were read", computed);
  compare(row, "new picture", true);
}

std::vector<StreamedAnswer> ServeBench::ask_together(const std::vector<std::string>& bodies) const {
  std::vector<std::future<StreamedAnswer>> asked;
  for (const std::string& body : bodies) {
    asked.push_back(std::async(std::launch::async, [this, &body] { return chat(body); }));
  }
  std::vector<StreamedAnswer> answers;
  for (auto& answer : asked) answers.push_back(answer.get());
  return answers;
}

/// Tokens a second from the moment when all answers have begun to that when the first one ends
/// would leave out who waits: counted is everything, prompts included.
void ServeBench::measure_streams() {
  std::vector<std::int64_t> counts = {1};
  for (const std::int64_t streams : options_.streams) {
    if (streams > 1) counts.push_back(streams);
  }
  for (const std::int64_t streams : counts) {
    const std::string what = fmt::format("{} stream{}", streams, streams == 1 ? "" : "s");
    std::vector<double> rates;
    for (int i = 0; i < options_.repeat; ++i) {
      progress_(what, i, options_.repeat);
      std::vector<std::string> bodies;
      for (std::int64_t s = 0; s < streams; ++s) {
        bodies.push_back(body(only_text(short_question(next_word_++)), options_.answer_tokens));
      }
      const Clock::time_point begin = Clock::now();
      std::int64_t tokens = 0;
      const std::vector<StreamedAnswer> answers = ask_together(bodies);
      const double seconds = seconds_since(begin);
      for (const StreamedAnswer& answer : answers) tokens += answer.completion_tokens;
      rates.push_back(static_cast<double>(tokens) / seconds);
      if (i > 0) continue;
      // Each alone says the same as in company.
      for (std::size_t s = 0; s < answers.size() && streams > 1; s += answers.size() / 2) {
        same(answers[s], chat(bodies[s]));
      }
    }
    if (streams == 1 && !options_.engine_rates.empty()) {
      add_row("engine alone", "tokens/s", options_.engine_rates);
    }
    ServeRow& row = add_row(what, "tokens/s", rates);
    if (streams > 1) {
      compare(row, "1 stream", false);
    } else if (!options_.engine_rates.empty()) {
      compare(row, "engine alone", false);
    }
  }
}

void ServeBench::measure_gaps() {
  const auto gaps_beside = [&](int pictures) {
    std::atomic<bool> done = false;
    auto stream =
        std::async(std::launch::async, [&, question = body(only_text(fresh_text(8)), kLongAnswer)] {
          return chat(question, [&](const std::string&) { return !done.load(); });
        });
    // Its end waits for the stream, so what throws below must end that first.
    struct EndsStream {
      std::atomic<bool>& done;
      ~EndsStream() { done = true; }
    };
    const EndsStream ends_stream{done};
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const Clock::time_point begin = Clock::now();
    if (pictures > 0) {
      std::vector<std::string> bodies;
      for (int i = 0; i < pictures; ++i) bodies.push_back(ask(kQuestion, next_photo_++));
      (void)ask_together(bodies);
    } else {
      while (seconds_since(begin) < 5.0 && !interrupted()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    }
    done = true;
    return stream.get().gaps_ms;
  };
  progress_("gaps between tokens", 0, 2);
  add_row("gap between tokens, idle", "ms", gaps_beside(0));
  progress_("gaps between tokens", 1, 2);
  ServeRow& row = add_row("gap while 2 pictures are read", "ms", gaps_beside(2));
  const auto idle = std::ranges::find(report_.rows, "gap between tokens, idle", &ServeRow::what);
  row.ratio = row.p99 / idle->p99;
  row.ratio_to = idle->what;
  row.note = "ratio of the 99th percentiles";
}

void ServeBench::measure_requests() {
  const bool pictures = options_.picture.width > 0;
  const std::int64_t connections = options_.streams.empty() ? 16 : options_.streams.back();
  const std::string request =
      pictures ? ask(kQuestion, next_photo_++) : body(only_text(fresh_text(8)), kShortAnswer);
  const StreamedAnswer first = chat(request);
  std::vector<double> rates;
  for (int i = 0; i < options_.repeat; ++i) {
    progress_("requests", i, options_.repeat);
    const std::vector<std::string> bodies(static_cast<std::size_t>(connections), request);
    const Clock::time_point begin = Clock::now();
    const std::vector<StreamedAnswer> answers = ask_together(bodies);
    rates.push_back(static_cast<double>(connections) / seconds_since(begin));
    for (const StreamedAnswer& answer : answers) same(first, answer);
  }
  add_row(fmt::format("{} connections, {}", connections,
                      pictures ? "a known picture" : "a known prompt"),
          "requests/s", rates)
      .note = fmt::format("{} tokens each", kShortAnswer);
}

}  // namespace saccade::cli
