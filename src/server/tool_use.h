// Which tools a request lets the model call, and what that makes of its answer.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "saccade/request.h"
#include "server/answer_syntax.h"
#include "server/fields.h"
#include "server/reasoning.h"
#include "server/request_fields.h"

namespace saccade::server {

struct Tool {
  std::string name;
  boost::json::value parameters;  ///< a JSON Schema of an object; null: it takes none
  bool strict = false;            ///< the client counts on the schema being kept
};

struct ToolUse {
  enum class Mode {
    kNone,      ///< the model does not hear of tools
    kAuto,      ///< it may call some
    kRequired,  ///< its answer is a call
  };
  std::vector<Tool> tools;
  Mode mode = Mode::kAuto;
  std::string name;      ///< of the only tool that may be called; empty: all of them
  bool parallel = true;  ///< there may be several calls in an answer

  bool active() const { return mode != Mode::kNone && !tools.empty(); }
};

/// Checks a tool's name and schema. `where` names the tool in errors. Throws ApiError.
Tool make_tool(const std::string& name, const boost::json::value* parameters,
               const std::string& where);

/// These read the tools of a request and which of them it wants called, each as one API has them:
/// OpenAI's chat completions, OpenAI's responses and Anthropic's messages. The chat template gets
/// the tools, in the shape of the first. Throw ApiError.
ToolUse read_chat_tools(Fields& fields, Request& request);
ToolUse read_response_tools(Fields& fields, Request& request);
ToolUse read_message_tools(Fields& fields, Request& request);

/// The arguments of an earlier call, which clients send as a text of JSON, as templates want them:
/// what the text says, or the text where that is no object.
boost::json::value template_arguments(const boost::json::string& text);

/// Settles how the answer is read, how long it may reason, and has it held to the tools: calls that
/// the model begins go on as calls of one of them with arguments that follow its schema. Call it
/// when everything else of the request has been read. Throws ApiError for what this model's calls
/// cannot be held to, and for reasoning that cannot be had.
AnswerPlan plan_answer(const ToolUse& use, ReasoningWish reasoning, const ApiContext& context,
                       Request& request);

}  // namespace saccade::server
