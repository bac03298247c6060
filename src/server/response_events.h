// How /v1/responses tells answers, whole and as a stream of events.
#pragma once

#include <boost/json/object.hpp>
#include <memory>

#include "server/generation.h"
#include "server/request_fields.h"

namespace saccade::server {

/// `plan` says how the answer is to be read; `settings` are members of the response object that
/// repeat what was asked for.
std::unique_ptr<AnswerFormat> make_response_format(const ApiContext& context, AnswerPlan plan,
                                                   boost::json::object settings);

}  // namespace saccade::server
