#include "grammar/schema_compiler.h"

#include <algorithm>
#include <deque>

#include "base/error.h"
#include "grammar/key_automaton.h"
#include "grammar/number_automaton.h"
#include "grammar/schema_items.h"
#include "grammar/schema_values.h"

namespace saccade::grammar {
namespace {

constexpr std::size_t kMaxNodes = 5'000;

/// An ArraySet whose children are nodes.
struct ArrayDraft {
  std::uint64_t min, max;
  std::vector<std::uint32_t> prefix;
  std::uint32_t rest;
  std::vector<ItemClass> classes;  // in place of both, where items are counted
};

/// An ObjectSet whose children are nodes.
struct ObjectDraft {
  ObjectSpec spec;
  std::uint64_t others = 0;  // how many keys without a name there are
};

struct NodeDraft {
  Conjunction conjunction;
  ValueSet values;
  std::vector<ArrayDraft> arrays;
  std::vector<ObjectDraft> objects;
  std::vector<DfaPtr> scalars;
  bool productive = false;  // some finite value belongs to it
};

class SchemaCompiler {
 public:
  SchemaCompiler(const boost::json::value& schema, std::string where, bool documents)
      : where_(where), document_(schema, std::move(where)), values_(document_) {
    program_.json = true;
    program_.documents = documents;
  }

  Program compile() {
    Conjunction root;
    add_literal(root, document_.root());
    node_of(root);
    for (std::size_t i = 0; i < nodes_.size(); ++i) draft(nodes_[i]);
    find_productive();
    if (!nodes_[0].productive) fail("{}: no value can match this schema", where_);
    for (const NodeDraft& node : nodes_) program_.nodes.push_back(finish(node));
    return std::move(program_);
  }

 private:
  std::uint32_t node_of(const Conjunction& conjunction) {
    const auto [place, added] =
        ids_.emplace(conjunction, static_cast<std::uint32_t>(nodes_.size()));
    if (added) {
      if (nodes_.size() >= kMaxNodes) {
        fail("{}: its combinations come to more than {} different places", where_, kMaxNodes);
      }
      nodes_.push_back({.conjunction = conjunction});
    }
    return place->second;
  }

  std::string path(const NodeDraft& node) const {
    return node.conjunction.empty() ? where_ : document_.path(node.conjunction.front());
  }

  void draft(NodeDraft& node) {
    node.values = values_.of(node.conjunction);
    const std::string where = path(node);
    draft_scalars(node, where);
    for (const ArraySet& array : node.values.arrays) {
      node.arrays.push_back({array.min, array.max, {}, node_of(array.rest), {}});
      for (const ItemClassSet& items : item_classes(array, document_, where)) {
        node.arrays.back().classes.push_back({node_of(items.values), items.min, items.max});
      }
      for (const Conjunction& item : array.prefix) {
        node.arrays.back().prefix.push_back(node_of(item));
      }
    }
    for (const ObjectSet& object : node.values.objects) {
      node.objects.push_back(draft_object(object, where));
    }
  }

  void draft_scalars(NodeDraft& node, const std::string& where) {
    std::vector<std::string> words;
    if (node.values.null) words.emplace_back("null");
    if (node.values.yes) words.emplace_back("true");
    if (node.values.no) words.emplace_back("false");
    DfaPtr scalars = literals(words);
    for (const NumberSet& set : node.values.numbers) {
      // Documents may write a number in ways without end; they are compared when it is complete.
      const DfaPtr numbers = !program_.documents || set.everything()
                                 ? written(set, where)
                                 : std::make_shared<const Dfa>();
      scalars = either(scalars, numbers, where);
    }
    if (!scalars->empty()) node.scalars.push_back(scalars);
    draft_strings(node, where);
  }

  /// Brings sets of strings to what StringSpec says. Those without a limit become one.
  static void draft_strings(NodeDraft& node, const std::string& where) {
    std::vector<StringSet> drafts;
    StringSet open{std::make_shared<const Dfa>()};
    for (StringSet set : node.values.strings) {
      if (set.dfa != universal())
        set = {with_length(set.dfa, set.min, kUnbounded, where), 0, set.max};
      if (set.dfa->empty()) continue;
      if (set.max != kUnbounded || set.min > 0) {
        if (set.dfa->shortest()[0] <= set.max) drafts.push_back(std::move(set));
      } else if (open.dfa != universal()) {
        open.dfa = set.dfa == universal() ? set.dfa : either(open.dfa, set.dfa, where);
      }
    }
    if (!open.dfa->empty()) drafts.push_back(std::move(open));
    node.values.strings = std::move(drafts);
  }

