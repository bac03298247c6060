// saccade bench-serve: what users of a server feel.
#include <boost/json.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/json_text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/listener.h"
#include "cli/numbers.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/serve_bench.h"
#include "cli/standard_streams.h"
#include "cli/table.h"
#include "server/server.h"

namespace saccade::cli {
namespace json = boost::json;
namespace {

constexpr const char* kExamples =
    "With MODEL a server is started in this process and asked through HTTP; --server asks one "
    "that\n"
    "runs already, which should have nothing else to do. Every picture and prompt is a new one "
    "unless\n"
    "its coming again is what is measured, and answers to the same question are compared.\n\n"
    "Examples:\n"
    "  saccade bench-serve glance\n"
    "  saccade bench-serve ./Qwen2.5-VL-3B-Instruct --picture 1024x768 --streams 16 --json\n"
    "  saccade bench-serve --server http://127.0.0.1:8080 --model qwen";

struct CommandOptions {
  std::string model;
  std::string server;
  std::string served_model;
  std::string api_key;
  EngineOptions engine;
  ServeBenchOptions bench;
  bool no_picture = false;
  bool json = false;
};

/// A server in this process, as `saccade serve` would run it.
class OwnServer {
 public:
  explicit OwnServer(const CommandOptions& options) : server_(serve_options(options)) {
    thread_ = std::thread([this] { server_.run(); });
  }
  ~OwnServer() {
    server_.stop();
    thread_.join();
  }
  std::string url() const { return server_.url(); }

 private:
  static server::ServeOptions serve_options(const CommandOptions& options) {
    server::ServeOptions serve;
    serve.models = {{options.model, "model"}};
    serve.engine = options.engine;
    serve.http.port = 0;
    serve.log = false;
    // Its clients are in this process as well: they leave first.
    serve.ends_on_signals = false;
    return serve;
  }

