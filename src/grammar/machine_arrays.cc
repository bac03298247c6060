// Arrays: their lengths, and items that are counted class by class.
#include <algorithm>

#include "grammar/machine.h"
#include "grammar/machine_threads.h"

namespace saccade::grammar {
namespace {

/// What classes of items still need and can take.
struct ItemCounts {
  const ArraySpec& spec;
  const Place& place;

  std::uint64_t have(std::size_t i) const { return place.members->items[i]; }
  /// Items that must still come.
  std::uint64_t needed() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < spec.classes.size(); ++i) {
      sum += spec.classes[i].min - std::min(have(i), spec.classes[i].min);
    }
    return sum;
  }
  /// Whether one more leaves room for those. There are always values enough to come to spec.min,
  /// since the compiler saw to it for an empty array.
  bool takes(std::size_t i) const {
    const ItemClass& items = spec.classes[i];
    const bool is_needed = have(i) < items.min;
    return have(i) < items.max && place.count + needed() + (is_needed ? 0 : 1) <= spec.max;
  }
  bool takes_any() const {
    for (std::size_t i = 0; i < spec.classes.size(); ++i) {
      if (takes(i)) return true;
    }
    return false;
  }
};

}  // namespace

Thread Machine::begin_array(std::uint32_t spec, const FramePtr& parent) const {
  Thread thread = thread_at(Place::kArray, spec, parent);
  if (const std::size_t classes = program_->arrays[spec].classes.size(); classes > 0) {
    auto members = std::make_shared<Members>();
    members->items.resize(classes, 0);
    thread.place.members = std::move(members);
  }
  return thread;
}

void Machine::step_array(const Thread& thread, std::uint8_t byte, Threads& out) const {
  const ArraySpec& spec = program_->arrays[thread.place.spec];
  const Place& place = thread.place;
  const bool counts = place.members != nullptr;
  if (byte == ']') {
    const bool enough =
        place.count >= spec.min && (!counts || ItemCounts{spec, place}.needed() == 0);
    if (place.phase != Place::kAfterComma && enough) add_thread(out, resume(thread.parent));
    return;
  }
  if (place.count >= spec.max) return;
  if (place.phase == Place::kAfterItem) {
    if (byte != ',' || (counts && !ItemCounts{spec, place}.takes_any())) return;
    Thread moved = thread;
    moved.place.phase = Place::kAfterComma;
    add_thread(out, std::move(moved));
    return;
  }
  Place after = place;
  after.phase = Place::kAfterItem;
  ++after.count;
  if (!counts) return begin_item(spec.node(place.count), place, after, thread.parent, byte, out);
  for (std::size_t i = 0; i < spec.classes.size(); ++i) {
    if (!ItemCounts{spec, place}.takes(i)) continue;
    auto members = std::make_shared<Members>(*place.members);
    ++members->items[i];
    after.members = std::move(members);
    begin_item(spec.classes[i].node, place, after, thread.parent, byte, out);
  }
}

/// The first byte of an item, behind which the array goes on at `after`.
void Machine::begin_item(std::uint32_t node, const Place& place, const Place& after,
                         const FramePtr& array, std::uint8_t byte, Threads& out) const {
  const auto parent = std::make_shared<const Frame>(after, array);
  // A model writes one space behind each comma.
  if (place.phase == Place::kAfterComma && !program_->documents) {
    if (byte == ' ') add_thread(out, thread_at(Place::kValue, node, parent));
  } else {
    begin_value(node, byte, parent, out);
  }
}

}  // namespace saccade::grammar
