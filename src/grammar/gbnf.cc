#include "grammar/gbnf.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "grammar/gbnf_parser.h"
#include "grammar/nfa.h"
#include "grammar/tagged_value.h"

namespace saccade::grammar {
namespace {

using Kind = GbnfExpression::Kind;

/// Rules of more parts than this are called instead of being copied to where they are used.
constexpr std::uint64_t kMaxCopied = 2'000;

class GbnfCompiler {
 public:
  GbnfCompiler(std::vector<GbnfRule> rules, const std::string& where)
      : rules_(std::move(rules)), where_(where) {}

  Program compile() {
    const auto root = std::ranges::find(rules_, "root", &GbnfRule::name);
    if (root == rules_.end()) fail("{}: there is no rule named root", where_);
    find_facts();
    for (std::size_t i = 0; i < rules_.size(); ++i) refuse_left_recursion(i);
    measure();
    const auto first = static_cast<std::size_t>(root - rules_.begin());
    if (!productive_[first]) fail("{}: no text can match root", where_);
    number_of(first);
    const RuleFacts facts = {
        [&](std::int32_t n) { return nullable_[order_[static_cast<std::size_t>(n)]]; },
        [&](std::int32_t n) { return productive_[order_[static_cast<std::size_t>(n)]]; }};
    Program program;
    std::vector<DfaPtr> automata;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      automata.push_back(automaton_of(rules_[order_[i]], facts, program));
    }
    // Those of the rules come first.
    for (Node& node : program.nodes) {
      for (std::uint32_t& index : node.automata) {
        index += static_cast<std::uint32_t>(automata.size());
      }
    }
    program.automata.insert(program.automata.begin(), automata.begin(), automata.end());
    return program;
  }

 private:
  DfaPtr automaton_of(const GbnfRule& rule, const RuleFacts& facts, Program& program) {
    if (rule.value && rule.value->end.empty()) {
      return json_value(rule.value->schema, where_, program);
    }
    if (rule.value) return tagged_value(rule.value->schema, rule.value->end, where_, program);
    Nfa nfa;
    const Fragment whole = build(nfa, *rule.expression);
    return std::make_shared<const Dfa>(
        determinize(nfa, whole, where_ + ": the rule " + rule.name, facts));
  }

  template <typename Leaf>
  bool holds(const GbnfExpression& e, bool empty_repeat, const Leaf& leaf) const {
    const auto each = [&](const GbnfExpression& part) { return holds(part, empty_repeat, leaf); };
    switch (e.kind) {
      case Kind::kSequence:
        return std::ranges::all_of(e.parts, each);
      case Kind::kEither:
        return std::ranges::any_of(e.parts, each);
      case Kind::kRepeat:
        return (empty_repeat && e.min == 0) || each(e.parts.front());
      default:
        return leaf(e);
    }
  }

  bool nullable(const GbnfExpression& e) const {
    return holds(e, true, [&](const GbnfExpression& leaf) {
      return leaf.kind == Kind::kRule ? bool(nullable_[leaf.rule])
                                      : leaf.kind == Kind::kBytes && leaf.bytes.empty();
    });
  }
  bool productive(const GbnfExpression& e) const {
    return holds(e, true, [&](const GbnfExpression& leaf) {
      return leaf.kind == Kind::kRule ? bool(productive_[leaf.rule])
                                      : leaf.kind == Kind::kBytes || !leaf.characters.empty();
    });
  }

