#include "hub/downloader.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "hub/checksum.h"
#include "hub/names.h"

namespace saccade::hub {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStep{50};            // between looks at everything else
constexpr milliseconds kSaveInterval{1000};  // what a killed process loses at most
constexpr milliseconds kNoticeInterval{1000};
constexpr int kMaxFailedChecks = 2;

}  // namespace

Downloader::Downloader(HttpClient& client, const Settings& settings, const PullRequest& request,
                       PullListener& listener, std::string files_url, std::filesystem::path blobs)
    : client_(client),
      settings_(settings),
      request_(request),
      listener_(listener),
      files_url_(std::move(files_url)),
      blobs_(std::move(blobs)) {}

Downloader::~Downloader() {
  for (const Active& active : active_) client_.cancel(active.id);
  stop_ = true;  // the checks' futures wait for them
}

std::int64_t Downloader::run(const std::vector<RemoteFile>& files) {
  for (const RemoteFile& file : files) {
    Item& item = items_.emplace_back();
    item.file = file;
    item.blob = std::make_unique<PartialBlob>(blobs_, file.blob, file.bytes);
    total_bytes_ += file.bytes;
  }
  check_room();
  for (Item& item : items_) plan(item);
  while (!items_.empty()) {
    if (listener_.cancelled()) throw Cancelled();
    start_pieces();
    client_.step(kStep);
    collect_checks();
    report();
    if (Clock::now() - saved_ > kSaveInterval) {
      for (Item& item : items_) item.blob->save();
      saved_ = Clock::now();
    }
  }
  return received_bytes_;
}

/// Better now than after an hour.
void Downloader::check_room() const {
  std::int64_t wanted = 0;
  for (const Item& item : items_) wanted += item.file.bytes - item.blob->done_bytes();
  std::error_code status;
  const std::filesystem::space_info space = std::filesystem::space(blobs_, status);
  if (status || static_cast<std::uintmax_t>(wanted) <= space.available) return;
  fail(
      "{}: no room: {} bytes are wanted and {} free; make room, or set HF_HUB_CACHE to a folder on "
      "another disk",
      blobs_.string(), wanted, space.available);
}

/// Cuts what is missing of a file into pieces.
void Downloader::plan(Item& item) {
  const std::int64_t step = settings_.tuning.piece_bytes;
  for (const ByteRange& gap : item.blob->missing()) {
    for (std::int64_t begin = gap.begin; begin < gap.end; begin += step) {
      waiting_.push_back({&item, {begin, std::min(begin + step, gap.end)}});
      ++item.open_pieces;
    }
  }
  if (item.open_pieces == 0) begin_check(item);
}

void Downloader::start_pieces() {
  const Clock::time_point now = Clock::now();
  if (now < pause_until_) return;
  for (auto piece = waiting_.begin(); piece != waiting_.end();) {
    if (active_.size() >= static_cast<std::size_t>(settings_.tuning.connections)) return;
    if (piece->not_before > now) {
      ++piece;
      continue;
    }
    start(*piece);
    piece = waiting_.erase(piece);
  }
}

void Downloader::start(const Piece& piece) {
  // Through the Hub each time, not to the address that it redirected the last piece to: that one is
  // signed for some minutes, and at times for one range.
  HttpRequest request{files_url_ + percent_encoded(piece.item->file.name, true)};
  const bool all = piece.range == ByteRange{0, piece.item->file.bytes};
  if (!all) request.range = piece.range;
  Active& active = active_.emplace_back();
  active.at = piece.range.begin;
  active.piece = piece;
  active.id = client_.start(
      request,
      [this, &active](const ResponseHead& head, std::span<const std::byte> bytes) {
        return take(active, head, bytes);
      },
      [this, &active](const HttpOutcome& outcome) { finish(active, outcome); });
}

bool Downloader::take(Active& active, const ResponseHead& head, std::span<const std::byte> bytes) {
  if (head.status != 200 && head.status != 206) return false;  // nobody reads an error's page
  if (!active.head_checked) examine(active, head);
  active.head_checked = true;
  const auto size = static_cast<std::int64_t>(bytes.size());
  if (active.flaw.empty() && active.at + size > active.piece.range.end) {
    active.flaw = "more bytes than asked for";
  }
  if (!active.flaw.empty()) return false;
  active.piece.item->blob->write(active.at, bytes);
  active.at += size;
  received_bytes_ += size;
  return true;
}

/// Whether a response is what the piece asked for.
void Downloader::examine(Active& active, const ResponseHead& head) const {
  const Piece& piece = active.piece;
  const std::int64_t total = piece.item->file.bytes;
  const bool all = piece.range == ByteRange{0, total};
  if (head.status == 200) {
    active.ignored_range = !all;
    if (!all) active.flaw = "the server sends whole files only";
    if (all && head.content_length.value_or(total) != total) {
      active.flaw = fmt::format("wanted {} bytes, found {}", total, *head.content_length);
    }
    return;
  }
  const auto& found = head.content_range;
  // A server may send less than the whole range.
  const bool fits = found && found->range.begin == piece.range.begin &&
                    found->range.end <= piece.range.end &&
                    (found->total == -1 || found->total == total);
  if (!fits) {
    active.flaw = fmt::format("wanted bytes {}-{} of {}, found another Content-Range",
                              piece.range.begin, piece.range.end - 1, total);
  }
}

