// Structured output: how long grammars take to compile and masks to fill, with a published
// vocabulary.
//
//   bench/grammar_bench            (tools/fetch_tokenizers.sh fetches the vocabulary)
//
// The counters of Masks are microseconds a token over whole answers, cut into tokens by the
// tokenizer itself; `first_us` is the mean over the first answer, with all that is worked out on
// the way.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <numeric>

#include "base/json.h"
#include "grammar/matcher.h"

namespace saccade::grammar {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kPhoto = R"({
  "type": "object", "additionalProperties": false,
  "required": ["title", "description", "people", "objects", "scene", "quality"],
  "properties": {
    "title": {"type": "string", "minLength": 1, "maxLength": 80},
    "description": {"type": "string", "maxLength": 600},
    "taken": {"type": "string", "format": "date"},
    "people": {"type": "array", "maxItems": 20, "items": {
      "type": "object", "additionalProperties": false, "required": ["age", "mood"],
      "properties": {"name": {"type": "string", "pattern": "^[A-Z][a-z]+( [A-Z][a-z]+)?$"},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "mood": {"enum": ["happy", "sad", "neutral", "surprised"]}}}},
    "objects": {"type": "array", "minItems": 1, "maxItems": 50, "items": {
      "type": "object", "additionalProperties": false, "required": ["label", "confidence", "box"],
      "properties": {"label": {"type": "string", "maxLength": 40},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "box": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "integer"}, {"type": "integer"}, {"type": "integer"}], "items": false, "minItems": 4},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 8}}}},
    "scene": {"enum": ["indoor", "outdoor", "studio", "unknown"]},
    "quality": {"type": "number", "multipleOf": 0.01, "minimum": 0, "maximum": 1}}})";

constexpr const char* kPhotoAnswer =
    R"({"title": "Breakfast on the terrace above the harbour", "description": "A family sits at a wooden table with bread, fruit and coffee; behind them boats lie in the morning sun, and a child points at a gull that has just stolen a croissant. \"Look!\" says the sign.", "taken": "2024-06-19", "people": [{"name": "Anna Berg", "age": 41, "mood": "happy"}, {"age": 7, "mood": "surprised"}], "objects": [{"label": "coffee pot", "confidence": 0.97, "box": [120, 44, 310, 288], "tags": ["kitchen", "metal", "hot"]}, {"label": "seagull", "confidence": 0.834, "box": [512, 12, 640, 101]}, {"label": "croissant", "confidence": 0.5, "box": [530, 60, 570, 84], "tags": ["food"]}], "scene": "outdoor", "quality": 0.87})";