  DfaPtr written(const NumberSet& set, const std::string& where) const {
    return program_.documents && set.everything() ? json_number() : written_numbers(set, where);
  }

  ObjectDraft draft_object(const ObjectSet& set, const std::string& where) {
    ObjectDraft draft;
    ObjectSpec& spec = draft.spec;
    const Keys keys = keys_of(set, values_, where);
    for (std::size_t i = 0; i < keys.names.size(); ++i) {
      ObjectSpec::Name name{keys.names[i], node_of(keys.name_values[i]), keys.name_possible[i], {}};
      name.needs.add(i);
      spec.names.push_back(std::move(name));
    }
    for (const Conjunction& values : keys.class_values) spec.class_nodes.push_back(node_of(values));
    spec.keys = keys.dfa;
    spec.min = set.min;
    spec.max = set.max;
    spec.writes_others =
        keys.names.empty() || std::ranges::any_of(set.rules, &PropertyRule::writes_others);
    if (!set.dependent.empty() && (set.min > 0 || set.max != kUnbounded)) {
      fail(
          "{}: \"dependentRequired\" together with \"minProperties\" or \"maxProperties\" is not "
          "supported",
          where);
    }
    close_needs(set, keys.names, spec);
    return draft;
  }

  /// What "dependentRequired" makes necessary, with all that follows from it.
  static void close_needs(const ObjectSet& set, const std::vector<std::string>& names,
                          ObjectSpec& spec) {
    std::map<std::string_view, std::size_t> index;
    for (std::size_t i = 0; i < names.size(); ++i) index.emplace(names[i], i);
    for (const std::string& name : set.required) spec.required.add(index.at(name));
    bool changed = !set.dependent.empty();
    while (changed) {
      changed = false;
      for (const auto& [name, needed] : set.dependent) {
        const std::size_t i = index.at(name);
        for (const std::string& other : needed) {
          const Bits& more = spec.names[index.at(other)].needs;
          const auto add = [&](Bits& bits) {
            if (!bits.has(i) || more.count_without(bits) == 0) return;
            bits.add(more);
            changed = true;
          };
          for (ObjectSpec::Name& each : spec.names) add(each.needs);
          add(spec.required);
        }
      }
    }
  }

  // --- Which places can have a value at all: a least fixed point.

  void find_productive() {
    for (bool changed = true; changed;) {
      changed = false;
      for (NodeDraft& node : nodes_) {
        if (node.productive) continue;
        node.productive =
            !node.scalars.empty() || !node.values.strings.empty() ||
            (program_.documents && !node.values.numbers.empty()) ||
            std::ranges::any_of(node.arrays, [&](const auto& a) { return possible(a); }) ||
            std::ranges::any_of(node.objects, [&](auto& o) { return possible(o); });
        changed |= node.productive;
      }
    }
  }

  bool possible(const ArrayDraft& array) const {
    std::uint64_t needed = 0;
    for (const ItemClass& items : array.classes) {
      if (items.min > 0 && !nodes_[items.node].productive) return false;
      needed += items.min;
    }
    return std::max(array.min, needed) <= longest(array);
  }

  /// How many items an array can have.
  std::uint64_t longest(const ArrayDraft& array) const {
    std::uint64_t room = 0;
    for (const ItemClass& items : array.classes) {
      if (nodes_[items.node].productive) room += std::min(items.max, kUnbounded - room);
    }
    if (!array.classes.empty()) return std::min(array.max, room);
    for (std::size_t i = 0; i < array.prefix.size(); ++i) {
      if (!nodes_[array.prefix[i]].productive) return std::min<std::uint64_t>(array.max, i);
    }
    const std::uint64_t prefix = array.prefix.size();
    return nodes_[array.rest].productive ? array.max : std::min(array.max, prefix);
  }

  bool name_possible(const ObjectSpec& spec, std::size_t i) const {
    return spec.names[i].allowed && nodes_[spec.names[i].node].productive;
  }

  /// Whether all of some names can be there together.
  bool all_possible(const ObjectSpec& spec, const Bits& names) const {
    for (std::size_t i = 0; i < spec.names.size(); ++i) {
      if (names.has(i) && !name_possible(spec, i)) return false;
    }
    return names.count() <= spec.max;
  }

