#include "grammar/machine.h"

#include <algorithm>

#include "base/error.h"
#include "grammar/machine_threads.h"
#include "grammar/number_automaton.h"
#include "grammar/string_text.h"
#include "grammar/tagged_value.h"

namespace saccade::grammar {
namespace {

constexpr int kMaxReturns = 5'000;  // rules that may end at one byte
constexpr std::size_t kMaxNumberLength = 2'000;

bool is_space(std::uint8_t byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  a = (a ^ b) * 0x9E3779B97F4A7C15;
  return a ^ a >> 29;
}

std::uint64_t hash_of(const Place& place) {
  std::uint64_t hash = mix(place.kind, place.phase);
  hash = mix(hash, place.spec);
  hash = mix(hash, static_cast<std::uint64_t>(place.state));
  hash = mix(hash, place.count);
  hash = mix(hash, place.hash);
  // Members and texts are shared where they are the same, and else taken as different.
  hash = mix(hash, reinterpret_cast<std::uintptr_t>(place.members.get()));
  return mix(hash, reinterpret_cast<std::uintptr_t>(place.text.get()));
}

bool same(const Thread& a, const Thread& b) {
  const Place& p = a.place;
  const Place& q = b.place;
  if (p.kind != q.kind || p.phase != q.phase || p.spec != q.spec || p.state != q.state ||
      p.count != q.count || p.hash != q.hash || p.members != q.members || p.text != q.text ||
      !(p.escape == q.escape)) {
    return false;
  }
  return a.parent == b.parent || (a.parent && b.parent && a.parent->hash == b.parent->hash);
}

}  // namespace

void add_thread(Threads& out, Thread thread) {
  for (const Thread& other : out) {
    if (same(thread, other)) return;
  }
  if (out.size() >= Machine::kMaxThreads) {
    fail("the grammar is too ambiguous: over {} ways to read the text so far",
         Machine::kMaxThreads);
  }
  out.push_back(std::move(thread));
}

Thread thread_at(Place::Kind kind, std::uint32_t spec, FramePtr parent) {
  Thread thread;
  thread.place.kind = kind;
  thread.place.spec = spec;
  thread.parent = std::move(parent);
  return thread;
}

Frame::Frame(Place p, FramePtr up) : place(std::move(p)), parent(std::move(up)) {
  hash = mix(hash_of(place), parent ? parent->hash : 0);
}

/// Unlinks a long chain step by step: the recursion of plain destructors would use up the stack.
Frame::~Frame() {
  while (parent && parent.use_count() == 1) {
    FramePtr next = std::move(parent->parent);
    parent = std::move(next);
  }
}

Thread Machine::resume(const FramePtr& parent) {
  return parent ? Thread{parent->place, parent->parent} : Thread{};
}

Threads Machine::start() const {
  Thread thread = thread_at(program_->json ? Place::kValue : Place::kAutomaton, 0, nullptr);
  if (!program_->json && program_->automata[0]->empty()) return {};
  return {thread};
}

Threads Machine::step(const Threads& threads, std::uint8_t byte) const {
  Threads out;
  step(threads, byte, out);
  return out;
}

void Machine::step(const Threads& threads, std::uint8_t byte, Threads& out) const {
  out.clear();
  for (const Thread& thread : threads) step(thread, byte, out, 0);
}

Threads Machine::advance(Threads threads, std::string_view bytes) const {
  for (const char byte : bytes) {
    if (threads.empty()) break;
    threads = step(threads, static_cast<std::uint8_t>(byte));
  }
  return threads;
}

void Machine::step(const Thread& thread, std::uint8_t byte, Threads& out, int depth) const {
  if (depth > kMaxReturns)
    fail("the grammar is too ambiguous: over {} rules end at once", kMaxReturns);
  const Place& place = thread.place;
  const bool space = program_->documents && program_->json && is_space(byte);
  switch (place.kind) {
    case Place::kDone:
      if (space) add_thread(out, thread);
      return;
    case Place::kValue:
      if (space) {
        add_thread(out, thread);
      } else {
        begin_value(place.spec, byte, thread.parent, out);
      }
      return;
    case Place::kAutomaton:
      return step_automaton(thread, byte, out, depth);
    case Place::kNumber:
      return step_number(thread, byte, out);
    case Place::kString:
      return step_string(thread, byte, out);
    case Place::kKey:
      return step_key(thread, byte, out);
    case Place::kArray:
      if (space) {
        add_thread(out, thread);
      } else {
        step_array(thread, byte, out);
      }
      return;
    case Place::kObject:
      if (space) {
        add_thread(out, thread);
      } else {
        step_object(thread, byte, out);
      }
      return;
  }
}

void Machine::begin_value(std::uint32_t node, std::uint8_t byte, const FramePtr& parent,
                          Threads& out) const {
  const Node& kinds = program_->nodes[node];
  if (byte == '"') {
    for (const std::uint32_t spec : kinds.strings)
      add_thread(out, thread_at(Place::kString, spec, parent));
  } else if (byte == '[') {
    for (const std::uint32_t spec : kinds.arrays) add_thread(out, begin_array(spec, parent));
  } else if (byte == '{') {
    for (const std::uint32_t spec : kinds.objects) {
      Thread thread = thread_at(Place::kObject, spec, parent);
      auto members = std::make_shared<Members>();
      members->needed = program_->objects[spec].required;
      thread.place.members = std::move(members);
      add_thread(out, std::move(thread));
    }
  } else {
    for (const std::uint32_t spec : kinds.automata) {
      Thread thread = thread_at(Place::kAutomaton, spec, parent);
      thread.place.state = program_->automata[spec]->step(Dfa::start(), byte);
      if (thread.place.state != Dfa::kDead) add_thread(out, std::move(thread));
    }
    for (const std::uint32_t spec : kinds.numbers) {
      Thread thread = thread_at(Place::kNumber, spec, parent);
      thread.place.state = json_number()->step(Dfa::start(), byte);
      thread.place.text = std::make_shared<std::string>(1, static_cast<char>(byte));
      if (thread.place.state != Dfa::kDead) add_thread(out, std::move(thread));
    }
  }
}

void Machine::step_automaton(const Thread& thread, std::uint8_t byte, Threads& out,
                             int depth) const {
  const Dfa& dfa = *program_->automata[thread.place.spec];
  const std::int32_t next = dfa.step(thread.place.state, byte);
  if (next != Dfa::kDead) {
    Thread moved = thread;
    moved.place.state = next;
    moved.place.phase = Place::kOpened;
    add_thread(out, std::move(moved));
  }
  for (const Dfa::Call& call : dfa.calls(thread.place.state)) {
    Place back = thread.place;
    back.state = call.target;
    back.phase = Place::kOpened;
    // Nothing comes behind the call: whoever called this rule goes on, so the stack stays flat.
    const bool last = dfa.accepts(call.target) && dfa.calls(call.target).empty() &&
                      std::ranges::all_of(dfa.classes().samples, [&](std::uint8_t b) {
                        return dfa.step(call.target, b) == Dfa::kDead;
                      });
    const FramePtr parent =
        last ? thread.parent : std::make_shared<const Frame>(back, thread.parent);
    if (call.rule < 0) {
      begin_value(node_of_rule(call.rule), byte, parent, out);
      continue;
    }
    Thread inner = thread_at(Place::kAutomaton, static_cast<std::uint32_t>(call.rule), parent);
    // An empty word of the rule is an edge of the caller, so it must not end here at once.
    inner.place.phase = Place::kCalled;
    step(inner, byte, out, depth + 1);
  }
  // The word may be complete; then the byte belongs to what comes behind it.
  if (dfa.accepts(thread.place.state) && thread.place.phase == Place::kOpened) {
    step(resume(thread.parent), byte, out, depth + 1);
  }
}

bool Machine::number_ends(const Place& place) const {
  return json_number()->accepts(place.state) &&
         program_->numbers[place.spec].contains(Decimal::parse(*place.text));
}

void Machine::step_number(const Thread& thread, std::uint8_t byte, Threads& out) const {
  const std::int32_t next = json_number()->step(thread.place.state, byte);
  if (next == Dfa::kDead) {
    if (number_ends(thread.place)) step(resume(thread.parent), byte, out, 1);
    return;
  }
  if (thread.place.text->size() >= kMaxNumberLength) return;
  Thread moved = thread;
  moved.place.state = next;
  moved.place.text = std::make_shared<std::string>(*thread.place.text + static_cast<char>(byte));
  add_thread(out, std::move(moved));
}

void Machine::step_string(const Thread& thread, std::uint8_t byte, Threads& out) const {
  const StringSpec& spec = program_->strings[thread.place.spec];
  Thread moved = thread;
  const auto can_end = [&](const Place& place) { return spec.can_end(place.state, place.count); };
  switch (step_text(moved.place, byte, *spec.dfa, spec.max, program_->documents, can_end)) {
    case TextStep::kRefused:
      return;
    case TextStep::kInside:
      add_thread(out, std::move(moved));
      return;
    case TextStep::kQuote:
      if (spec.dfa->accepts(moved.place.state) && moved.place.count >= spec.min) {
        add_thread(out, resume(thread.parent));
      }
      return;
  }
}

bool Machine::complete(const Threads& threads) const {
  return std::ranges::any_of(threads, [&](const Thread& t) { return complete(t, 0); });
}

bool Machine::complete(const Thread& thread, int depth) const {
  if (depth > kMaxReturns) return false;
  const Place& place = thread.place;
  if (place.kind == Place::kDone) return true;
  const bool ends =
      (place.kind == Place::kAutomaton && program_->automata[place.spec]->accepts(place.state)) ||
      (place.kind == Place::kNumber && number_ends(place));
  return ends && complete(resume(thread.parent), depth + 1);
}

}  // namespace saccade::grammar
