// `loop`: what a for loop tells its body.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/object.h"

namespace saccade::text::jinja {

/// Hands out the items of a loop one by one. With a filter it looks no further than it is asked to,
/// because the body may change what the filter sees.
class ItemSource {
 public:
  using Filter = std::function<bool(const Value&)>;

  ItemSource(std::shared_ptr<const Sequence> items, Filter filter)
      : items_(std::move(items)), filter_(std::move(filter)) {}

  /// Missing at the end.
  Value next();
  /// How many items there are in all, where that is known without looking.
  std::optional<std::size_t> size() const;

 private:
  std::shared_ptr<const Sequence> items_;
  Filter filter_;
  std::size_t position_ = 0;
};

class LoopContext final : public Object {
 public:
  using Recurse = std::function<Value(const Value& items, int depth)>;

  LoopContext(ItemSource source, int depth, Recurse recurse)
      : source_(std::move(source)), depth_(depth), recurse_(std::move(recurse)) {}

  /// The item of the next round; missing when the loop is over.
  Value advance();
  void clear() override;

  std::string_view type_name() const override { return "LoopContext"; }
  void append_repr(std::string& out, int depth) const override;
  bool callable() const override { return true; }
  Value call(Runtime& runtime, Arguments arguments) override;
  Value attribute(Runtime& runtime, std::string_view name) override;
  std::optional<std::size_t> length() const override { return count(); }

  /// loop.changed(values...).
  bool changed(Value values);
  Integer index0() const { return index0_; }

 private:
  std::size_t count() const;
  const Value& peek() const;

  // Looking ahead does not change what the loop is.
  mutable ItemSource source_;
  mutable Value after_;
  mutable std::vector<Value> read_ahead_;  ///< behind after_
  mutable std::size_t read_ahead_position_ = 0;
  mutable std::optional<std::size_t> count_;
  Value before_, current_, last_changed_;
  Integer index0_ = -1;
  int depth_;  ///< 0 for the outermost loop of a recursion
  Recurse recurse_;
};

}  // namespace saccade::text::jinja
