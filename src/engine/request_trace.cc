#include "engine/request_trace.h"

namespace saccade::engine {

void RequestTrace::tell(std::string_view name, Clock::time_point begin, Clock::time_point end,
                        std::initializer_list<TraceSpan::Argument> arguments) const {
  listener_->on_span({number_, name, begin, end, std::span(arguments.begin(), arguments.size())});
}

void RequestTrace::next(std::string_view name,
                        std::initializer_list<TraceSpan::Argument> arguments) {
  if (!listener_) return;
  const Clock::time_point now = Clock::now();
  tell(name, settled_, now, arguments);
  settled_ = now;
}

void RequestTrace::follow(Sequence& sequence) {
  if (!listener_) return;
  sequence.on_prefill = [this](Clock::time_point begin, std::int64_t tokens) {
    tell("prefill", begin, Clock::now(), {{"tokens", tokens}});
  };
  for (const auto& picture : sequence.pictures()) {
    picture->on_slice = [this](Clock::time_point begin) { tell("vision", begin, Clock::now()); };
  }
}

void RequestTrace::end(std::string_view label, std::string_view outcome, const Sequence* sequence,
                       const Usage* usage) {
  if (!listener_) return;
  const Clock::time_point now = Clock::now();
  constexpr Clock::time_point kNever{};
  if (sequence && sequence->admitted_time != kNever) {
    tell("queued", settled_, sequence->admitted_time);
  }
  if (sequence && usage && !sequence->wanted_embedding() &&
      sequence->first_token_time() != kNever) {
    tell("decode", sequence->first_token_time(), now,
         {{"completion_tokens", usage->completion_tokens}});
  }
  TraceSpan span{number_, "request", submitted_, now, {}, label, outcome};
  if (!usage) return listener_->on_span(span);
  const std::initializer_list<TraceSpan::Argument> arguments = {
      {"prompt_tokens", usage->prompt_tokens},
      {"cached_tokens", usage->cached_tokens},
      {"image_tokens", usage->image_tokens},
      {"cached_images", usage->cached_images},
      {"completion_tokens", usage->completion_tokens}};
  span.arguments = std::span(arguments.begin(), arguments.size());
  listener_->on_span(span);
}

}  // namespace saccade::engine