  bool possible(ObjectDraft& draft) const {
    const ObjectSpec& spec = draft.spec;
    if (!all_possible(spec, spec.required) || spec.min > spec.max) return false;
    std::uint64_t available = 0;
    for (std::size_t i = 0; i < spec.names.size(); ++i) {
      if (all_possible(spec, spec.names[i].needs)) ++available;
    }
    if (spec.keys->empty()) return spec.min == 0;
    const std::uint64_t others =
        spec.keys->completions([&](std::int32_t label) { return is_other(spec, label); })[0];
    return available + std::min(others, kUnbounded / 2) >= spec.min;
  }

  bool is_other(const ObjectSpec& spec, std::int32_t label) const {
    const auto index = static_cast<std::size_t>(label);
    return index >= spec.names.size() &&
           nodes_[spec.class_nodes[index - spec.names.size()]].productive;
  }

  // --- Tables.

  Node finish(const NodeDraft& draft) {
    Node node;
    for (const DfaPtr& dfa : draft.scalars) {
      node.automata.push_back(index_of(program_.automata, dfa));
    }
    for (const NumberSet& set : draft.values.numbers) {
      if (program_.documents && !set.everything()) {
        node.numbers.push_back(index_of(program_.numbers, set));
      }
    }
    for (const StringSet& set : draft.values.strings) {
      StringSpec spec{set.dfa, set.min, set.max, {}};
      if (spec.max != kUnbounded) spec.shortest = spec.dfa->shortest();
      node.strings.push_back(index_of(program_.strings, std::move(spec)));
    }
    for (const ArrayDraft& array : draft.arrays) {
      if (!possible(array)) continue;
      ArraySpec spec{array.prefix, array.rest, array.min, longest(array)};
      for (const ItemClass& items : array.classes) {
        if (nodes_[items.node].productive) spec.classes.push_back(items);
      }
      node.arrays.push_back(index_of(program_.arrays, std::move(spec)));
    }
    for (ObjectDraft object : draft.objects) {
      if (!possible(object)) continue;
      node.objects.push_back(index_of(program_.objects, finish(object.spec)));
    }
    return node;
  }

  template <typename T>
  static std::uint32_t index_of(std::vector<T>& table, T entry) {
    table.push_back(std::move(entry));
    return static_cast<std::uint32_t>(table.size()) - 1;
  }

  ObjectSpec finish(ObjectSpec spec) const {
    for (std::size_t i = 0; i < spec.names.size(); ++i) {
      Bits together = spec.required;
      together.add(spec.names[i].needs);
      spec.names[i].allowed = all_possible(spec, together);
    }
    // Keys that cannot be there are not begun.
    const auto label = [&](const States& states) {
      const std::int32_t end = spec.keys->label(states[0]);
      if (end < 0) return -1;
      const auto index = static_cast<std::size_t>(end);
      const bool there =
          index < spec.names.size() ? spec.names[index].allowed : is_other(spec, end);
      return there ? end : -1;
    };
    spec.keys = std::make_shared<const Dfa>(combine(
        std::array{spec.keys}, [](const States& s) { return s[0] != Dfa::kDead; }, label, where_));
    if (spec.keys->empty()) {
      spec.max = 0;
      return spec;
    }
    spec.others_ahead = spec.keys->completions(
        [&](std::int32_t end) { return static_cast<std::size_t>(end) >= spec.names.size(); });
    spec.remembers_keys = std::ranges::any_of(spec.others_ahead, [](std::uint64_t words) {
      return words != 0 && words != Dfa::kInfinite;
    });
    spec.names_ahead.resize(spec.keys->size());
    for (std::size_t i = 0; i < spec.names.size(); ++i) {
      if (!spec.names[i].allowed) continue;
      std::int32_t state = Dfa::start();
      spec.names_ahead[0].push_back(static_cast<std::uint32_t>(i));
      for (const char c : spec.names[i].text) {
        state = spec.keys->step(state, static_cast<std::uint8_t>(c));
        spec.names_ahead[static_cast<std::size_t>(state)].push_back(static_cast<std::uint32_t>(i));
      }
    }
    return spec;
  }

  std::string where_;
  SchemaDocument document_;
  SchemaValues values_;
  Program program_;
  std::deque<NodeDraft> nodes_;
  std::map<Conjunction, std::uint32_t> ids_;
};

}  // namespace

Program compile_schema(const boost::json::value& schema, std::string where, bool documents) {
  return SchemaCompiler(schema, std::move(where), documents).compile();
}

}  // namespace saccade::grammar