void Downloader::finish(Active& active, HttpOutcome outcome) {
  const auto position = std::find_if(active_.begin(), active_.end(),
                                     [&](const Active& other) { return &other == &active; });
  std::list<Active> done;
  done.splice(done.begin(), active_, position);
  Item& item = *active.piece.item;
  if (active.ignored_range) return fetch_whole(item);
  if (active.flaw.empty() && active.at == active.piece.range.end) {
    if (--item.open_pieces == 0) begin_check(item);
    return;
  }
  if (!active.flaw.empty()) {
    outcome.cut = true;
    outcome.hopeless = false;
    outcome.reason = active.flaw;
  }
  retry(active, outcome);
}

void Downloader::retry(const Active& active, const HttpOutcome& outcome) {
  Piece piece = active.piece;
  const bool gained = active.at - piece.range.begin >= settings_.tuning.min_gain_bytes;
  if (piece.item->whole) {
    piece.item->blob->restart();
  } else {
    piece.range.begin = active.at;
    if (gained) piece.failures = 0;
  }
  ++piece.failures;
  const auto wait = wait_before_retry(outcome, piece.failures, settings_.tuning);
  const std::string& name = piece.item->file.name;
  if (!wait) fail_answer(request_, settings_, name, outcome);
  const Clock::time_point again = Clock::now() + *wait;
  if (outcome.retry_after.count() > 0) pause_until_ = std::max(pause_until_, again);
  notice(fmt::format("{}: {}; trying again in {:.0f} s", name, describe(outcome),
                     static_cast<double>(wait->count()) / 1000.0));
  piece.not_before = again;
  waiting_.push_front(piece);
}

/// Gives up ranges for a file whose server does not do them, and all that came with them.
void Downloader::fetch_whole(Item& item) {
  for (auto active = active_.begin(); active != active_.end();) {
    if (active->piece.item == &item) {
      client_.cancel(active->id);
      active = active_.erase(active);
    } else {
      ++active;
    }
  }
  std::erase_if(waiting_, [&](const Piece& piece) { return piece.item == &item; });
  item.blob->restart();
  item.whole = true;
  item.open_pieces = 1;
  waiting_.push_front({&item, {0, item.file.bytes}});
}

void Downloader::begin_check(Item& item) {
  item.check = std::async(std::launch::async, [this, &item] {
    item.blob->flush();
    // A server of another kind may name its files as it likes; their sizes have to do then.
    if (!is_object_id(item.file.blob)) return item.file.blob;
    return file_checksum(item.blob->path(), item.file.blob, stop_);
  });
}

void Downloader::collect_checks() {
  for (auto item = items_.begin(); item != items_.end();) {
    const bool ready =
        item->check.valid() && item->check.wait_for(milliseconds(0)) == std::future_status::ready;
    if (ready) take_check(*item, item->check.get());
    const auto next = std::next(item);
    if (ready && item->open_pieces == 0 && !item->check.valid()) {
      finished_bytes_ += item->file.bytes;
      items_.erase(item);
    }
    item = next;
  }
}

void Downloader::take_check(Item& item, const std::string& found) {
  const RemoteFile& file = item.file;
  if (found == file.blob) {
    item.blob->publish();
    listener_.on_file({file.name, file.bytes}, false);
    return;
  }
  // Without this, a later pull would take the same bytes for done.
  item.blob->restart();
  if (++item.failed_checks >= kMaxFailedChecks) {
    fail(
        "{}: {} came damaged {} times: wanted the {} {}, found {}; pull again later, or tell its "
        "owner",
        request_.repository, file.name, item.failed_checks,
        file.blob.size() == 64 ? "SHA-256" : "git object", file.blob, found);
  }
  notice(fmt::format("{}: damaged on the way; fetching it once more", file.name));
  item.whole = false;
  plan(item);
}

void Downloader::report() {
  PullProgress progress;
  progress.done_bytes = finished_bytes_;
  for (const Item& item : items_) progress.done_bytes += item.blob->done_bytes();
  progress.total_bytes = total_bytes_;
  progress.received_bytes = received_bytes_;
  progress.checking = waiting_.empty() && active_.empty();
  listener_.on_progress(progress);
}

/// Eight connections that are cut at once are one piece of news.
void Downloader::notice(const std::string& line) {
  if (Clock::now() - noticed_ < kNoticeInterval) return;
  noticed_ = Clock::now();
  listener_.on_notice(line);
}

}  // namespace saccade::hub
