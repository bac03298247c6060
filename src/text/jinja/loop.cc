#include "text/jinja/loop.h"

#include "text/jinja/fault.h"
#include "text/jinja/numbers.h"
#include "text/jinja/runtime.h"

namespace saccade::text::jinja {
namespace {

/// loop.cycle or loop.changed, with the loop it belongs to.
class LoopMethod final : public Object {
 public:
  using Function = Value (*)(Runtime&, LoopContext&, std::vector<Value>);

  LoopMethod(std::shared_ptr<LoopContext> loop, Function function)
      : loop_(std::move(loop)), function_(function) {}
  std::string_view type_name() const override { return "method"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, Arguments arguments) override {
    if (!arguments.keyword.empty()) raise("a method of loop takes no keyword arguments");
    return function_(runtime, *loop_, std::move(arguments.positional));
  }

 private:
  std::shared_ptr<LoopContext> loop_;
  Function function_;
};

Value cycle_values(Runtime&, LoopContext& loop, std::vector<Value> values) {
  if (values.empty()) raise("no items for cycling given");
  const auto count = static_cast<Integer>(values.size());
  return values[static_cast<std::size_t>(floor_modulo(loop.index0(), count))];
}

Value report_change(Runtime& runtime, LoopContext& loop, std::vector<Value> values) {
  return Value::boolean(loop.changed(runtime.tuple(std::move(values))));
}

}  // namespace

Value ItemSource::next() {
  while (items_ != nullptr && position_ < items_->items.size()) {
    const Value& item = items_->items[position_++];
    if (!filter_ || filter_(item)) return item;
  }
  return {};
}

std::optional<std::size_t> ItemSource::size() const {
  if (filter_ || items_ == nullptr) return std::nullopt;
  return items_->items.size();
}

Value LoopContext::advance() {
  Value item = peek();
  after_ = Value();
  if (item.is_missing()) return item;
  ++index0_;
  before_ = std::move(current_);
  current_ = item;
  return item;
}

void LoopContext::clear() {
  source_ = ItemSource(nullptr, nullptr);
  after_ = before_ = current_ = last_changed_ = Value();
  read_ahead_.clear();
  recurse_ = nullptr;
}

const Value& LoopContext::peek() const {
  if (after_.is_missing()) {
    after_ = read_ahead_position_ < read_ahead_.size() ? read_ahead_[read_ahead_position_++]
                                                       : source_.next();
  }
  return after_;
}

std::size_t LoopContext::count() const {
  if (!count_) count_ = source_.size();
  if (!count_) {
    // As jinja2 does: work the rest out, and hand it out from there.
    for (Value item = source_.next(); !item.is_missing(); item = source_.next()) {
      read_ahead_.push_back(std::move(item));
    }
    const auto passed = static_cast<std::size_t>(index0_ + 1);
    const std::size_t ahead = read_ahead_.size() - read_ahead_position_;
    count_ = passed + ahead + (after_.is_missing() ? 0 : 1);
  }
  return *count_;
}

void LoopContext::append_repr(std::string& out, int) const {
  out += "<LoopContext " + integer_repr(index0_ + 1) + "/" +
         integer_repr(static_cast<Integer>(count())) + ">";
}

Value LoopContext::call(Runtime&, Arguments arguments) {
  const std::vector<Value> bound = bind_arguments("loop", arguments, {"iterable"}, 1);
  if (!recurse_) {
    raise("The loop must have the 'recursive' marker to be called recursively.");
  }
  return recurse_(bound[0], depth_ + 1);
}

bool LoopContext::changed(Value values) {
  if (!last_changed_.is_missing() && jinja::equals(last_changed_, values)) return false;
  last_changed_ = std::move(values);
  return true;
}

Value LoopContext::attribute(Runtime&, std::string_view name) {
  const auto number = [](Integer value) { return Value::integer(value); };
  const auto total = [this] { return static_cast<Integer>(count()); };
  if (name == "index") return number(index0_ + 1);
  if (name == "index0") return number(index0_);
  if (name == "first") return Value::boolean(index0_ == 0);
  if (name == "last") return Value::boolean(peek().is_missing());
  if (name == "length") return number(total());
  if (name == "revindex") return number(total() - index0_);
  if (name == "revindex0") return number(total() - index0_ - 1);
  if (name == "depth") return number(depth_ + 1);
  if (name == "depth0") return number(depth_);
  if (name == "previtem") {
    return index0_ == 0 ? Value::undefined("there is no previous item") : before_;
  }
  if (name == "nextitem") {
    return peek().is_missing() ? Value::undefined("there is no next item") : peek();
  }
  if (name != "cycle" && name != "changed") return {};
  // The loop lives in a frame's slot, and so behind a shared pointer.
  auto self = std::static_pointer_cast<LoopContext>(shared_from_this());
  return Value::object(std::make_shared<LoopMethod>(
      std::move(self), name == "cycle" ? cycle_values : report_change));
}

}  // namespace saccade::text::jinja
