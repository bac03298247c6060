#include "hub/answer.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::hub {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// The longest list of files that a repository on the Hub has is a few megabytes.
constexpr std::size_t kMaxDocumentBytes = std::size_t{32} << 20;
constexpr milliseconds kStep{100};  // how often the listener is asked

bool is_passing(long status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

/// An error status says more than the connection's end after it.
bool has_error_status(const HttpOutcome& outcome) {
  return outcome.head.status >= 300;
}

[[noreturn]] void fail_denied(const PullRequest& request, const Settings& settings, long status,
                              const std::string& error_code) {
  const std::string& name = request.repository;
  if (error_code == "GatedRepo" || (status == 403 && error_code.empty())) {
    fail("{}: access to it is gated or refused ({}); accept its terms at {}/{} and {}", name,
         status, settings.endpoint, name,
         settings.token.empty() ? "set HF_TOKEN to a token of that account"
                                : "check that HF_TOKEN is a token of that account");
  }
  if (status == 403) {
    fail("{}: {} refuses access (403 {}); check what your token may read", name, settings.endpoint,
         error_code);
  }
  if (settings.token.empty()) {
    fail(
        "{}: not open to everybody at {}, or not there (401); check the name, or set HF_TOKEN to "
        "a token that may read it",
        name, settings.endpoint);
  }
  fail("{}: {} does not accept the token for it (401); check the name and HF_TOKEN", name,
       settings.endpoint);
}

[[noreturn]] void fail_missing(const PullRequest& request, const Settings& settings,
                               const std::string& what, const std::string& error_code) {
  const std::string& name = request.repository;
  if (error_code == "RevisionNotFound") {
    fail("{}: no revision \"{}\" at {}; check --revision", name, request.revision,
         settings.endpoint);
  }
  if (error_code == "EntryNotFound") {
    fail("{}: {} is not there any more (404); pull again", name, what);
  }
  fail("{}: {} is not at {} (404); check the name{}", name, what, settings.endpoint,
       request.revision == "main" ? "" : " and --revision");
}

}  // namespace

bool is_good(const HttpOutcome& outcome) {
  return !outcome.cut && (outcome.head.status == 200 || outcome.head.status == 206);
}

std::string describe(const HttpOutcome& outcome) {
  if (has_error_status(outcome)) return fmt::format("{} from the server", outcome.head.status);
  return outcome.reason.empty() ? "an incomplete answer" : outcome.reason;
}

std::optional<milliseconds> wait_before_retry(const HttpOutcome& outcome, int failures,
                                              const Tuning& tuning) {
  const bool passing =
      has_error_status(outcome) ? is_passing(outcome.head.status) : !outcome.hopeless;
  if (!passing || failures >= tuning.max_attempts) return std::nullopt;
  if (outcome.retry_after > tuning.max_retry_after) return std::nullopt;
  const milliseconds wait = tuning.first_retry * (1 << std::clamp(failures - 1, 0, 16));
  return std::max<milliseconds>(std::min(wait, tuning.max_retry), outcome.retry_after);
}

void fail_answer(const PullRequest& request, const Settings& settings, const std::string& what,
                 const HttpOutcome& outcome) {
  const std::string& name = request.repository;
  const long status = outcome.head.status;
  if (!has_error_status(outcome) && outcome.hopeless) {
    fail(
        "{}: {} did not come from {}: {}; check HF_ENDPOINT, and SSL_CERT_FILE where a proxy has "
        "certificates of its own",
        name, what, settings.endpoint, describe(outcome));
  }
  if (!has_error_status(outcome)) {
    fail(
        "{}: {} did not come from {}: {}; check the connection and pull again: what came so far is "
        "kept",
        name, what, settings.endpoint, describe(outcome));
  }
  if (status == 401 || status == 403) {
    fail_denied(request, settings, status, outcome.head.error_code);
  }
  if (status == 404) fail_missing(request, settings, what, outcome.head.error_code);
  if (status == 429) {
    const auto wait_s = outcome.retry_after.count();
    fail("{}: {} has had too many requests (429); pull again {}{}", name, settings.endpoint,
         wait_s > 0 ? fmt::format("in {} s", wait_s) : "later",
         settings.token.empty() ? ", or set HF_TOKEN, which allows more of them" : "");
  }
  if (is_passing(status)) {
    fail("{}: {} is in trouble ({} for {}); pull again later: what came so far is kept", name,
         settings.endpoint, status, what);
  }
  fail("{}: {} answered {} for {}; check HF_ENDPOINT and the name", name, settings.endpoint, status,
       what);
}

Document fetch(HttpClient& client, const Settings& settings, const PullRequest& request,
               PullListener& listener, const HttpRequest& http, const std::string& what) {
  for (int failures = 1;; ++failures) {
    Document document;
    std::optional<HttpOutcome> outcome;
    client.start(
        http,
        [&](const ResponseHead&, std::span<const std::byte> bytes) {
          if (document.body.size() + bytes.size() > kMaxDocumentBytes) {
            fail("{}: {} is longer than {} bytes", request.repository, what, kMaxDocumentBytes);
          }
          document.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          return true;
        },
        [&](const HttpOutcome& done) { outcome = done; });
    while (!outcome) {
      if (listener.cancelled()) throw Cancelled();
      client.step(kStep);
    }
    if (is_good(*outcome)) {
      document.head = outcome->head;
      return document;
    }
    const auto wait = wait_before_retry(*outcome, failures, settings.tuning);
    if (!wait) fail_answer(request, settings, what, *outcome);
    listener.on_notice(fmt::format("{}: {}; trying again in {:.0f} s", what, describe(*outcome),
                                   static_cast<double>(wait->count()) / 1000.0));
    for (const auto end = Clock::now() + *wait; Clock::now() < end;) {
      if (listener.cancelled()) throw Cancelled();
      client.step(std::min(kStep, *wait));
    }
  }
}

}  // namespace saccade::hub
