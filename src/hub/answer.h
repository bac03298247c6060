// What to make of the Hub's answers: go on, try again, or say what is wrong.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "hub/http.h"
#include "hub/settings.h"
#include "saccade/hub.h"

namespace saccade::hub {

/// Thrown to unwind a pull that its listener cancelled.
struct Cancelled {};

/// A whole answer with its body.
bool is_good(const HttpOutcome& outcome);

/// In a few words, such as "500 from the server" or "connection refused".
std::string describe(const HttpOutcome& outcome);

/// How long to wait before the next attempt after `failures` of them; nothing when there should be
/// none: enough is enough, the answer will not change, or the server asks for more patience than
/// max_retry_after.
std::optional<std::chrono::milliseconds> wait_before_retry(const HttpOutcome& outcome, int failures,
                                                           const Tuning& tuning);

/// Throws Error for an answer that ends the pull: what was asked of whom, and what to do.
[[noreturn]] void fail_answer(const PullRequest& request, const Settings& settings,
                              const std::string& what, const HttpOutcome& outcome);

/// Requests a small document or its headers, with retries. Throws Error for every other answer than
/// a good one, and Cancelled.
struct Document {
  ResponseHead head;
  std::string body;
};
Document fetch(HttpClient& client, const Settings& settings, const PullRequest& request,
               PullListener& listener, const HttpRequest& http, const std::string& what);

}  // namespace saccade::hub
