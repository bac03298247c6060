#include "server/exchange.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace saccade::server {
namespace asio = boost::asio;

Exchange::Exchange(asio::any_io_executor strand, std::size_t max_unread_bytes,
                   std::function<void()> cut)
    : wake_(std::move(strand), asio::steady_timer::time_point::max()),
      max_unread_bytes_(max_unread_bytes),
      cut_(std::move(cut)) {}

/// Changes what is pending and wakes the connection.
void Exchange::change(const std::function<void()>& update) {
  const std::lock_guard lock(mutex_);
  if (closed_ || pending_.gone || ended_) return;
  update();
  // On the strand, where next() looks and waits without a gap. Whoever writes may hold locks that
  // the callback takes as well, so that it is called there too.
  asio::post(wake_.get_executor(),
             [self = shared_from_this(), stalled = stalled_,
              gone = stalled_ ? std::exchange(when_gone_, nullptr) : nullptr] {
               self->wake_.cancel();
               if (stalled) self->cut_();
               if (gone) gone();
             });
}

void Exchange::send(HttpResponse response) {
  change([&] {
    if (begun_) return;
    pending_.head = std::move(response);
    pending_.complete = begun_ = ended_ = true;
  });
}

void Exchange::begin_stream(HttpResponse head) {
  change([&] {
    if (begun_) return;
    pending_.piece = std::move(head.body);
    pending_.head = std::move(head);
    pending_.streams = begun_ = true;
  });
}

void Exchange::write(std::string_view piece) {
  change([&] {
    if (!begun_) return;
    pending_.piece += piece;
    if (pending_.piece.size() > max_unread_bytes_) stalled_ = pending_.gone = true;
  });
}

void Exchange::end_stream() {
  change([&] {
    if (begun_) pending_.complete = ended_ = true;
  });
}

void Exchange::when_gone(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!pending_.gone) {
      when_gone_ = std::move(callback);
      return;
    }
  }
  callback();
}

void Exchange::note(std::string fields) {
  const std::lock_guard lock(mutex_);
  if (!notes_.empty()) notes_ += ' ';
  notes_ += fields;
}

asio::awaitable<Exchange::Output> Exchange::next() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (pending_.head || !pending_.piece.empty() || pending_.complete || pending_.gone) {
        Output output = std::move(pending_);
        pending_ = {};
        pending_.gone = output.gone;
        co_return output;
      }
    }
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void Exchange::leave() {
  std::function<void()> gone;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || pending_.gone) return;
    pending_.gone = true;
    gone.swap(when_gone_);
  }
  asio::post(wake_.get_executor(), [self = shared_from_this()] { self->wake_.cancel(); });
  if (gone) gone();
}

void Exchange::close() {
  // What the callback holds may hold this exchange.
  std::function<void()> dropped;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(when_gone_);
}

bool Exchange::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

bool Exchange::stalled() const {
  const std::lock_guard lock(mutex_);
  return stalled_;
}

std::string Exchange::notes() const {
  const std::lock_guard lock(mutex_);
  return notes_;
}

}  // namespace saccade::server