  server::Server server_;
  std::thread thread_;
};

/// Throws Interrupted where a signal asks for the end.
void look_for_signals() {
  if (interrupted()) throw Interrupted{interrupting_signal()};
}

/// Waits until a server has loaded its model. Throws Error when it cannot.
void wait_until_ready(const ServeClient& client) {
  for (;;) {
    look_for_signals();
    const json::value health = json::parse(client.get("/health"));
    const std::string status(health.at("status").as_string());
    if (status == "ready" || status == "busy") return;
    if (status != "loading") fail("the server is not ready: {}", json::serialize(health));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

/// Passes signals on to an engine.
class SignalListener : public Listener {
 public:
  void on_progress(Stage stage, std::int64_t /*done*/, std::int64_t /*total*/) override {
    // In these the engine asks cancelled().
    if (stage != Stage::kPrefill && stage != Stage::kDecode) look_for_signals();
  }
  bool cancelled() override { return interrupted(); }
};

/// What one answer of so many tokens takes an engine, prompt and all.
std::vector<double> engine_rates(const CommandOptions& options, ProgressLine& line) {
  SignalListener listener;
  Engine engine = Engine::load(options.model, options.engine, &listener);
  std::vector<double> rates;
  for (int i = 0; i <= options.bench.repeat; ++i) {
    line.show("engine alone: " + progress_bar(i, options.bench.repeat + 1), true);
    Request request;
    request.messages = {{"user", {ServeBench::short_question(1000 + i)}}};
    request.max_tokens = options.bench.answer_tokens;
    request.ignore_end = true;
    request.sampling.temperature = 0.0;
    const auto begin = std::chrono::steady_clock::now();
    const Result result = engine.generate(request, &listener);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    look_for_signals();
    // The first one warms up.
    if (i > 0) rates.push_back(static_cast<double>(result.token_ids.size()) / taken.count());
  }
  return rates;
}

std::string figure(double value) {
  return fmt::format("{:.4g}", value);
}

std::string ratio_text(const ServeRow& row) {
  if (row.ratio_to.empty()) return "";
  return fmt::format("{:.2f} x {}", row.ratio, row.ratio_to);
}

std::string report_text(const ServeReport& report) {
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kLeft,
               Align::kLeft, Align::kLeft});
  table.add_row({"", "p50", "p95", "p99", "", "", ""});
  for (const ServeRow& row : report.rows) {
    table.add_row({row.what, figure(row.p50), figure(row.p95), figure(row.p99), row.unit,
                   ratio_text(row), row.note});
  }
  return table.text() + fmt::format(
                            "{} answers were asked for again, {} of them came out "
                            "differently\n",
                            report.compared, report.different);
}

json::object report_json(const ServeReport& report) {
  json::array rows;
  for (const ServeRow& row : report.rows) {
    json::object item{{"what", row.what}, {"unit", row.unit}, {"p50", row.p50},
                      {"p95", row.p95},   {"p99", row.p99},   {"count", row.count}};
    if (!row.ratio_to.empty()) {
      item["ratio"] = row.ratio;
      item["ratio_to"] = row.ratio_to;
    }
    if (!row.note.empty()) item["note"] = row.note;
    rows.push_back(std::move(item));
  }
  return {
      {"rows", std::move(rows)}, {"compared", report.compared}, {"different", report.different}};
}

int run(CommandOptions options) {
  if (options.server.empty() == options.model.empty()) {
    fail_usage("bench-serve: wanted MODEL or --server URL, found {}",
               options.model.empty() ? "neither" : "both");
  }
  const InterruptScope interrupt_scope({SIGINT, SIGTERM});
  ProgressLine line(stderr_shows_progress());
  if (options.server.empty()) options.bench.engine_rates = engine_rates(options, line);
  std::optional<OwnServer> own;
  if (options.server.empty()) own.emplace(options);
  const ServeClient client(own ? own->url() : options.server, options.api_key);
  wait_until_ready(client);
  options.bench.model = own ? "model" : options.served_model;
  if (options.bench.model.empty()) {
    const json::value models = json::parse(client.get("/v1/models"));
    options.bench.model = models.at("data").at(0).at("id").as_string();
  }
  if (options.no_picture) options.bench.picture = {0, 0};
  ServeBench bench(client, options.bench, [&](const std::string& what, int done, int total) {
    line.show(what + ": " + progress_bar(done, total), true);
  });
  const ServeReport report = bench.run();
  line.erase();
  write_output(options.json ? json_text(report_json(report)) + "\n" : report_text(report));
  // Figures of wrong answers are worth nothing.
  return report.different == 0 ? kSuccess : kFailure;
}

void add_measures(CLI::App& command, CommandOptions& options) {
  ServeBenchOptions& bench = options.bench;
  add_value(
      command, "--picture", "WxH", "Size of the pictures (default 1024x768)",
      [&bench](const std::string& text) { bench.picture = parse_picture_size("--picture", text); });
  command.add_flag("--no-picture", options.no_picture, "Measure what asks with text alone");
  add_counts(command, "--streams", "--streams", "Answers at once (default 16)", bench.streams,
             1024);
  add_count(command, "--answer-tokens", 1, "Tokens of each of these answers (default 64)",
            [&bench](std::int64_t count) { bench.answer_tokens = count; });
  add_count(command, "--system-tokens", 1, "Length of system prompts (default 2500)",
            [&bench](std::int64_t count) { bench.system_tokens = count; });
  add_value(command, "--repeat", "N", "Runs of each measurement (default 5)",
            [&bench](const std::string& text) {
              bench.repeat = static_cast<int>(parse_integer("--repeat", text, 1, 1000));
            });
}

}  // namespace

void add_bench_serve_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("bench-serve", "Measure how a server answers, and check what it says");
  command->footer(kExamples);
  command->group("Commands");
  const auto options = std::make_shared<CommandOptions>();
  options->engine = engine_options_from_environment();
  command->add_option("MODEL", options->model, "What to serve: any MODEL that saccade run takes")
      ->type_name("");
  const auto add_local = [&] {
    add_device_options(*command, options->engine);
    add_threads_option(*command, options->engine);
  };
  const auto add_remote = [&] {
    command
        ->add_option("--model", options->served_model,
                     "With --server: what requests call the model (default: its first one)")
        ->type_name("NAME");
  };
  add_server_options(*command, options->server, options->api_key, add_local, add_remote);
  add_measures(*command, *options);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace saccade::cli
