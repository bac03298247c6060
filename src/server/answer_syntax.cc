#include "server/answer_syntax.h"

#include <array>
#include <string_view>

#include "server/identifier.h"

namespace saccade::server {
namespace {

// Names that no template has of its own.
constexpr std::string_view kProbeName = "probed_call";
constexpr std::string_view kProbedReasoning = "probed_reasoning";
constexpr std::string_view kProbedAnswer = "probed_answer";
constexpr std::string_view kProbeKey = "probed_key";
constexpr const char* kProbeTools =
    R"([{"type": "function", "function": {"name": "other_call", "description": "d", "parameters":
        {"type": "object", "properties": {"other_key": {"type": "string", "description": "d"}},
         "required": ["other_key"]}}}])";
constexpr const char* kProbeQuestion = R"([{"role": "user", "content": "q"}])";
constexpr const char* kProbeCall =
    R"([{"role": "user", "content": "q"},
        {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "id": "123456789",
         "function": {"name": "probed_call", "arguments": {"probed_key": "v"}}}]}])";

constexpr const char* kProbeReasoning =
    R"([{"role": "user", "content": "q"},
        {"role": "assistant", "reasoning_content": "probed_reasoning", "content": "probed_answer"}])";

struct Markers {
  std::string_view begin;
  std::string_view end;
};

constexpr std::array kCallMarkers = {Markers{"<tool_call>", "</tool_call>"},
                                     Markers{"[TOOL_CALLS]", ""},
                                     Markers{"<|tool_call>", "<tool_call|>"}};
struct ReasoningMarkers : Markers {
  std::string_view closing;  // unless the template shows another one
};
constexpr std::array kReasoningMarkers = {
    ReasoningMarkers{{"<think>", "</think>"}, "\n</think>\n\n"},
    ReasoningMarkers{{"[THINK]", "[/THINK]"}, "[/THINK]"},
    ReasoningMarkers{{"<|channel>thought\n", "<channel|>"}, "\n<channel|>"}};
// Names of variables that turn reasoning on and off.
constexpr std::array kReasoningVariables = {"enable_thinking", "thinking"};

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kShortId = 9;

std::string_view without_space_at_end(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

/// Takes `end` off the end of `text`, with white space behind it.
bool take_end(std::string_view& text, std::string_view end) {
  const std::string_view shorter = without_space_at_end(text);
  if (!shorter.ends_with(end)) return false;
  text = shorter.substr(0, shorter.size() - end.size());
  return true;
}

ReasoningSyntax syntax_of(const ReasoningMarkers& markers, const std::string& closing) {
  const bool shown = closing.find(markers.end) != std::string::npos;
  return {std::string(markers.begin), std::string(markers.end),
          shown ? closing : std::string(markers.closing)};
}

/// Finds the marker that `before`, the text before a call, ends with.
void find_marker(std::string_view before, CallSyntax& syntax) {
  const std::string_view shorter = without_space_at_end(before);
  for (const Markers& markers : kCallMarkers) {
    if (!shorter.ends_with(markers.begin)) continue;
    syntax.begin = markers.begin;
    syntax.end = markers.end;
    syntax.space = before.substr(shorter.size());
  }
}

void find_special_marks(const Tokenizer& tokenizer, CallSyntax& syntax) {
  for (const std::string& mark : syntax.marks()) {
    const std::vector<std::int32_t> ids = tokenizer.encode(mark);
    if (ids.size() == 1 && tokenizer.is_special(ids[0])) syntax.special.push_back(mark);
  }
}

}  // namespace

std::vector<std::string> CallSyntax::marks() const {
  std::vector<std::string> all = {begin, end};
  if (form == Form::kNamed) {
    all.emplace_back(kArgumentsMarker);
    all.emplace_back(kCallIdMarker);
  }
  if (form == Form::kBare) all.emplace_back(kBareQuote);
  std::erase(all, "");
  return all;
}

std::vector<std::string> AnswerSyntax::markers() const {
  std::vector<std::string> all;
  if (calls) all = calls->marks();
  if (reasoning) {
    // The begin may be a token and a word.
    all.push_back(reasoning->begin.substr(0, reasoning->begin.find('>') + 1));
    all.push_back(reasoning->begin);
    all.push_back(reasoning->end);
  }
  return all;
}

std::string make_call_id(const AnswerPlan& plan) {
  const bool is_short = plan.syntax.calls && plan.syntax.calls->short_ids;
  return is_short ? make_identifier("").substr(0, kShortId) : make_identifier("call_");
}

AnswerTemplate::AnswerTemplate(ChatTemplate chat_template, const Tokenizer& tokenizer)
    : template_(std::move(chat_template)) {
  syntax_.calls = find_calls();
  if (syntax_.calls) find_special_marks(tokenizer, *syntax_.calls);
  find_reasoning();
  for (const ReasoningMarkers& markers : kReasoningMarkers) {
    // Models that reason have a token to end it.
    if (tokenizer.encode(markers.end).size() != 1) continue;
    syntax_.reasoning = syntax_of(markers, closing_);
    break;
  }
}

