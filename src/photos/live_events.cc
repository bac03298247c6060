#include "photos/live_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/json_text.h"
#include "photos/clock.h"
#include "photos/deck_json.h"
#include "photos/progress.h"
#include "photos/revision.h"
#include "saccade/error.h"

namespace saccade::photos {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLook{100};
// Figures that change more often cannot be read.
constexpr milliseconds kProgress{1000};
// So that a page that went away without a word is noticed.
constexpr std::chrono::seconds kKeepAlive{15};
// A page that has more to read than this looks at everything again.
constexpr int kMostChanges = 500;

std::string event_text(std::string_view event, std::string_view data) {
  return fmt::format("event: {}\ndata: {}\n\n", event, data);
}

}  // namespace

LiveEvents::LiveEvents(const Library& library) : library_(library) {
  library_.database().read([&](Connection& connection) {
    revision_ = current_revision(connection);
    last_photo_ = query_integer(connection, "SELECT MAX(id) FROM photos");
  });
  thread_ = std::thread([this] { watch(); });
}

LiveEvents::~LiveEvents() {
  stop();
}

void LiveEvents::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  const std::scoped_lock lock(mutex_);
  for (const Page& page : pages_) page.reply->end_stream();
  pages_.clear();
}

void LiveEvents::subscribe(const std::shared_ptr<server::Reply>& reply) {
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  reply->when_gone([gone] { *gone = true; });
  reply->begin_stream({.status = 200,
                       .body = "retry: 1000\n\n",
                       .content_type = "text/event-stream",
                       .headers = {{"Cache-Control", "no-store"}}});
  const std::scoped_lock lock(mutex_);
  if (stopping_) {
    reply->end_stream();
    return;
  }
  pages_.push_back({reply, gone});
}

void LiveEvents::publish(std::string_view event, std::string_view data) {
  const std::string text = event_text(event, data);
  const std::scoped_lock lock(mutex_);
  std::erase_if(pages_, [](const Page& page) { return page.gone->load(); });
  for (const Page& page : pages_) page.reply->write(text);
}

bool LiveEvents::has_pages() {
  const std::scoped_lock lock(mutex_);
  return !pages_.empty();
}

void LiveEvents::watch() {
  auto told = steady_clock::now();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kLook, [&] { return stopping_; });
      if (stopping_) return;
    }
    const std::int64_t before = revision_;
    try {
      look();
    } catch (const Error&) {
      continue;  // the next look may go better; the workers say what is wrong
    }
    const auto now = steady_clock::now();
    if (revision_ != before) {
      told = now;
    } else if (now - told > kKeepAlive) {
      told = now;
      publish("ping", "{}");
    }
  }
}

void LiveEvents::look() {
  struct Change {
    std::int64_t photo = 0;
    std::int64_t revision = 0;
  };
  std::vector<Change> changes;
  std::int64_t added = 0;
  const bool watched = has_pages();
  library_.database().read([&](Connection& connection) {
    const std::int64_t revision = current_revision(connection);
    if (revision == revision_) return;
    if (watched) {
      auto rows = sql(connection,
                      "SELECT id, revision FROM photos WHERE revision > ?1 ORDER BY revision LIMIT "
                      "?2",
                      revision_, kMostChanges);
      while (rows.executeStep()) {
        changes.push_back({rows.getColumn(0).getInt64(), rows.getColumn(1).getInt64()});
      }
      added = query_integer(connection, "SELECT COUNT(*) FROM photos WHERE id > ?1", last_photo_);
    }
    last_photo_ = query_integer(connection, "SELECT MAX(id) FROM photos");
    const bool all = !watched || changes.size() < static_cast<std::size_t>(kMostChanges);
    revision_ = all ? revision : changes.back().revision;
  });
  for (const Change& change : changes) {
    publish("photo", fmt::format(R"({{"id":{},"revision":{}}})", change.photo, change.revision));
  }
  if (added > 0) publish("photos", fmt::format(R"({{"added":{}}})", added));
  progress_is_old_ = progress_is_old_ || !changes.empty();
  if (progress_is_old_ && steady_clock::now() - progress_told_ >= kProgress) tell_progress();
}

void LiveEvents::tell_progress() {
  const Progress progress = library_.database().read([&](Connection& connection) {
    return read_progress(connection, library_.settings(), now_ms());
  });
  publish("progress", json_text(progress_json(progress)));
  progress_is_old_ = false;
  progress_told_ = steady_clock::now();
}

}  // namespace saccade::photos
