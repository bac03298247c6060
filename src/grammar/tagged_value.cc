#include "grammar/tagged_value.h"

#include <iterator>
#include <memory>
#include <utility>

#include "base/error.h"
#include "grammar/nfa.h"
#include "grammar/schema_compiler.h"
#include "grammar/special_text.h"

namespace saccade::grammar {
namespace {

/// Texts in which `end` occurs once, at their end: Knuth, Morris and Pratt's automaton.
DfaPtr up_to(std::string_view end, const std::string& where) {
  const auto next = [&](std::size_t matched, std::uint8_t byte) -> std::optional<std::size_t> {
    if (matched == end.size()) return std::nullopt;
    const std::string seen = std::string(end.substr(0, matched)) + static_cast<char>(byte);
    std::size_t size = seen.size();
    while (!end.starts_with(std::string_view(seen).substr(seen.size() - size))) --size;
    return size;
  };
  const auto label = [&](std::size_t matched) { return matched == end.size() ? 0 : -1; };
  return std::make_shared<const Dfa>(
      explore(std::size_t{0}, ByteClasses::each(), next, label, where));
}

/// What has `letters` nowhere in it.
DfaPtr without(const DfaPtr& dfa, std::string_view letters, const std::string& where) {
  Nfa nfa;
  const Fragment whole = nfa.sequence(
      nfa.automaton(*up_to(letters, where)),
      nfa.repeat([&] { return nfa.characters(CodePointSet::all()); }, 0, std::nullopt));
  const auto having = std::make_shared<const Dfa>(determinize(nfa, whole, where));
  return difference(dfa, having, where);
}

template <typename T>
void append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

/// Adds what `from` has to `program`; gives the place of its first node.
std::size_t merge(Program from, Program& program) {
  const auto shift = [](std::vector<std::uint32_t>& indices, std::size_t by) {
    for (std::uint32_t& index : indices) index += static_cast<std::uint32_t>(by);
  };
  const std::size_t first = program.nodes.size();
  for (Node& node : from.nodes) {
    shift(node.automata, program.automata.size());
    shift(node.numbers, program.numbers.size());
    shift(node.strings, program.strings.size());
    shift(node.arrays, program.arrays.size());
    shift(node.objects, program.objects.size());
  }
  for (ArraySpec& array : from.arrays) {
    shift(array.prefix, first);
    array.rest += static_cast<std::uint32_t>(first);
    for (ItemClass& items : array.classes) items.node += static_cast<std::uint32_t>(first);
  }
  for (ObjectSpec& object : from.objects) {
    for (ObjectSpec::Name& name : object.names) name.node += static_cast<std::uint32_t>(first);
    shift(object.class_nodes, first);
  }
  append(program.nodes, from.nodes);
  append(program.strings, from.strings);
  append(program.arrays, from.arrays);
  append(program.objects, from.objects);
  append(program.numbers, from.numbers);
  append(program.automata, from.automata);
  return first;
}

}  // namespace

DfaPtr json_value(const boost::json::value& schema, const std::string& where, Program& program) {
  const std::size_t node = merge(compile_schema(schema, where, false), program);
  Nfa nfa;
  const RuleFacts facts = {[](std::int32_t) { return false; }, [](std::int32_t) { return true; }};
  return std::make_shared<const Dfa>(determinize(nfa, nfa.call(node_rule(node)), where, facts));
}

DfaPtr tagged_value(const boost::json::value& schema, std::string_view end,
                    const std::string& where, Program& program) {
  Program parts = compile_schema(schema, where, false);
  Node others = parts.nodes.front();
  Nfa nfa;
  std::vector<Fragment> branches;
  for (const std::uint32_t string : std::exchange(others.strings, {})) {
    const StringSpec& spec = parts.strings[string];
    const bool limited = spec.min > 0 || spec.max != kUnbounded;
    DfaPtr text = limited ? with_length(spec.dfa, spec.min, spec.max, where) : spec.dfa;
    if (holds_special(end)) text = without(text, end.substr(1, end.size() - 2), where);
    Nfa ended;
    const Fragment whole = ended.sequence(ended.automaton(*text), ended.bytes(end));
    const auto any_end = std::make_shared<const Dfa>(determinize(ended, whole, where));
    branches.push_back(nfa.automaton(*intersection(any_end, up_to(end, where), where)));
  }
  if (!others.automata.empty() || !others.arrays.empty() || !others.objects.empty()) {
    parts.nodes.push_back(std::move(others));
    const std::size_t node = parts.nodes.size() - 1 + merge(std::move(parts), program);
    branches.push_back(nfa.sequence(nfa.call(node_rule(node)), nfa.bytes(end)));
  }
  const RuleFacts facts = {[](std::int32_t) { return false; }, [](std::int32_t) { return true; }};
  Dfa whole = determinize(nfa, nfa.either(branches), where, facts);
  if (whole.empty()) fail("{}: no value of the schema can stand before its end", where);
  return std::make_shared<const Dfa>(std::move(whole));
}

}  // namespace saccade::grammar
