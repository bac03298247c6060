#include "server/call_head.h"

#include <algorithm>

namespace saccade::server {
namespace {

// No tool has a longer name, and no call more white space.
constexpr std::size_t kMaxHead = 1024;

/// Reads on while what is there is what is wanted. What the end of the text cuts short is not
/// wrong yet.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  std::size_t position() const { return position_; }
  bool good() const { return state_ == CallHead::State::kFound; }
  CallHead::State state() const { return state_; }

  void expect(std::string_view wanted) {
    if (!good()) return;
    const std::string_view rest = text_.substr(position_);
    const std::size_t size = std::min(rest.size(), wanted.size());
    if (rest.substr(0, size) != wanted.substr(0, size)) {
      state_ = CallHead::State::kNone;
    } else if (size < wanted.size()) {
      state_ = CallHead::State::kCutShort;
    } else {
      position_ += size;
    }
  }

  void skip_space() {
    if (!good()) return;
    position_ = std::min(text_.find_first_not_of(" \t\r\n", position_), text_.size());
  }

  /// Goes to the first of `ends`; none of `never` may come before it.
  void go_to(std::string_view ends, std::string_view never) {
    if (!good()) return;
    const std::size_t begin = position_;
    position_ = std::min(text_.find_first_of(ends, begin), text_.size());
    const std::string_view passed = text_.substr(begin, position_ - begin);
    if (passed.find_first_of(never) != std::string_view::npos) {
      state_ = CallHead::State::kNone;
    } else if (position_ == text_.size()) {
      state_ = CallHead::State::kCutShort;
    } else if (passed.empty()) {
      state_ = CallHead::State::kNone;
    }
  }

  bool next_is(std::string_view text) const {
    return good() && text_.substr(position_).starts_with(text);
  }
  bool may_become(std::string_view text) const {
    const std::string_view rest = good() ? text_.substr(position_) : std::string_view();
    return good() && rest.size() < text.size() && text.starts_with(rest);
  }

 private:
  std::string_view text_;
  std::size_t position_ = 0;
  CallHead::State state_ = CallHead::State::kFound;
};

/// name[ARGS], perhaps with an id between.
void read_named(Cursor& cursor, CallHead& head) {
  cursor.skip_space();
  head.name_begin = cursor.position();
  cursor.go_to("[", " \t\r\n{\"");
  head.name_end = cursor.position();
  if (cursor.next_is(kCallIdMarker)) {
    cursor.expect(kCallIdMarker);
    cursor.go_to("[", " \t\r\n{\"");
  }
  if (cursor.may_become(kCallIdMarker)) {
    cursor.expect(kCallIdMarker);  // cut short
    return;
  }
  cursor.expect(kArgumentsMarker);
}

/// call:name
void read_bare(Cursor& cursor, CallHead& head) {
  cursor.skip_space();
  cursor.expect(kBareBegin);
  head.name_begin = cursor.position();
  cursor.go_to("{", " \t\r\n\"<");
  head.name_end = cursor.position();
}

/// <function=name>
void read_tag(Cursor& cursor, CallHead& head) {
  cursor.skip_space();
  cursor.expect(kFunctionBegin);
  head.name_begin = cursor.position();
  cursor.go_to(">", " \t\r\n{\"<");
  head.name_end = cursor.position();
  cursor.expect(">");
}

/// {"name": "...", "arguments":
void read_object(Cursor& cursor, const CallSyntax& syntax, CallHead& head) {
  const auto expect = [&](std::string_view wanted) {
    cursor.skip_space();
    cursor.expect(wanted);
  };
  expect("{");
  expect("\"name\"");
  expect(":");
  expect("\"");
  head.name_begin = cursor.position();
  cursor.go_to("\"", "\\\n");
  head.name_end = cursor.position();
  expect("\"");
  expect(",");
  expect("\"");
  expect(syntax.arguments_key);
  expect("\"");
  expect(":");
}

}  // namespace

CallHead find_call_head(std::string_view text, const CallSyntax& syntax, bool first) {
  CallHead head;
  Cursor cursor(text);
  if (first) cursor.expect(syntax.begin);
  if (syntax.form == CallSyntax::Form::kTags) {
    read_tag(cursor, head);
  } else if (syntax.form == CallSyntax::Form::kBare) {
    read_bare(cursor, head);
  } else if (syntax.form == CallSyntax::Form::kNamed) {
    read_named(cursor, head);
  } else {
    cursor.skip_space();
    if (first && syntax.form == CallSyntax::Form::kList) cursor.expect("[");
    read_object(cursor, syntax, head);
  }
  const bool tags = syntax.form == CallSyntax::Form::kTags;
  if (!tags) cursor.skip_space();
  head.arguments_begin = cursor.position();
  if (!tags) cursor.expect("{");
  head.state = cursor.state();
  if (head.state == CallHead::State::kCutShort && text.size() > kMaxHead) {
    head.state = CallHead::State::kNone;
  }
  return head;
}

}  // namespace saccade::server