  /// Least fixed points.
  void find_facts() {
    nullable_.resize(rules_.size(), false);
    productive_.resize(rules_.size(), false);
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = 0; i < rules_.size(); ++i) {
        const auto& e = rules_[i].expression;
        if (!nullable_[i] && e && nullable(*e)) nullable_[i] = changed = true;
        if (!productive_[i] && (!e || productive(*e))) productive_[i] = changed = true;
      }
    }
  }

  /// Rules that may stand at the very beginning of an expression.
  void first_rules(const GbnfExpression& e, std::set<std::size_t>& rules) const {
    if (e.kind == Kind::kRule) rules.insert(e.rule);
    for (const GbnfExpression& part : e.parts) {
      first_rules(part, rules);
      if (e.kind == Kind::kSequence && !nullable(part)) return;
    }
  }

  void refuse_left_recursion(std::size_t rule) const {
    std::set<std::size_t> reached;
    std::vector<std::size_t> open = {rule};
    while (!open.empty()) {
      std::set<std::size_t> next;
      const auto& expression = rules_[open.back()].expression;
      open.pop_back();
      if (expression) first_rules(*expression, next);
      for (const std::size_t n : next) {
        if (n == rule) {
          fail("{}: the rule {} begins with itself; left recursion is not supported", where_,
               rules_[rule].name);
        }
        if (reached.insert(n).second) open.push_back(n);
      }
    }
  }

  /// How large rules are with all that they use copied in; recursive ones are infinitely large.
  void measure() {
    size_.resize(rules_.size(), 0);
    measured_.resize(rules_.size(), 0);
    for (std::size_t i = 0; i < rules_.size(); ++i) measure(i);
  }

  std::uint64_t measure(std::size_t rule) {
    if (measured_[rule] == 1) {
      size_[rule] = kUnbounded;  // on the way to itself
      return kUnbounded;
    }
    if (measured_[rule] == 0) {
      measured_[rule] = 1;
      // Values have automata of their own.
      const auto& expression = rules_[rule].expression;
      const std::uint64_t size = expression ? measure(*expression) : kMaxCopied + 1;
      if (size_[rule] != kUnbounded) size_[rule] = size;
      measured_[rule] = 2;
    }
    // What is too large is called, which takes one part.
    return size_[rule] > kMaxCopied ? 1 : size_[rule];
  }

  std::uint64_t measure(const GbnfExpression& e) {
    if (e.kind == Kind::kRule) return std::min(measure(e.rule), kMaxCopied + 1);
    std::uint64_t size = 1 + e.bytes.size() + e.characters.ranges().size();
    for (const GbnfExpression& part : e.parts) size += measure(part);
    if (e.kind == Kind::kRepeat) size *= std::max<std::uint64_t>(1, e.max.value_or(e.min + 1));
    return std::min<std::uint64_t>(size, kMaxCopied * 1'000'000);
  }

  std::int32_t number_of(std::size_t rule) {
    const auto found = std::ranges::find(order_, rule);
    if (found != order_.end()) return static_cast<std::int32_t>(found - order_.begin());
    order_.push_back(rule);
    return static_cast<std::int32_t>(order_.size()) - 1;
  }

  Fragment build(Nfa& nfa, const GbnfExpression& e) {
    switch (e.kind) {
      case Kind::kBytes:
        return nfa.bytes(e.bytes);
      case Kind::kCharacters:
        return nfa.characters(e.characters);
      case Kind::kRule:
        if (size_[e.rule] <= kMaxCopied) return build(nfa, *rules_[e.rule].expression);
        return nfa.call(number_of(e.rule));
      case Kind::kSequence: {
        Fragment whole = nfa.nothing();
        for (const GbnfExpression& part : e.parts) whole = nfa.sequence(whole, build(nfa, part));
        return whole;
      }
      case Kind::kEither: {
        std::vector<Fragment> branches;
        for (const GbnfExpression& part : e.parts) branches.push_back(build(nfa, part));
        return nfa.either(branches);
      }
      case Kind::kRepeat:
        return nfa.repeat([&] { return build(nfa, e.parts.front()); }, e.min, e.max);
    }
    return nfa.never();
  }

  std::vector<GbnfRule> rules_;
  const std::string& where_;
  std::vector<bool> nullable_, productive_;
  std::vector<std::uint64_t> size_;
  std::vector<int> measured_;       // 0: not yet, 1: under way, 2: done
  std::vector<std::size_t> order_;  // rules that get automata of their own; root first
};

}  // namespace

Program compile_gbnf(std::string_view text, const std::string& where) {
  GbnfText parsed = parse_gbnf(text, where);
  Program program = GbnfCompiler(std::move(parsed.rules), where).compile();
  program.special_tokens = std::move(parsed.special_tokens);
  return program;
}

}  // namespace saccade::grammar
