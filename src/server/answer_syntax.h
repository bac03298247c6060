// How a model's answers show what is reasoning and what is a call of a tool: told by its chat
// template and its tokens, not by its name.
#pragma once

#include <optional>
#include <string>
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
  };
  Form form = Form::kObject;
  std::string begin;  ///< "<tool_call>"; empty: the whole answer is one call
  std::string space;  ///< what stands between `begin` and the rest: "\n"
  std::string end;    ///< "</tool_call>"; may be empty
  std::string arguments_key = "arguments";
  bool short_ids = false;  ///< the template takes ids of nine letters alone
};

/// In the form kNamed: between name and arguments, and between name and an id.
inline constexpr std::string_view kArgumentsMarker = "[ARGS]";
inline constexpr std::string_view kCallIdMarker = "[CALL_ID]";

/// What surrounds reasoning.
struct ReasoningSyntax {
  std::string begin;  ///< "<think>"
  std::string end;    ///< "</think>"
};

struct AnswerSyntax {
  std::optional<CallSyntax> calls;
  std::optional<ReasoningSyntax> reasoning;

  /// The markers, which must stay in the text also where they are special tokens.
  std::vector<std::string> markers() const;
};

/// What is known of an answer before it comes.
struct AnswerPlan {
  AnswerSyntax syntax;          ///< `calls` only where the request has tools
  bool reasoning_open = false;  ///< the prompt ends inside of reasoning
  std::string begun;            ///< what the prompt has of the answer already
};

/// A model's chat template as far as its answers can be told from it.
class AnswerTemplate {
 public:
  /// Without a template: nothing is told from anything.
  AnswerTemplate() = default;
  /// Renders conversations with a call and with reasoning in them to see how they are written.
  AnswerTemplate(ChatTemplate chat_template, const Tokenizer& tokenizer);

  const AnswerSyntax& syntax() const { return syntax_; }
  /// The reasoning inside of which a prompt with the request's variables ends.
  std::optional<ReasoningSyntax> open_reasoning(const Request& request) const;

 private:
  std::optional<std::string> render(const std::string& messages, bool generation_prompt,
                                    const Request& request) const;
  std::optional<CallSyntax> find_calls() const;

  std::optional<ChatTemplate> template_;
  AnswerSyntax syntax_;
};

}  // namespace saccade::server