/// Nothing where the template refuses the messages.
std::optional<std::string> AnswerTemplate::render(const std::string& messages,
                                                  bool generation_prompt,
                                                  const Request& request) const {
  try {
    return template_->render(
        {messages, request.tools, generation_prompt, request.template_variables});
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// A prompt, with a variable of the template.
std::optional<std::string> AnswerTemplate::render_with(const std::string& variable,
                                                       const std::string& value) const {
  Request request;
  request.template_variables = {{variable, value}};
  return render(kProbeQuestion, true, request);
}

void AnswerTemplate::find_reasoning() {
  for (const char* variable : kReasoningVariables) {
    if (render_with(variable, "true") == render_with(variable, "false")) continue;
    reasoning_.variable = variable;
    break;
  }
  reasoning_.knows_effort =
      render_with("reasoning_effort", R"("low")") != render_with("reasoning_effort", R"("high")");
  const Request request;
  bool shown = false;
  if (const auto rendered = render(kProbeReasoning, false, request)) {
    const std::size_t begin = rendered->find(kProbedReasoning);
    const std::size_t answer = rendered->find(kProbedAnswer);
    shown = begin != std::string::npos;
    if (shown && answer != std::string::npos && answer > begin) {
      closing_ = rendered->substr(begin + kProbedReasoning.size(),
                                  answer - begin - kProbedReasoning.size());
    }
  }
  reasoning_.known = shown || !reasoning_.variable.empty() || reasoning_.knows_effort ||
                     open_reasoning(request).has_value();
}

std::optional<CallSyntax> AnswerTemplate::find_calls() const {
  Request request;
  request.tools = kProbeTools;
  const auto rendered = render(kProbeCall, false, request);
  const auto prompt = render(kProbeQuestion, true, request);
  const std::size_t name = rendered ? rendered->find(kProbeName) : std::string::npos;
  if (!prompt || name == std::string::npos) return std::nullopt;
  std::string_view before = std::string_view(*rendered).substr(0, name);
  const std::string_view after = std::string_view(*rendered).substr(name + kProbeName.size());
  CallSyntax syntax;
  if (before.ends_with(kCallMarkers[1].begin) && after.find(kArgumentsMarker) < after.find('{')) {
    syntax.form = CallSyntax::Form::kNamed;
    find_marker(before, syntax);
    syntax.short_ids = true;
    syntax.writes_ids = after.starts_with(kCallIdMarker);
    return syntax;
  }
  if (take_end(before, kFunctionBegin)) {
    // Of a text that is the parameter's value.
    constexpr std::string_view kOneParameter =
        ">\n<parameter=probed_key>\nv\n</parameter>\n</function>\n";
    find_marker(before, syntax);
    if (syntax.begin.empty() || !after.starts_with(kOneParameter)) return std::nullopt;
    syntax.form = CallSyntax::Form::kTags;
    return syntax;
  }
  if (take_end(before, kBareBegin)) {
    find_marker(before, syntax);
    if (syntax.begin.empty() || !after.starts_with(R"({probed_key:<|"|>v<|"|>})")) {
      return std::nullopt;
    }
    syntax.form = CallSyntax::Form::kBare;
    return syntax;
  }
  // {"name": "
  if (!take_end(before, "\"") || !take_end(before, ":") || !take_end(before, "\"name\"") ||
      !take_end(before, "{")) {
    return std::nullopt;
  }
  const std::string_view between = after.substr(0, after.find(kProbeKey));
  if (between.find("\"parameters\"") != std::string_view::npos) {
    syntax.arguments_key = "parameters";
  } else if (between.find("\"arguments\"") == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view list = before;
  if (take_end(list, "[")) find_marker(list, syntax);
  if (!syntax.begin.empty()) {
    syntax.form = CallSyntax::Form::kList;
    syntax.short_ids = true;
    return syntax;
  }
  find_marker(before, syntax);
  // Without a marker it must be all that the model writes.
  if (syntax.begin.empty() && before != *prompt) return std::nullopt;
  return syntax;
}

std::optional<ReasoningSyntax> AnswerTemplate::open_reasoning(const Request& request) const {
  const auto prompt = template_ ? render(kProbeQuestion, true, request) : std::nullopt;
  if (!prompt) return std::nullopt;
  const std::string_view end = without_space_at_end(*prompt);
  for (const ReasoningMarkers& markers : kReasoningMarkers) {
    if (!end.ends_with(without_space_at_end(markers.begin))) continue;
    return syntax_of(markers, closing_);
  }
  return std::nullopt;
}

}  // namespace saccade::server
