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
  return fmt::format("\nMeasured on {} ({}), with an answer of {} tokens\n", measured.device.name,
                     device_powers(measured.device), measured.usage.completion_tokens) +
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
  if (info.state_bytes_per_sequence > 0) {
    facts.add_row({"recurrent state", short_bytes(info.state_bytes_per_sequence) + " a sequence"});
  }
  for (const std::string& note : info.notes) facts.add_row({"note", note});
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
          {"kv_bytes_per_token", info.kv_bytes_per_token},
          {"state_bytes_per_sequence", info.state_bytes_per_sequence},
          {"notes", texts_json(info.notes)}};
}

bool is_processor(const DeviceInfo& device) {
  return device.name == "cpu";
}

std::string device_powers(const DeviceInfo& device) {
  return fmt::format("{}, {} {}{}", device.instruction_set, device.threads,
                     is_processor(device) ? "thread" : "multiprocessor",
                     device.threads == 1 ? "" : "s");
}

std::string devices_text(const std::vector<DeviceInfo>& devices) {
  std::string text;
  for (const DeviceInfo& device : devices) {
    const std::string memory = fmt::format("{}, {} available", short_bytes(device.memory_bytes),
                                           short_bytes(device.available_memory_bytes));
    Table table = pairs();
    table.add_row({"device", device.name});
    table.add_row({"processor", device.description});
    if (is_processor(device)) {
      table.add_row({"cores", std::to_string(device.threads)});
      table.add_row(
          {"instruction set", fmt::format("{} in use, of {} built", device.instruction_set,
                                          fmt::join(device.built, ", "))});
    } else {
      table.add_row({"multiprocessors", std::to_string(device.threads)});
      table.add_row({"architecture", device.instruction_set});
    }
    table.add_row({"memory", memory});
    text += (text.empty() ? "" : "\n") + table.text();
  }
  return text;
}

json::object device_json(const DeviceInfo& device) {
  json::object object{{"name", device.name}, {"description", device.description}};
  object[is_processor(device) ? "cores" : "multiprocessors"] = device.threads;
  object[is_processor(device) ? "instruction_set" : "architecture"] = device.instruction_set;
  object["built"] = texts_json(device.built);
  object["memory_bytes"] = device.memory_bytes;
  object["available_memory_bytes"] = device.available_memory_bytes;
  return object;
}

json::object devices_json(const std::vector<DeviceInfo>& devices) {
  json::array list;
  for (const DeviceInfo& device : devices) list.push_back(device_json(device));
  return {{"devices", std::move(list)}};
}

std::int64_t TokenReport::answer_tokens() const {
  return std::min(math.answer_limit, max_tokens);
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
    object["measured"] = {{"device", device_json(report.measurement->device)},
                          {"completion_tokens", report.measurement->usage.completion_tokens},
                          {"timings", timings_json(report.measurement->timings)}};
    object["predicted"] = {{"ttft_ms", rounded(report.measurement->timings.ttft_ms)},
                           {"answer_tokens", report.answer_tokens()},
                           {"total_ms", rounded(report.predicted_ms())}};
  }
  return object;
}

}  // namespace saccade::cli
