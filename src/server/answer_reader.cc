#include "server/answer_reader.h"

#include <algorithm>
#include <utility>

namespace saccade::server {
namespace {

using Kind = AnswerPart::Kind;
using Form = CallSyntax::Form;

constexpr std::string_view kSpace = " \t\r\n";

/// How many bytes of white space `text` has from `begin` on.
std::size_t skip_space(std::string_view text, std::size_t begin) {
  return std::min(text.find_first_not_of(kSpace, begin), text.size());
}

/// The size of `text` without the white space at its end.
std::size_t size_without_space(std::string_view text) {
  return text.find_last_not_of(kSpace) + 1;
}

/// The size of the longest end of `text` that `marker` begins with, and of the white space before
/// it.
std::size_t size_to_hold(std::string_view text, std::string_view marker) {
  std::size_t size = marker.empty() ? 0 : std::min(text.size(), marker.size() - 1);
  while (size > 0 && !marker.starts_with(text.substr(text.size() - size))) --size;
  return text.size() - size_without_space(text.substr(0, text.size() - size));
}

}  // namespace

AnswerReader::AnswerReader(const AnswerPlan& plan)
    : syntax_(plan.syntax),
      calls_in_reasoning_(plan.calls_in_reasoning),
      schemas_(plan.schemas),
      may_reason_(plan.syntax.reasoning && !plan.reasoning_open) {
  if (plan.reasoning_open) {
    state_ = State::kReasoning;
    skip_space_ = true;
  }
  held_ = plan.begun;
  of_prompt_ = held_.size();
  read(false);
}

std::vector<AnswerPart> AnswerReader::add(std::string_view piece) {
  held_ += piece;
  read(false);
  return take_parts();
}

std::vector<AnswerPart> AnswerReader::finish() {
  read(true);
  return take_parts();
}

std::vector<AnswerPart> AnswerReader::take_parts() {
  return std::exchange(parts_, {});
}

void AnswerReader::read(bool at_end) {
  while (step(at_end)) {
  }
}

bool AnswerReader::step(bool at_end) {
  switch (state_) {
    case State::kStart:
      return read_start(at_end);
    case State::kReasoning:
    case State::kContent:
      return read_plain(at_end);
    case State::kArguments:
      return notation_ ? read_notation() : read_arguments();
    case State::kCallEnd:
      return read_call_end(at_end);
  }
  return false;
}

/// Moves the front of what is held to the parts. What the prompt has of it the client does not see,
/// but for the name of a call.
void AnswerReader::take(Kind kind, std::size_t size) {
  const std::size_t of_prompt = std::min(size, of_prompt_);
  of_prompt_ -= of_prompt;
  const std::size_t begin = kind == Kind::kCall ? 0 : of_prompt;
  const std::string text = held_.substr(begin, size - begin);
  held_.erase(0, size);
  add_part(kind, text);
}

void AnswerReader::add_part(Kind kind, const std::string& text) {
  if (text.empty()) return;
  if (!parts_.empty() && parts_.back().kind == kind && kind != Kind::kCall) {
    parts_.back().text += text;
  } else {
    parts_.push_back({kind, text});
  }
}

/// Begins a call whose head is at `begin`; all before its name is markup then.
CallHead::State AnswerReader::begin_call(std::size_t begin, bool first, bool at_end) {
  const CallHead head =
      find_call_head(std::string_view(held_).substr(begin), *syntax_.calls, first);
  if (head.state == CallHead::State::kCutShort && at_end) return CallHead::State::kNone;
  if (head.state != CallHead::State::kFound) return head.state;
  const std::size_t name_size = head.name_end - head.name_begin;
  const std::string_view name = std::string_view(held_).substr(begin + head.name_begin, name_size);
  if (syntax_.calls->form == Form::kTags) notation_.emplace(TagArguments(schemas_, name));
  if (syntax_.calls->form == Form::kBare) notation_.emplace(BareArguments());
  take(Kind::kMarkup, begin + head.name_begin);
  take(Kind::kCall, name_size);
  take(Kind::kMarkup, head.arguments_begin - head.name_end);
  ++calls_;
  state_ = State::kArguments;
  return head.state;
}

/// At the beginning of an answer, or behind its reasoning.
bool AnswerReader::read_start(bool at_end) {
  if (skip_space_) take(Kind::kMarkup, skip_space(held_, 0));
  if (may_reason_) {
    const std::string& begin = syntax_.reasoning->begin;
    const std::size_t space = skip_space(held_, 0);
    const std::string_view rest = std::string_view(held_).substr(space);
    if (rest.starts_with(begin)) {
      take(Kind::kMarkup, space + begin.size());
      state_ = State::kReasoning;
      may_reason_ = false;
      skip_space_ = true;
      return true;
    }
    if (begin.starts_with(rest) && !at_end) return false;
  }
  if (syntax_.calls && syntax_.calls->begin.empty()) {
    const CallHead::State call = begin_call(0, true, at_end);
    if (call == CallHead::State::kCutShort) return false;
    if (call == CallHead::State::kFound) return true;
  }
  if (held_.empty() && !at_end) return false;
  skip_space_ = false;
  state_ = State::kContent;
  return true;
}

/// Reasoning and content, up to a call or the end of reasoning.
bool AnswerReader::read_plain(bool at_end) {
  const bool reasoning = state_ == State::kReasoning;
  const Kind kind = reasoning ? Kind::kReasoning : Kind::kContent;
  if (skip_space_) take(Kind::kMarkup, skip_space(held_, 0));
  if (held_.empty()) return false;
  skip_space_ = false;
  const std::string end = reasoning ? syntax_.reasoning->end : std::string();
  const bool may_call = syntax_.calls && (!reasoning || calls_in_reasoning_);
  const std::string call = may_call ? syntax_.calls->begin : std::string();
  const std::string_view held = held_;
  const std::size_t end_at = end.empty() ? std::string::npos : held.find(end);
  const std::size_t call_at = call.empty() ? std::string::npos : held.find(call);
  if (end_at < call_at) {
    const std::size_t size = size_without_space(held.substr(0, end_at));
    take(kind, size);
    take(Kind::kMarkup, end_at - size + end.size());
    state_ = State::kStart;
    skip_space_ = true;
    return true;
  }
  if (call_at != std::string::npos) {
    const std::size_t size = size_without_space(held.substr(0, call_at));
    take(kind, size);
    const CallHead::State state = begin_call(call_at - size, true, at_end);
    if (state == CallHead::State::kNone) take(kind, call_at - size + call.size());
    return state != CallHead::State::kCutShort;
  }
  if (at_end) {
    const bool space_alone = calls_ > 0 && size_without_space(held) == 0;
    take(space_alone ? Kind::kMarkup : kind, held.size());
    return false;
  }
  if (end.empty() && call.empty()) {
    take(kind, held.size());
  } else {
    take(kind, held.size() - std::max(size_to_hold(held, end), size_to_hold(held, call)));
  }
  return false;
}

/// Up to the brace that closes them.
bool AnswerReader::read_arguments() {
  std::size_t size = 0;
  while (size < held_.size()) {
    const char c = held_[size++];
    if (in_text_) {
      in_text_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
    } else if (c == '"') {
      in_text_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if ((c == '}' || c == ']') && --depth_ == 0) {
      state_ = State::kCallEnd;
      break;
    }
  }
  take(Kind::kArguments, size);
  return state_ == State::kCallEnd;
}

/// Arguments in a notation of their own, which become JSON. All of them are the client's, also what
/// the prompt has.
bool AnswerReader::read_notation() {
  of_prompt_ = 0;
  const auto [more, complete] = std::visit(
      [&](auto& arguments) {
        std::string json = arguments.read(held_);
        return std::pair(std::move(json), arguments.complete());
      },
      *notation_);
  add_part(Kind::kArguments, more);
  if (!complete) return false;
  notation_.reset();
  state_ = State::kCallEnd;
  return true;
}

/// What closes a call behind its arguments. What else may stand there is content.
bool AnswerReader::read_call_end(bool at_end) {
  const Form form = syntax_.calls->form;
  if (form == Form::kNamed) {
    state_ = State::kContent;
    return true;
  }
  // The brace around name and arguments, where there is one.
  std::size_t inside = 0;
  if (form == Form::kObject || form == Form::kList) {
    const std::size_t brace = skip_space(held_, 0);
    if (brace == held_.size() && !at_end) return false;
    if (brace == held_.size() || held_[brace] != '}') {
      state_ = State::kContent;
      return true;
    }
    inside = brace + 1;
  }
  if (form == Form::kList) return read_list_end(inside, at_end);
  const std::string& end = syntax_.calls->end;
  const std::size_t behind = skip_space(held_, inside);
  const std::string_view rest = std::string_view(held_).substr(behind);
  const bool closed = !end.empty() && rest.starts_with(end);
  if (!closed && !end.empty() && end.starts_with(rest) && !at_end) return false;
  take(Kind::kMarkup, closed ? behind + end.size() : inside);
  state_ = State::kContent;
  return true;
}

/// Behind a call of a list, whose brace ends at `begin`: the next one, or the list's end.
bool AnswerReader::read_list_end(std::size_t begin, bool at_end) {
  const std::size_t next = skip_space(held_, begin);
  if (next == held_.size() && !at_end) return false;
  if (next < held_.size() && held_[next] == ',') {
    const CallHead::State state = begin_call(next + 1, false, at_end);
    if (state != CallHead::State::kNone) return state == CallHead::State::kFound;
  }
  const bool closed = next < held_.size() && held_[next] == ']';
  take(Kind::kMarkup, closed ? next + 1 : begin);
  state_ = State::kContent;
  return true;
}

ReadAnswer read_answer(const AnswerPlan& plan, std::string_view text) {
  ReadAnswer answer;
  AnswerReader reader(plan);
  const auto add = [&](const std::vector<AnswerPart>& parts) {
    for (const AnswerPart& part : parts) {
      if (part.kind == Kind::kReasoning) answer.reasoning += part.text;
      if (part.kind == Kind::kContent) answer.content += part.text;
      if (part.kind == Kind::kCall) answer.calls.push_back({part.text, ""});
      if (part.kind == Kind::kArguments) answer.calls.back().arguments += part.text;
    }
  };
  add(reader.add(text));
  add(reader.finish());
  return answer;
}

}  // namespace saccade::server
