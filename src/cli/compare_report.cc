#include "cli/compare_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/listener.h"
#include "cli/numbers.h"
#include "cli/result_json.h"
#include "cli/table.h"

namespace saccade::cli {
namespace json = boost::json;
namespace {

std::string rate_text(double tokens_per_second) {
  return fmt::format("{:.1f} tokens/s", tokens_per_second);
}

/// Small divergences matter as much as large ones, so significant digits and not decimals.
std::string nats(double value) {
  return fmt::format("{:.3g} nats", value);
}

std::string share_text(double share) {
  return fmt::format("{:.2f} %", share * 100.0);
}

Table models_table(const CompareReport& report) {
  const CompareSide& a = report.a;
  const CompareSide& b = report.b;
  Table table({Align::kLeft, Align::kLeft, Align::kLeft});
  table.add_row({"", "A", "B"});
  table.add_row({"model", a.model, b.model});
  table.add_row({"size", short_bytes(a.bytes),
                 fmt::format("{}, {} of A", short_bytes(b.bytes), percent(b.bytes, a.bytes))});
  table.add_row({"device", a.device, b.device});
  table.add_row({"load", duration(a.load_ms), duration(b.load_ms)});
  if (a.vision_ms > 0.0 || b.vision_ms > 0.0) {
    table.add_row({"image encoding", duration(a.vision_ms), duration(b.vision_ms)});
  }
  table.add_row(
      {"prefill", rate_text(a.prefill_tokens_per_second), rate_text(b.prefill_tokens_per_second)});
  table.add_row(
      {"decode", rate_text(a.decode_tokens_per_second), rate_text(b.decode_tokens_per_second)});
  return table;
}

json::object side_json(const CompareSide& side) {
  return {{"model", side.model},
          {"device", side.device},
          {"bytes", side.bytes},
          {"load_ms", rounded(side.load_ms)},
          {"vision_ms", rounded(side.vision_ms)},
          {"prefill_tokens_per_second", rounded(side.prefill_tokens_per_second)},
          {"decode_tokens_per_second", rounded(side.decode_tokens_per_second)}};
}

}  // namespace

std::string compare_text(const CompareReport& report) {
  const Divergence& divergence = report.divergence;
  Table found({Align::kLeft, Align::kLeft});
  found.add_row({"KL(A||B) mean", nats(divergence.mean)});
  found.add_row({"median", nats(divergence.median)});
  found.add_row({"99th percentile", nats(divergence.p99)});
  found.add_row({"largest", nats(divergence.max)});
  found.add_row({"same token", share_text(report.same_tokens) + " of positions"});
  found.add_row({"same answer", share_text(report.same_answers) + " of answers"});
  found.add_row({"before a difference", share_text(report.same_prefix) + " of tokens"});
  if (report.tower_error) {
    found.add_row(
        {"tower's error", fmt::format("{:.3g} mean, {:.3g} largest", report.tower_error->mean,
                                      report.tower_error->max)});
  }
  return models_table(report).text() +
         fmt::format("\nOver {} positions in {} answer{} of A, {} tokens to choose from\n",
                     thousands(report.positions), thousands(report.questions),
                     report.questions == 1 ? "" : "s", thousands(report.vocab_size)) +
         found.text();
}

json::object compare_json(const CompareReport& report) {
  const Divergence& divergence = report.divergence;
  json::object object = {{"a", side_json(report.a)},
                         {"b", side_json(report.b)},
                         {"questions", report.questions},
                         {"positions", report.positions},
                         {"vocab_size", report.vocab_size},
                         {"kl_divergence",
                          {{"mean", divergence.mean},
                           {"median", divergence.median},
                           {"p99", divergence.p99},
                           {"max", divergence.max}}},
                         {"same_tokens", report.same_tokens},
                         {"same_answers", report.same_answers},
                         {"same_prefix", report.same_prefix}};
  if (report.tower_error) {
    object["tower_error"] = {{"mean", report.tower_error->mean}, {"max", report.tower_error->max}};
  }
  return object;
}

std::string compare_progress_text(const CompareProgress& progress) {
  const char* model = progress.reference ? "A" : "B";
  if (progress.loading) {
    const std::int64_t share = progress.total > 0 ? progress.done * 100 / progress.total : 0;
    return fmt::format("{}: loading, {} %", model, std::min<std::int64_t>(100, share));
  }
  return fmt::format("{}: {} question {} of {}", model, progress_bar(progress.done, progress.total),
                     progress.done + 1, progress.total);
}

}  // namespace saccade::cli
