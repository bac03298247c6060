// What a request says about how long the model may think before it answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "saccade/request.h"
#include "server/fields.h"
#include "server/request_fields.h"

namespace saccade::server {

struct ReasoningWish {
  enum class Mode {
    kDefault,  ///< nothing is said: as the chat template has it
    kOff,
    kOn,
  };
  Mode mode = Mode::kDefault;
  std::optional<std::int64_t> budget;  ///< tokens; none: as many as the model takes
  std::string effort;                  ///< "low", "medium", ...; empty: none was named
  std::string field;                   ///< that said it, for errors
};

/// These read it as each API has it, all with "thinking_budget" besides: "reasoning_effort" of
/// OpenAI's chat completions, "reasoning" of its responses, "thinking" of Anthropic's messages with
/// the "effort" of `output_config`, which may be null. Throw ApiError.
ReasoningWish read_chat_reasoning(Fields& fields);
ReasoningWish read_response_reasoning(Fields& fields);
ReasoningWish read_message_reasoning(Fields& fields, Fields* output_config);

/// Sets the variables of the chat template that `wish` comes down to, and leaves in it what they do
/// not bring about: a budget, where the template knows no efforts. Throws ApiError where the model
/// knows no reasoning; a lenient server forgets the wish.
void settle_reasoning(ReasoningWish& wish, const ApiContext& context, Request& request);

}  // namespace saccade::server
