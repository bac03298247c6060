// Which tools a request lets the model call, and what that makes of its answer.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "saccade/request.h"
#include "server/answer_syntax.h"
#include "server/fields.h"
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

/// Reads "tools", "tool_choice" and "parallel_tool_calls" as OpenAI's chat requests have them. The
/// chat template gets the tools. Throws ApiError.
ToolUse read_chat_tools(Fields& fields, Request& request);

/// Settles how the answer is read, and has it held to the tools: calls that the model begins go on
/// as calls of one of them with arguments that follow its schema. Call it when everything else of
/// the request has been read. Throws ApiError for what this model's calls cannot be held to.
AnswerPlan plan_answer(const ToolUse& use, const ApiContext& context, Request& request);

}  // namespace saccade::server
