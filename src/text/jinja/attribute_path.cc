#include "text/jinja/attribute_path.h"

#include <algorithm>
#include <numeric>

#include "text/jinja/fault.h"
#include "text/jinja/numbers.h"
#include "text/jinja/operators.h"
#include "text/jinja/string_split.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

/// Merge sort, because a comparison may raise and std::sort wants an order even then.
class MergeSort {
 public:
  MergeSort(Runtime& runtime, const std::vector<Value>& keys, bool reverse)
      : runtime_(runtime), keys_(keys), reverse_(reverse) {}

  std::vector<std::size_t> run() {
    std::vector<std::size_t> order(keys_.size()), other(keys_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t width = 1; width < order.size(); width *= 2) {
      for (std::size_t start = 0; start < order.size(); start += 2 * width) {
        merge(order, other, start, width);
      }
      order.swap(other);
    }
    return order;
  }

 private:
  bool before(std::size_t left, std::size_t right) {
    runtime_.step();
    runtime_.charge(std::min(keys_[left].weight(), keys_[right].weight()));
    return reverse_ ? less(keys_[right], keys_[left]) : less(keys_[left], keys_[right]);
  }

  void merge(const std::vector<std::size_t>& from, std::vector<std::size_t>& to, std::size_t start,
             std::size_t width) {
    std::size_t left = start, right = std::min(start + width, from.size());
    const std::size_t middle = right, end = std::min(start + 2 * width, from.size());
    for (std::size_t i = start; i < end; ++i) {
      const bool take_right = left == middle || (right < end && before(from[right], from[left]));
      to[i] = from[take_right ? right++ : left++];
    }
  }

  Runtime& runtime_;
  const std::vector<Value>& keys_;
  bool reverse_;
};

}  // namespace

AttributePath::AttributePath(const Value& attribute, Value fallback)
    : fallback_(std::move(fallback)) {
  if (attribute.is_missing() || attribute.is_none()) return;
  if (!attribute.is_string()) {
    parts_.push_back(attribute);
    return;
  }
  for (const std::string_view part : split_at(attribute.as_string(), ".", -1, false)) {
    const bool is_index = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
    parts_.push_back(is_index ? Value::integer(parse_integer(part, 10).value_or(0))
                              : Value::string(std::string(part)));
  }
}

Value AttributePath::get(Runtime& runtime, Value item) const {
  for (const Value& part : parts_) {
    runtime.step();
    item = runtime.item(item, part);
    const bool replace = item.is_undefined() && !fallback_.is_missing() && !fallback_.is_none();
    if (replace) item = fallback_;
  }
  return item;
}

Value AttributePath::key(Runtime& runtime, const Value& item, bool case_sensitive) const {
  Value value = get(runtime, item);
  return case_sensitive ? value : ignore_case(runtime, value);
}

Value ignore_case(Runtime& runtime, const Value& value) {
  return value.is_string() ? runtime.string(lower(value.as_string())) : value;
}

std::vector<std::size_t> sorted_order(Runtime& runtime, const std::vector<Value>& keys,
                                      bool reverse) {
  return MergeSort(runtime, keys, reverse).run();
}

}  // namespace saccade::text::jinja
