// How a model's answers show what is reasoning and what is a call of a tool: told by its chat
// template and its tokens, not by its name.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "saccade/chat_template.h"
#include "saccade/request.h"
#include "saccade/tokenizer.h"

namespace saccade::server {

/// How calls are written.
struct CallSyntax {
  enum class Form {
    kObject,  ///< begin {"name": ..., "arguments": {...}} end, repeated
    kList,    ///< begin [{"name": ..., "arguments": {...}}, ...]
    kNamed,   ///< begin name [ARGS] {...}, repeated
    kBare,    ///< begin call:name{key:value,...} end, with texts between kBareQuote
    kTags,    ///< begin <function=name> <parameter=key> value </parameter> ... </function> end
  };
  Form form = Form::kObject;
  std::string begin;  ///< "<tool_call>"; empty: the whole answer is one call
  std::string space;  ///< what stands between `begin` and the rest: "\n"
  std::string end;    ///< "</tool_call>"; may be empty
  std::string arguments_key = "arguments";
  bool short_ids = false;                 ///< the template takes ids of nine letters alone
  bool writes_ids = false;                ///< in the form kNamed: it writes them behind the name
  std::vector<std::string> special = {};  ///< those of its marks that are special tokens

  /// All that stands around the parts of calls, empty ones left out.
  std::vector<std::string> marks() const;
};

/// In the form kNamed: between name and arguments, and between name and an id.
inline constexpr std::string_view kArgumentsMarker = "[ARGS]";
inline constexpr std::string_view kCallIdMarker = "[CALL_ID]";

/// In the form kTags, with a line's end behind each and before kParameterEnd, as templates write
/// it.
inline constexpr std::string_view kFunctionBegin = "<function=";
inline constexpr std::string_view kFunctionEnd = "</function>";
inline constexpr std::string_view kParameterBegin = "<parameter=";
inline constexpr std::string_view kParameterEnd = "\n</parameter>";

/// In the form kBare: before the name, and around texts.
inline constexpr std::string_view kBareBegin = "call:";
inline constexpr std::string_view kBareQuote = "<|\"|>";

/// What surrounds reasoning.
struct ReasoningSyntax {
  std::string begin;    ///< "<think>"
  std::string end;      ///< "</think>"
  std::string closing;  ///< `end` with the white space around it: "\n</think>\n\n"
};

/// What a chat template knows of reasoning.
struct ReasoningTraits {
  bool known = false;         ///< it speaks of it at all
  std::string variable;       ///< turns it on and off: "enable_thinking"; empty: there is none
  bool knows_effort = false;  ///< it reads "reasoning_effort"
};

struct AnswerSyntax {
  std::optional<CallSyntax> calls;
  std::optional<ReasoningSyntax> reasoning;

  /// The markers, which must stay in the text also where they are special tokens.
  std::vector<std::string> markers() const;
};

/// JSON Schemas of tools' arguments by the tools' names.
using ToolSchemas = std::map<std::string, boost::json::value, std::less<>>;

/// What is known of an answer before it comes.
struct AnswerPlan {
  AnswerSyntax syntax;          ///< `calls` only where the request has tools
  bool reasoning_open = false;  ///< the prompt ends inside of reasoning
  /// What looks like a call inside of reasoning is one; not where the answer must be a call, which
  /// nothing would hold to its tool there.
  bool calls_in_reasoning = true;
  std::string begun;  ///< what the prompt has of the answer already
  /// Where they tell how arguments are to be read: in the form kTags.
  std::shared_ptr<const ToolSchemas> schemas = {};
};

/// An id for a call; templates that put it into a token's place want nine letters.
std::string make_call_id(const AnswerPlan& plan);

/// A model's chat template as far as its answers can be told from it.
class AnswerTemplate {
 public:
  /// Without a template: nothing is told from anything.
  AnswerTemplate() = default;
  /// Renders conversations with a call and with reasoning in them to see how they are written.
  AnswerTemplate(ChatTemplate chat_template, const Tokenizer& tokenizer);

  const AnswerSyntax& syntax() const { return syntax_; }
  const ReasoningTraits& reasoning() const { return reasoning_; }
  /// The reasoning inside of which a prompt with the request's variables ends.
  std::optional<ReasoningSyntax> open_reasoning(const Request& request) const;

 private:
  std::optional<std::string> render(const std::string& messages, bool generation_prompt,
                                    const Request& request) const;
  std::optional<std::string> render_with(const std::string& variable,
                                         const std::string& value) const;
  std::optional<CallSyntax> find_calls() const;
  void find_reasoning();

  std::optional<ChatTemplate> template_;
  AnswerSyntax syntax_;
  ReasoningTraits reasoning_;
  std::string closing_;  // how it ends reasoning before an answer; empty: it does not show
};

}  // namespace saccade::server
