// What a grammar is compiled to: tables that the machine (machine.h) walks byte by byte.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/decimal.h"
#include "grammar/dfa.h"

namespace saccade::grammar {

inline constexpr std::uint64_t kUnbounded = ~std::uint64_t{0};

/// A set of small numbers.
class Bits {
 public:
  void add(std::size_t i) {
    if (i / 64 >= words_.size()) words_.resize(i / 64 + 1, 0);
    words_[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  void add(const Bits& other);
  bool has(std::size_t i) const {
    return i / 64 < words_.size() && (words_[i / 64] >> (i % 64) & 1) != 0;
  }
  /// Members that `other` has not.
  std::size_t count_without(const Bits& other) const;
  std::size_t count() const { return count_without({}); }
  /// The smallest member that `other` has not; kNone if there is none.
  static constexpr std::size_t kNone = ~std::size_t{0};
  std::size_t first_without(const Bits& other) const;

 private:
  std::vector<std::uint64_t> words_;
};

struct StringSpec {
  DfaPtr dfa;  ///< of the decoded value
  /// Characters. Only universal() has a `min`; other automata see to it themselves.
  std::uint64_t min = 0;
  std::uint64_t max = kUnbounded;
  /// Where there is a `max`: Dfa::shortest(), so that no string becomes too long to end.
  std::vector<std::uint32_t> shortest;

  /// Whether a string that has come to `state` with `count` characters can end within `max`.
  bool can_end(std::int32_t state, std::uint64_t count) const {
    return max == kUnbounded || count + shortest[static_cast<std::size_t>(state)] <= max;
  }
};

/// Items of an array that are counted by themselves.
struct ItemClass {
  std::uint32_t node = 0;
  std::uint64_t min = 0;
  std::uint64_t max = kUnbounded;
};

struct ArraySpec {
  std::vector<std::uint32_t> prefix;  ///< nodes
  std::uint32_t rest = 0;             ///< node of the items behind the prefix
  std::uint64_t min = 0;
  std::uint64_t max = kUnbounded;
  /// In place of `prefix` and `rest`: every item belongs to one of them, and no value to two. All
  /// of them have values, and together enough for `min`.
  std::vector<ItemClass> classes = {};

  std::uint32_t node(std::uint64_t index) const {
    return index < prefix.size() ? prefix[static_cast<std::size_t>(index)] : rest;
  }
};

struct ObjectSpec {
  struct Name {
    std::string text;
    std::uint32_t node = 0;
    bool allowed = true;  ///< some valid object has it
    Bits needs;           ///< itself and the names that must be there with it
  };
  std::vector<Name> names;  ///< all that the schema mentions, in its order
  Bits required;            ///< with all that they need
  std::uint64_t min = 0;
  std::uint64_t max = kUnbounded;

  /// Keys. Labels are indices of `names`, and from names.size() on classes of other keys.
  DfaPtr keys;
  std::vector<std::uint32_t> class_nodes;
  std::vector<std::vector<std::uint32_t>> names_ahead;  ///< by state of `keys`
  std::vector<std::uint64_t> others_ahead;              ///< by state: Dfa::completions
  /// Some state has finitely many other keys ahead, so that those there are must be remembered.
  bool remembers_keys = false;
  /// In the generation style: whether keys that the schema does not name are written at all.
  bool writes_others = false;
};

/// A place where a JSON value stands: the union of these.
struct Node {
  std::vector<std::uint32_t> automata;  ///< null, true, false and, for generation, numbers
  std::vector<std::uint32_t> numbers;   ///< NumberSets decided at their end, for documents
  std::vector<std::uint32_t> strings;
  std::vector<std::uint32_t> arrays;
  std::vector<std::uint32_t> objects;
};

struct Program {
  bool json = false;       ///< it begins with node 0; otherwise with automaton 0
  bool documents = false;  ///< any order, white space and escapes; otherwise as a model writes
  std::vector<Node> nodes;
  std::vector<StringSpec> strings;
  std::vector<ArraySpec> arrays;
  std::vector<ObjectSpec> objects;
  std::vector<NumberSet> numbers;
  std::vector<DfaPtr> automata;  ///< rules of GBNF call each other by their index here, and nodes
  std::vector<std::string> special_tokens;  ///< texts of those that it may ask for
};

}  // namespace saccade::grammar
