// Anthropic's messages as they are sent.
#pragma once

#include <memory>

#include "server/answer_syntax.h"
#include "server/generation.h"
#include "server/request_fields.h"

namespace saccade::server {

/// The shape of a message, whole or streamed: blocks of thinking, text and tool_use.
std::unique_ptr<AnswerFormat> make_message_format(const ApiContext& context, AnswerPlan plan);

}  // namespace saccade::server
