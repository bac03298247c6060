// A pushdown machine that reads text byte by byte along a Program.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/key_set.h"
#include "grammar/program.h"

namespace saccade::grammar {

/// The keys an object has so far, or the items of an array that counts them.
struct Members {
  Bits seen;    ///< of ObjectSpec::names
  Bits needed;  ///< required, and what the seen ones need
  std::uint64_t count = 0;
  std::size_t position = 0;  ///< in the generation style: names from here on may follow
  KeySet others;
  std::shared_ptr<const std::vector<std::string>> texts;  ///< others, where they are remembered
  std::vector<std::uint64_t> items;                       ///< of each of ArraySpec::classes
};

/// An escape of a JSON string of which a part has come.
struct Escape {
  enum Phase : std::uint8_t {
    kNone,
    kBackslash,
    kHex,       ///< \u and `digits` digits
    kLowSlash,  ///< a high surrogate: \ must follow
    kLowU,      ///< and then u
    kLowHex,
  };
  Phase phase = kNone;
  std::uint8_t digits = 0;
  std::uint16_t unit = 0;  ///< of the digits so far
  std::uint16_t high = 0;  ///< the high surrogate
  bool operator==(const Escape&) const = default;
};

/// Where the machine stands within one value, word or rule.
struct Place {
  enum Kind : std::uint8_t {
    kDone,       ///< the text is complete
    kValue,      ///< before a value; `spec` is a node
    kAutomaton,  ///< in state `state` of an automaton
    kNumber,     ///< in a number that is compared when it ends, `text` so far
    kString,     ///< behind the opening quote
    kArray,
    kObject,
    kKey,  ///< in a key, behind the opening quote; `spec` is an object
  };
  enum Phase : std::uint8_t {
    kOpened,      ///< behind the bracket
    kCalled,      ///< at the start of a rule, which must not end without a byte
    kAfterItem,   ///< a comma or the closing bracket must follow
    kAfterComma,  ///< an item or key must follow
    kAfterKey,    ///< a colon must follow
    kAfterColon,  ///< `count` is the node of the value
  };
  Kind kind = kDone;
  Phase phase = kOpened;
  Escape escape;
  std::uint32_t spec = 0;
  std::int32_t state = 0;
  std::uint64_t count = 0;  ///< items of an array, characters of a string
  std::uint64_t hash = 0;   ///< of a key
  std::shared_ptr<const Members> members;
  std::shared_ptr<const std::string> text;
};

struct Frame;
using FramePtr = std::shared_ptr<const Frame>;

/// One alternative: a place, and what goes on behind it.
struct Thread {
  Place place;
  FramePtr parent;  ///< null: the text ends there
};

/// A place to go back to. Immutable and shared by the threads above it.
struct Frame {
  Frame(Place p, FramePtr up);
  ~Frame();
  Place place;
  mutable FramePtr parent;
  std::uint64_t hash = 0;  ///< of this frame and all below it
};

/// All alternatives that the text so far leaves. Copies are cheap.
using Threads = std::vector<Thread>;

/// Steps through a Program. Throws Error when a text has more alternatives at once than
/// kMaxThreads.
class Machine {
 public:
  static constexpr std::size_t kMaxThreads = 2'000;

  explicit Machine(const Program& program) : program_(&program) {}

  Threads start() const;
  /// What `byte` leaves of `threads`; nothing if the text cannot go on that way.
  Threads step(const Threads& threads, std::uint8_t byte) const;
  /// The same into a vector that is used again.
  void step(const Threads& threads, std::uint8_t byte, Threads& out) const;
  /// The same for many bytes.
  Threads advance(Threads threads, std::string_view bytes) const;
  /// Whether the text may end here.
  bool complete(const Threads& threads) const;

  /// Threads that go on behind the end of a thread's word, as `token_masks` needs them.
  static Thread resume(const FramePtr& parent);
  /// Behind a key: how the thread goes on, or nothing when the object cannot have that key (again).
  bool end_key(const Thread& key, std::int32_t label, std::uint64_t hash, Threads& out) const;
  /// Whether keys without a name may come, so that a walk in a key may go wherever they lead.
  bool others_open(const Place& key) const;

  const Program& program() const { return *program_; }

 private:
  void step(const Thread& thread, std::uint8_t byte, Threads& out, int depth) const;
  bool complete(const Thread& thread, int depth) const;

  void begin_value(std::uint32_t node, std::uint8_t byte, const FramePtr& parent,
                   Threads& out) const;
  void step_automaton(const Thread& thread, std::uint8_t byte, Threads& out, int depth) const;
  void step_number(const Thread& thread, std::uint8_t byte, Threads& out) const;
  bool number_ends(const Place& place) const;
  void step_string(const Thread& thread, std::uint8_t byte, Threads& out) const;
  Thread begin_array(std::uint32_t spec, const FramePtr& parent) const;
  void step_array(const Thread& thread, std::uint8_t byte, Threads& out) const;
  void begin_item(std::uint32_t node, const Place& place, const Place& after, const FramePtr& array,
                  std::uint8_t byte, Threads& out) const;
  void step_object(const Thread& thread, std::uint8_t byte, Threads& out) const;
  void begin_object_value(const Thread& thread, std::uint8_t byte, Threads& out) const;
  void step_key(const Thread& thread, std::uint8_t byte, Threads& out) const;

  bool can_add_name(const ObjectSpec& spec, const Members& members, std::size_t i) const;
  bool can_add_other(const ObjectSpec& spec, const Members& members) const;
  bool can_add_any(const Place& object) const;
  bool can_close(const ObjectSpec& spec, const Members& members) const;
  std::uint64_t names_left(const ObjectSpec& spec, const Members& members, std::size_t from) const;
  bool enough_left(const ObjectSpec& spec, const Members& members, std::size_t from,
                   std::uint64_t count) const;
  bool key_viable(const Place& place) const;

  const Program* program_;
};

}  // namespace saccade::grammar