/// What costs most: long patterns with lengths, formats, keys by pattern, alternatives that stay
/// open for long, recursion, and a limit that the text comes close to.
constexpr const char* kHard = R"({
  "$defs": {"tree": {"type": "object", "required": ["value"], "properties": {
    "value": {"anyOf": [{"type": "number", "multipleOf": 0.05, "minimum": -1000, "maximum": 1000},
                        {"type": "string", "pattern": "^[A-Za-z ,.'-]+$", "maxLength": 200}]},
    "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}},
  "type": "object", "required": ["link", "mail", "when", "code", "labels", "events", "tree"],
  "properties": {
    "link": {"type": "string", "format": "uri", "maxLength": 120},
    "mail": {"type": "string", "format": "email"},
    "when": {"type": "string", "format": "date-time"},
    "code": {"type": "string", "pattern": "^([A-Z]{2,4}-[0-9]{3,6}(/[a-z]+)?)$", "minLength": 8, "maxLength": 16},
    "labels": {"type": "object", "patternProperties": {"^[a-z][a-z0-9_]*$": {"type": "integer"}},
               "additionalProperties": false, "minProperties": 2},
    "events": {"type": "array", "items": {"anyOf": [
      {"type": "object", "required": ["kind", "at", "by"], "properties": {"kind": {"const": "move"}, "at": {"type": "integer"}, "by": {"type": "number"}}},
      {"type": "object", "required": ["kind", "at", "note"], "properties": {"kind": {"const": "mark"}, "at": {"type": "integer"}, "note": {"type": "string", "maxLength": 12}}},
      {"type": "object", "required": ["kind", "at", "note"], "properties": {"kind": {"enum": ["more", "most"]}, "at": {"type": "integer"}, "note": {"type": "string"}}}]}},
    "tree": {"$ref": "#/$defs/tree"}}})";

constexpr const char* kHardAnswer =
    R"({"link": "https://example.org/photos/2024/terrace%20view?size=large&sort=date#top", "mail": "anna.berg+photos@mail.example.org", "when": "2024-06-19T07:41:05.250+02:00", "code": "ABC-01234/xyz", "labels": {"boats": 4, "people_seated": 3, "gulls": 1, "umbrellas_open": 2}, "events": [{"kind": "move", "at": 12, "by": -0.5}, {"kind": "mark", "at": 15, "note": "at the gate"}, {"kind": "more", "at": 20, "note": "nobody saw where it went"}], "tree": {"value": "Harbour, early morning", "children": [{"value": 12.35, "children": [{"value": "a small boat's mast"}, {"value": -999.95, "children": []}]}, {"value": "Terrace - upper floor"}]}})";

constexpr const char* kObjectAnswer =
    R"({"name": "terrace", "size": {"width": 4.5, "unit": "m"}, "tags": ["sun", "sea", "breakfast"], "visible": true, "note": "The picture was taken from the roof.", "count": 12})";

const std::shared_ptr<const Vocabulary>& vocabulary(const text::Tokenizer** tokenizer = nullptr) {
  static const text::Tokenizer loaded = text::Tokenizer::from_file(SACCADE_TOKENIZER);
  static const auto tokens = [] {
    const std::array end = {loaded.token_id("<|im_end|>").value()};
    return std::make_shared<const Vocabulary>(loaded, static_cast<std::size_t>(loaded.vocab_size()),
                                              end);
  }();
  if (tokenizer) *tokenizer = &loaded;
  return tokens;
}

bool missing(benchmark::State& state) {
  if (std::filesystem::exists(SACCADE_TOKENIZER)) return false;
  state.SkipWithError("no vocabulary: run tools/fetch_tokenizers.sh");
  return true;
}

Grammar schema(const char* text) {
  return Grammar::json_schema(parse_json(text, "schema"), "schema", Style::kGeneration);
}

void CompilePhoto(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(schema(kPhoto));
}
BENCHMARK(CompilePhoto)->Unit(benchmark::kMillisecond);

void CompileHard(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(schema(kHard));
}
BENCHMARK(CompileHard)->Unit(benchmark::kMillisecond);

/// Microseconds of each mask over one answer.
std::vector<double> answer_times(const std::shared_ptr<const TokenMasks>& masks,
                                 const std::vector<std::int32_t>& ids) {
  std::vector<double> times;
  std::vector<std::uint64_t> bits(masks->vocabulary().mask_words());
  Matcher matcher(masks);
  for (const std::int32_t id : ids) {
    const auto begin = Clock::now();
    matcher.mask(bits);
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    const bool allowed = (bits[static_cast<std::size_t>(id) / 64] >> (id % 64) & 1) != 0;
    if (!allowed || !matcher.accept(id)) throw std::runtime_error("the answer is not accepted");
  }
  return times;
}

void measure(benchmark::State& state, const Grammar& grammar, const char* answer) {
  if (missing(state)) return;
  const text::Tokenizer* tokenizer = nullptr;
  const auto masks = std::make_shared<const TokenMasks>(grammar, vocabulary(&tokenizer));
  const std::vector<std::int32_t> ids = tokenizer->encode(answer);
  const auto mean = [](const std::vector<double>& times) {
    return std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size());
  };
  state.counters["first_us"] = mean(answer_times(masks, ids));
  std::vector<double> all;
  for (auto _ : state) {
    const std::vector<double> times = answer_times(masks, ids);
    all.insert(all.end(), times.begin(), times.end());
  }
  state.counters["kept_MiB"] = static_cast<double>(masks->memory_bytes()) / (1 << 20);
  state.counters["tokens"] = static_cast<double>(ids.size());
  state.counters["mean_us"] = mean(all);
  std::ranges::sort(all);
  state.counters["p50_us"] = all[all.size() / 2];
  state.counters["p99_us"] = all[all.size() * 99 / 100];
}

void MasksOfPhoto(benchmark::State& state) {
  measure(state, schema(kPhoto), kPhotoAnswer);
}
BENCHMARK(MasksOfPhoto)->Unit(benchmark::kMillisecond);

void MasksOfHard(benchmark::State& state) {
  measure(state, schema(kHard), kHardAnswer);
}
BENCHMARK(MasksOfHard)->Unit(benchmark::kMillisecond);

void MasksOfAnyObject(benchmark::State& state) {
  measure(state, Grammar::json_object(Style::kGeneration), kObjectAnswer);
}
BENCHMARK(MasksOfAnyObject)->Unit(benchmark::kMillisecond);

void MasksOfGbnf(benchmark::State& state) {
  const Grammar grammar = Grammar::gbnf(
      "root ::= object\n"
      "value ::= object | array | string | number | \"true\" | \"false\" | \"null\"\n"
      "object ::= \"{\" (string \": \" value (\", \" string \": \" value)*)? \"}\"\n"
      "array ::= \"[\" (value (\", \" value)*)? \"]\"\n"
      "string ::= \"\\\"\" ([^\"\\\\\\x00-\\x1f] | \"\\\\\" [\"\\\\/bfnrt])* \"\\\"\"\n"
      "number ::= \"-\"? [0-9]+ (\".\" [0-9]+)?\n",
      "json.gbnf");
  measure(state, grammar, kPhotoAnswer);
}
BENCHMARK(MasksOfGbnf)->Unit(benchmark::kMillisecond);

/// One of 1,000 labels.
void MasksOfChoice(benchmark::State& state) {
  std::vector<std::string> labels;
  for (int i = 0; i < 1000; ++i) {
    const char* kinds[] = {"boat", "bird", "terrace", "coffee pot"};
    labels.push_back(std::string(kinds[i % 4]) + ", number " + std::to_string(i * 37));
  }
  measure(state, Grammar::choice(labels), labels[613].c_str());
}
BENCHMARK(MasksOfChoice)->Unit(benchmark::kMillisecond);

/// `{"title": "`, as tokens.
void Forced(benchmark::State& state) {
  if (missing(state)) return;
  const Matcher matcher(std::make_shared<const TokenMasks>(schema(kPhoto), vocabulary()));
  for (auto _ : state) benchmark::DoNotOptimize(matcher.forced_tokens());
}
BENCHMARK(Forced)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace saccade::grammar
