// Telling the parts of an answer apart while it comes: reasoning, content and calls of tools.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/answer_syntax.h"
#include "server/bare_arguments.h"
#include "server/call_head.h"
#include "server/tag_arguments.h"

namespace saccade::server {

struct AnswerPart {
  enum class Kind {
    kReasoning,
    kContent,
    kCall,       ///< a call begins; the text is its tool's name
    kArguments,  ///< more of the last call's arguments, a JSON object in all
    kMarkup,     ///< what belongs to none of them: markers, braces around arguments, white space
  };
  Kind kind = Kind::kContent;
  std::string text;
};

/// Takes an answer in pieces and gives its parts as soon as they are certain: what is held back may
/// be the beginning of a marker, or of a call up to its arguments. The texts of all parts, markup
/// included, are the answer, character by character, but for arguments that are not written as
/// JSON; what only looks like a call is content.
class AnswerReader {
 public:
  explicit AnswerReader(const AnswerPlan& plan);

  std::vector<AnswerPart> add(std::string_view piece);
  /// The rest of an answer that has ended.
  std::vector<AnswerPart> finish();
  /// Calls that have begun.
  int calls() const { return calls_; }

 private:
  enum class State { kStart, kReasoning, kContent, kArguments, kCallEnd };

  std::vector<AnswerPart> take_parts();
  void read(bool at_end);
  /// Reads on in the state it is in; false when that takes more text.
  bool step(bool at_end);
  bool read_start(bool at_end);
  bool read_plain(bool at_end);
  bool read_arguments();
  bool read_notation();
  bool read_call_end(bool at_end);
  bool read_list_end(std::size_t begin, bool at_end);
  CallHead::State begin_call(std::size_t begin, bool first, bool at_end);
  void take(AnswerPart::Kind kind, std::size_t size);
  void add_part(AnswerPart::Kind kind, const std::string& text);

  const AnswerSyntax syntax_;
  const bool calls_in_reasoning_;
  const std::shared_ptr<const ToolSchemas> schemas_;
  State state_ = State::kStart;
  bool may_reason_;
  bool skip_space_ = false;  // what comes next does not begin with white space
  int calls_ = 0;
  int depth_ = 0;         // of braces and brackets in arguments
  bool in_text_ = false;  // of arguments
  bool escaped_ = false;
  // The arguments of the call that is being read, where they are not written as JSON.
  std::optional<std::variant<TagArguments, BareArguments>> notation_;
  std::string held_;
  std::size_t of_prompt_ = 0;  // bytes of held_ that are in the prompt
  std::vector<AnswerPart> parts_;
};

struct AnswerCall {
  std::string name;
  std::string arguments;  ///< JSON
};

/// An answer in its parts.
struct ReadAnswer {
  std::string reasoning;
  std::string content;
  std::vector<AnswerCall> calls;
};

ReadAnswer read_answer(const AnswerPlan& plan, std::string_view text);

}  // namespace saccade::server
