// The objects of the machine: which keys may come, in which order, and when an object may end.
#include <algorithm>

#include "grammar/machine.h"
#include "grammar/string_text.h"

namespace saccade::grammar {
namespace {

constexpr std::uint64_t kHashStart = 0xCBF29CE484222325;

}  // namespace

/// How many names may still come from name `from` on, in the generation style.
std::uint64_t Machine::names_left(const ObjectSpec& spec, const Members& members,
                                  std::size_t from) const {
  std::uint64_t left = 0;
  for (std::size_t i = from; i < spec.names.size(); ++i) {
    if (spec.names[i].allowed && !members.seen.has(i)) ++left;
  }
  return left;
}

/// Whether min can still be reached by keys behind name `from`, in the generation style.
bool Machine::enough_left(const ObjectSpec& spec, const Members& members, std::size_t from,
                          std::uint64_t count) const {
  if (count >= spec.min) return true;
  const std::uint64_t names = names_left(spec, members, from);
  if (count + names >= spec.min) return true;
  const std::uint64_t missing = spec.min - count - names;
  const std::uint64_t others = spec.keys->empty() ? 0 : spec.others_ahead[0];
  const std::uint64_t used = members.texts ? members.texts->size() : 0;
  return others == Dfa::kInfinite || (others > used && others - used >= missing);
}

bool Machine::can_add_name(const ObjectSpec& spec, const Members& members, std::size_t i) const {
  const ObjectSpec::Name& name = spec.names[i];
  if (!name.allowed || members.seen.has(i)) return false;
  const bool ordered = !program_->documents;
  if (ordered && i < members.position) return false;
  Bits needed = members.needed;
  needed.add(name.needs);
  if (members.count + needed.count_without(members.seen) + (needed.has(i) ? 0 : 1) > spec.max) {
    return false;
  }
  if (!ordered) return true;
  // What is passed over now can never come.
  return needed.first_without(members.seen) >= i &&
         enough_left(spec, members, i + 1, members.count + 1);
}

bool Machine::can_add_other(const ObjectSpec& spec, const Members& members) const {
  if (spec.keys->empty() || spec.others_ahead[0] == 0) return false;
  const std::size_t missing = members.needed.count_without(members.seen);
  if (members.count + missing >= spec.max) return false;
  if (program_->documents) return true;
  // A model writes them last, and only where the schema speaks of them or cannot do without.
  const bool wanted =
      spec.writes_others || members.count + names_left(spec, members, members.position) < spec.min;
  return missing == 0 && wanted;
}

bool Machine::can_add_any(const Place& object) const {
  const ObjectSpec& spec = program_->objects[object.spec];
  if (spec.keys->empty()) return false;
  Place start;
  start.members = object.members;
  start.spec = object.spec;
  if (spec.remembers_keys) start.text = std::make_shared<const std::string>();
  return key_viable(start);
}

bool Machine::can_close(const ObjectSpec& spec, const Members& members) const {
  return members.count >= spec.min && members.needed.count_without(members.seen) == 0;
}

bool Machine::others_open(const Place& key) const {
  const ObjectSpec& spec = program_->objects[key.spec];
  return !spec.remembers_keys && can_add_other(spec, *key.members);
}

/// Whether some key that may come begins with what `place` has read.
bool Machine::key_viable(const Place& place) const {
  const ObjectSpec& spec = program_->objects[place.spec];
  const auto state = static_cast<std::size_t>(place.state);
  const std::uint64_t others = spec.others_ahead[state];
  if (others > 0 && can_add_other(spec, *place.members)) {
    if (others == Dfa::kInfinite) return true;
    const auto begun_so = [&](const std::string& key) { return key.starts_with(*place.text); };
    const auto& texts = place.members->texts;
    if (!texts || static_cast<std::uint64_t>(std::ranges::count_if(*texts, begun_so)) < others) {
      return true;
    }
  }
  return std::ranges::any_of(spec.names_ahead[state], [&](std::uint32_t i) {
    return can_add_name(spec, *place.members, i);
  });
}

void Machine::step_object(const Thread& thread, std::uint8_t byte, Threads& out) const {
  const Place& place = thread.place;
  const ObjectSpec& spec = program_->objects[place.spec];
  const auto moved_to = [&](Place::Phase phase) {
    Thread moved = thread;
    moved.place.phase = phase;
    out.push_back(std::move(moved));
  };
  switch (place.phase) {
    case Place::kAfterItem:
      if (byte == ',' && can_add_any(place)) moved_to(Place::kAfterComma);
      if (byte == '}' && can_close(spec, *place.members)) out.push_back(resume(thread.parent));
      return;
    case Place::kAfterKey:
      if (byte == ':') moved_to(Place::kAfterColon);
      return;
    case Place::kCalled:
      return;
    case Place::kAfterColon:
      return begin_object_value(thread, byte, out);
    case Place::kOpened:
      if (byte == '}' && can_close(spec, *place.members)) out.push_back(resume(thread.parent));
      break;
    case Place::kAfterComma:
      // A model writes one space there; `count` says that it has come.
      if (!program_->documents && place.count == 0) {
        if (byte != ' ') return;
        Thread moved = thread;
        moved.place.count = 1;
        out.push_back(std::move(moved));
        return;
      }
      break;
  }
  if (byte != '"' || !can_add_any(place)) return;
  Thread key = thread;
  key.place.kind = Place::kKey;
  key.place.state = Dfa::start();
  key.place.count = 0;
  key.place.hash = kHashStart;
  if (spec.remembers_keys) key.place.text = std::make_shared<const std::string>();
  out.push_back(std::move(key));
}

void Machine::begin_object_value(const Thread& thread, std::uint8_t byte, Threads& out) const {
  Place after = thread.place;
  const auto node = static_cast<std::uint32_t>(after.count);
  after.phase = Place::kAfterItem;
  after.count = 0;
  const auto parent = std::make_shared<const Frame>(std::move(after), thread.parent);
  if (program_->documents) {
    begin_value(node, byte, parent, out);
  } else if (byte == ' ') {
    Thread value;
    value.place.kind = Place::kValue;
    value.place.spec = node;
    value.parent = parent;
    out.push_back(std::move(value));
  }
}

void Machine::step_key(const Thread& thread, std::uint8_t byte, Threads& out) const {
  const ObjectSpec& spec = program_->objects[thread.place.spec];
  Thread moved = thread;
  const auto viable = [&](const Place& place) { return program_->documents || key_viable(place); };
  switch (step_text(moved.place, byte, *spec.keys, kUnbounded, program_->documents, viable)) {
    case TextStep::kRefused:
      return;
    case TextStep::kInside:
      out.push_back(std::move(moved));
      return;
    case TextStep::kQuote:
      end_key(thread, spec.keys->label(thread.place.state), thread.place.hash, out);
      return;
  }
}

bool Machine::end_key(const Thread& key, std::int32_t label, std::uint64_t hash,
                      Threads& out) const {
  if (label < 0) return false;
  const ObjectSpec& spec = program_->objects[key.place.spec];
  const Members& before = *key.place.members;
  const auto index = static_cast<std::size_t>(label);
  const bool named = index < spec.names.size();
  if (named ? !can_add_name(spec, before, index)
            : !can_add_other(spec, before) || before.others.has(hash)) {
    return false;
  }
  auto members = std::make_shared<Members>(before);
  ++members->count;
  if (named) {
    members->seen.add(index);
    members->needed.add(spec.names[index].needs);
    members->position = index + 1;
  } else {
    members->others.add(hash);
    members->position = spec.names.size();
    if (spec.remembers_keys) {
      std::vector<std::string> texts;
      if (before.texts) texts = *before.texts;
      texts.push_back(*key.place.text);
      members->texts = std::make_shared<const std::vector<std::string>>(std::move(texts));
    }
  }
  Thread object;
  object.parent = key.parent;
  object.place.kind = Place::kObject;
  object.place.phase = Place::kAfterKey;
  object.place.spec = key.place.spec;
  object.place.count = named ? spec.names[index].node : spec.class_nodes[index - spec.names.size()];
  object.place.members = std::move(members);
  out.push_back(std::move(object));
  return true;
}

}  // namespace saccade::grammar
