#include "cli/reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "cli/numbers.h"
#include "cli/result_json.h"
#include "cli/table.h"

namespace saccade::cli {
namespace json = boost::json;
namespace {

json::array texts_json(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

Table pairs() {
  return Table({Align::kLeft, Align::kLeft});
}

std::string measured_text(const TokenReport& report) {
  const Measurement& measured = *report.measurement;
  const Timings& timings = measured.timings;
  Table table = pairs();
  table.add_row({"load", duration(timings.load_ms)});
  table.add_row({"image decoding", duration(timings.media_ms)});
  table.add_row({"image encoding", duration(timings.vision_ms)});
  table.add_row(
      {"prefill",
       fmt::format("{} tokens in {}: {:.1f} tokens/s", thousands(measured.usage.prompt_tokens),
                   duration(timings.prefill_ms), timings.prefill_tokens_per_second)});
  table.add_row({"decode", fmt::format("{:.1f} tokens/s", timings.decode_tokens_per_second)});
  table.add_row(
      {"this request",
       fmt::format("{} to the first token, {} for {} tokens of answer", duration(timings.ttft_ms),
                   duration(report.predicted_ms()), thousands(report.answer_tokens()))});
  return fmt::format("\nMeasured on {} ({} thread{}), with an answer of {} tokens\n",
                     measured.instruction_set, measured.threads, measured.threads == 1 ? "" : "s",
                     measured.usage.completion_tokens) +
         table.text();
}

}  // namespace

std::string inspect_text(const ModelInfo& info) {
  Table facts = pairs();
  facts.add_row({"directory", info.directory});
  facts.add_row({"family", info.family});
  facts.add_row({"context", thousands(info.context_length) + " tokens"});
  facts.add_row({"vocabulary", thousands(info.vocab_size) + " tokens"});
  facts.add_row(
      {"KV cache",
       fmt::format("{} a token, {} for the whole context", short_bytes(info.kv_bytes_per_token),
                   short_bytes(info.kv_bytes_per_token * info.context_length))});
  Table parts({Align::kLeft, Align::kRight, Align::kRight, Align::kLeft, Align::kLeft});
  parts.add_row({"part", "parameters", "bytes", "dtype", ""});
  for (const ModelPart& part : info.parts) {
    parts.add_row({part.name, short_count(part.parameters), short_bytes(part.bytes),
                   fmt::format("{}", fmt::join(part.dtypes, ", ")), part.summary});
  }
  parts.add_row({"total", short_count(info.parameters), short_bytes(info.bytes)});
  return facts.text() + "\n" + parts.text();
}

json::object inspect_json(const ModelInfo& info) {
  json::array parts;
  for (const ModelPart& part : info.parts) {
    parts.push_back(json::object{{"name", part.name},
                                 {"summary", part.summary},
                                 {"parameters", part.parameters},
                                 {"bytes", part.bytes},
                                 {"dtypes", texts_json(part.dtypes)}});
  }
  return {{"directory", info.directory},
          {"family", info.family},
          {"parts", std::move(parts)},
          {"parameters", info.parameters},
          {"bytes", info.bytes},
          {"vocab_size", info.vocab_size},
          {"context_length", info.context_length},
          {"kv_bytes_per_token", info.kv_bytes_per_token}};
}

std::string devices_text(const DeviceInfo& info) {
  Table table = pairs();
  table.add_row({"device", info.name});
  table.add_row({"processor", info.description});
  table.add_row({"cores", std::to_string(info.threads)});
  table.add_row({"instruction set", fmt::format("{} in use, of {} built", info.instruction_set,
                                                fmt::join(info.built, ", "))});
  table.add_row({"memory", fmt::format("{}, {} available", short_bytes(info.memory_bytes),
                                       short_bytes(info.available_memory_bytes))});
  return table.text();
}

json::object devices_json(const DeviceInfo& info) {
  json::object device{{"name", info.name},
                      {"description", info.description},
                      {"cores", info.threads},
                      {"instruction_set", info.instruction_set},
                      {"built", texts_json(info.built)},
                      {"memory_bytes", info.memory_bytes},
                      {"available_memory_bytes", info.available_memory_bytes}};
  // A list, so that machines with more than one device need no other form.
  return {{"devices", json::array{std::move(device)}}};
}

std::int64_t TokenReport::answer_tokens() const {
  return std::clamp<std::int64_t>(math.context_length - math.prompt_tokens, 0, max_tokens);
}

double TokenReport::predicted_ms() const {
  const Timings& timings = measurement->timings;
  // The first token comes with the prefill.
  const std::int64_t steps = std::max<std::int64_t>(answer_tokens() - 1, 0);
  const double rate = timings.decode_tokens_per_second;
  return timings.ttft_ms + (rate > 0 ? static_cast<double>(steps) * 1000.0 / rate : 0.0);
}

std::string tokens_text(const TokenReport& report) {
  const TokenMath& math = report.math;
  Table parts({Align::kLeft, Align::kLeft, Align::kRight, Align::kRight});
  parts.add_row({"part", "size", "tokens", "share"});
  for (const PromptPart& part : math.parts) {
    parts.add_row(
        {part.name, part.detail, thousands(part.tokens), percent(part.tokens, math.prompt_tokens)});
  }
  parts.add_row({"total", "", thousands(math.prompt_tokens)});
  const std::int64_t answer = report.answer_tokens();
  Table facts = pairs();
  facts.add_row(
      {"context", fmt::format("{} of {} tokens{}", percent(math.prompt_tokens, math.context_length),
                              thousands(math.context_length),
                              answer == 0 && report.max_tokens > 0
                                  ? ": no room for an answer; lower --max-pixels, or "
                                    "use fewer pictures or less text"
                                  : "")});
  facts.add_row(
      {"KV cache", fmt::format("{} for the prompt, {} with {} tokens of answer",
                               short_bytes(math.prompt_tokens * math.kv_bytes_per_token),
                               short_bytes((math.prompt_tokens + answer) * math.kv_bytes_per_token),
                               thousands(answer))});
  const std::string measured = report.measurement ? measured_text(report) : "";
  return parts.text() + "\n" + facts.text() + measured;
}

json::object tokens_json(const TokenReport& report) {
  const TokenMath& math = report.math;
  json::array parts;
  for (const PromptPart& part : math.parts) {
    parts.push_back(
        json::object{{"name", part.name}, {"detail", part.detail}, {"tokens", part.tokens}});
  }
  json::object object{{"parts", std::move(parts)},
                      {"prompt_tokens", math.prompt_tokens},
                      {"image_tokens", math.image_tokens},
                      {"context_length", math.context_length},
                      {"kv_bytes_per_token", math.kv_bytes_per_token},
                      {"prompt_kv_bytes", math.prompt_tokens * math.kv_bytes_per_token}};
  if (report.measurement) {
    object["measured"] = {{"instruction_set", report.measurement->instruction_set},
                          {"threads", report.measurement->threads},
                          {"completion_tokens", report.measurement->usage.completion_tokens},
                          {"timings", timings_json(report.measurement->timings)}};
    object["predicted"] = {{"ttft_ms", rounded(report.measurement->timings.ttft_ms)},
                           {"answer_tokens", report.answer_tokens()},
                           {"total_ms", rounded(report.predicted_ms())}};
  }
  return object;
}

}  // namespace saccade::cli
