// How jinja2 compiles a template into Python decides what a name means, and templates rely on it:
//
// - Loops, macros, with, set blocks, filter blocks and call blocks are frames; `if` is none.
// - A frame that stores a name has its own variable of that name, which starts as the variable of
//   the frame around it where there is one. What a loop body sets is gone in the next round.
// - A name that no frame around stores is looked up in the variables given to the template. A name
//   that a frame stores anywhere, even further down, is that frame's variable from the start: a
//   loop before the first {% set x %} sees no x, whatever was given to the template. Only where the
//   frame also reads the name before it stores it, or stores it within an `if`, the variable starts
//   with what was given.
#include "text/jinja/scope.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "text/jinja/fault.h"
#include "text/jinja/tree_walk.h"

namespace saccade::text::jinja {
namespace {

/// The variables of a frame while they are being found.
class Symbols {
 public:
  Symbols(Scope& scope, const Symbols* parent) : scope_(scope), parent_(parent) {}

  std::optional<VariableRef> find(const std::string& name) const {
    int hops = 0;
    for (const Symbols* frame = this; frame != nullptr; frame = frame->parent_, ++hops) {
      const auto found = frame->slots_.find(name);
      if (found != frame->slots_.end()) return VariableRef{hops, found->second};
    }
    return std::nullopt;
  }

  int declare_parameter(const std::string& name) {
    note_store(name);
    return define(name, {name, Load::Kind::kParameter, {}});
  }

  void load(const std::string& name) {
    if (!find(name)) define(name, {name, Load::Kind::kResolve, {}});
  }

  void store(const std::string& name) {
    note_store(name);
    if (slots_.contains(name)) return;
    define(name, from_outside(name, Load::Kind::kUndefined));
  }

  std::size_t stores_so_far() const { return order_of_stores_.size(); }

  /// Names first stored within an `if` may stay unset: they start as they were outside.
  void after_branches(std::size_t stores_before) {
    for (std::size_t i = stores_before; i < order_of_stores_.size(); ++i) {
      const std::string& name = order_of_stores_[i];
      scope_.loads[static_cast<std::size_t>(slots_.at(name))] =
          from_outside(name, Load::Kind::kResolve);
    }
  }

 private:
  void note_store(const std::string& name) {
    if (stores_.insert(name).second) order_of_stores_.push_back(name);
  }

  int define(const std::string& name, Load load) {
    const auto [place, added] = slots_.emplace(name, static_cast<int>(scope_.loads.size()));
    if (added) {
      scope_.loads.push_back(std::move(load));
    } else {
      scope_.loads[static_cast<std::size_t>(place->second)] = std::move(load);
    }
    return place->second;
  }

  Load from_outside(const std::string& name, Load::Kind otherwise) const {
    const auto outer = parent_ == nullptr ? std::nullopt : parent_->find(name);
    if (!outer) return {name, otherwise, {}};
    return {name, Load::Kind::kAlias, {outer->hops + 1, outer->slot}};
  }

  Scope& scope_;
  const Symbols* parent_;
  std::map<std::string, int> slots_;
  std::set<std::string> stores_;
  std::vector<std::string> order_of_stores_;
};

/// Calls visit(name, is_load) for every name in a tree, frames within it included.
template <typename F>
class NameWalk {
 public:
  explicit NameWalk(const F& visit) : visit_(visit) {}

  void expr(const ExprPtr& node, bool is_load = true) const {
    if (node != nullptr) expr(*node, is_load);
  }
  void block(const Block& statements) const {
    for (const auto& statement : statements) {
      std::visit([this](const auto& node) { (*this)(node); }, statement->node);
    }
  }

  void operator()(const TextStmt&) const {}
  void operator()(const PrintStmt& node) const { expr(node.value); }
  void operator()(const IfStmt& node) const {
    for (const auto& branch : node.branches) {
      expr(branch.test);
      block(branch.body);
    }
    block(node.otherwise);
  }
  void operator()(const ForStmt& node) const {
    expr(node.target, false);
    expr(node.items);
    block(node.body);
    block(node.otherwise);
    expr(node.filter);
  }
  void operator()(const SetStmt& node) const {
    expr(node.target, false);
    expr(node.value);
  }
  void operator()(const SetBlockStmt& node) const {
    expr(node.target, false);
    expr(node.filter);
    block(node.body);
  }
  void operator()(const MacroStmt& node) const { macro(node.macro); }
  void operator()(const CallBlockStmt& node) const {
    expr(node.call);
    macro(node.macro);
  }
  void operator()(const FilterBlockStmt& node) const {
    block(node.body);
    expr(node.filter);
  }
  void operator()(const WithStmt& node) const {
    for (const auto& target : node.targets) expr(target, false);
    for (const auto& value : node.values) expr(value);
    block(node.body);
  }
  void operator()(const ScopeStmt& node) const { block(node.body); }
  void operator()(const DoStmt& node) const { expr(node.value); }
  void operator()(const BreakStmt&) const {}
  void operator()(const ContinueStmt&) const {}

 private:
  void expr(const Expr& node, bool is_load) const {
    if (const auto* name = std::get_if<NameExpr>(&node.node)) visit_(name->name, is_load);
    if (const auto* target = std::get_if<NamespaceTarget>(&node.node)) visit_(target->name, true);
    for_each_child(node, [&](const Expr& child) { expr(child, is_load); });
  }
  void macro(const MacroBody& node) const {
    for (const std::string& parameter : node.parameters) visit_(parameter, false);
    for (const auto& value : node.defaults) expr(value);
    block(node.body);
  }

  const F& visit_;
};

/// Whether `name` is read in the statements before anything in them stores it.
bool reads_name(const Block& statements, const std::string& name) {
  bool read = false, stored = false;
  const auto visit = [&](const std::string& found, bool is_load) {
    if (found != name) return;
    read = read || (is_load && !stored);
    stored = stored || !is_load;
  };
  NameWalk(visit).block(statements);
  return read;
}

class Resolver {
 public:
  void run(Tree& tree) {
    Symbols symbols(tree.scope, nullptr);
    collect(tree.body, symbols);
    resolve(tree.body, symbols);
  }

 private:
  // First walk: the names of one frame. It stops at the frames within.

  void collect(const Block& statements, Symbols& symbols) {
    for (const auto& statement : statements) {
      std::visit([&](const auto& node) { collect(node, symbols); }, statement->node);
    }
  }

  void collect(const ExprPtr& expr, Symbols& symbols, bool is_load = true) {
    if (expr != nullptr) collect(*expr, symbols, is_load);
  }

  void collect(const Expr& expr, Symbols& symbols, bool is_load) {
    if (const auto* name = std::get_if<NameExpr>(&expr.node)) {
      is_load ? symbols.load(name->name) : symbols.store(name->name);
    } else if (const auto* target = std::get_if<NamespaceTarget>(&expr.node)) {
      symbols.load(target->name);
    }
    for_each_child(expr, [&](const Expr& child) { collect(child, symbols, is_load); });
  }

  void collect(const TextStmt&, Symbols&) {}
  void collect(const PrintStmt& node, Symbols& symbols) { collect(node.value, symbols); }
  void collect(const IfStmt& node, Symbols& symbols) {
    // The first test belongs to the frame; what follows may or may not happen.
    collect(node.branches[0].test, symbols);
    const std::size_t before = symbols.stores_so_far();
    for (std::size_t i = 0; i < node.branches.size(); ++i) {
      if (i > 0) collect(node.branches[i].test, symbols);
      collect(node.branches[i].body, symbols);
    }
    collect(node.otherwise, symbols);
    symbols.after_branches(before);
  }
  void collect(const ForStmt& node, Symbols& symbols) { collect(node.items, symbols); }
  void collect(const SetStmt& node, Symbols& symbols) {
    collect(node.value, symbols);
    collect(node.target, symbols, false);
  }
  void collect(const SetBlockStmt& node, Symbols& symbols) { collect(node.target, symbols, false); }
  void collect(const MacroStmt& node, Symbols& symbols) { symbols.store(node.macro.name); }
  void collect(const CallBlockStmt& node, Symbols& symbols) { collect(node.call, symbols); }
  void collect(const FilterBlockStmt& node, Symbols& symbols) { collect(node.filter, symbols); }
  void collect(const WithStmt& node, Symbols& symbols) {
    for (const auto& value : node.values) collect(value, symbols);
  }
  void collect(const ScopeStmt&, Symbols&) {}
  void collect(const DoStmt& node, Symbols& symbols) { collect(node.value, symbols); }
  void collect(const BreakStmt&, Symbols&) {}
  void collect(const ContinueStmt&, Symbols&) {}

  /// The names of an assignment target become parameters of the frame.
  void declare_target(const Expr& expr, Symbols& symbols) {
    if (const auto* name = std::get_if<NameExpr>(&expr.node)) symbols.declare_parameter(name->name);
    for_each_child(expr, [&](const Expr& child) { declare_target(child, symbols); });
  }

  // Second walk: names get their slots, and the frames within are resolved in turn.

  void resolve(Block& statements, const Symbols& symbols) {
    for (auto& statement : statements) {
      std::visit([&](auto& node) { resolve(node, symbols); }, statement->node);
    }
  }

  void resolve(const ExprPtr& expr, const Symbols& symbols) {
    if (expr != nullptr) resolve(*expr, symbols);
  }

  void resolve(Expr& expr, const Symbols& symbols) {
    if (auto* name = std::get_if<NameExpr>(&expr.node)) {
      name->ref = symbols.find(name->name).value();
    } else if (auto* target = std::get_if<NamespaceTarget>(&expr.node)) {
      target->ref = symbols.find(target->name).value();
    }
    for_each_child(expr, [&](Expr& child) { resolve(child, symbols); });
  }

  void resolve(TextStmt&, const Symbols&) {}
  void resolve(PrintStmt& node, const Symbols& symbols) { resolve(node.value, symbols); }
  void resolve(IfStmt& node, const Symbols& symbols) {
    for (auto& branch : node.branches) {
      resolve(branch.test, symbols);
      resolve(branch.body, symbols);
    }
    resolve(node.otherwise, symbols);
  }

  void resolve(ForStmt& node, const Symbols& outer) {
    resolve(node.items, outer);
    Symbols body(node.body_scope, &outer);
    if (node.recursive || reads_name(node.body, "loop")) {
      node.loop_slot = body.declare_parameter("loop");
    }
    declare_target(*node.target, body);
    collect(node.body, body);
    resolve(node.target, body);
    resolve(node.body, body);
    if (node.filter != nullptr) {
      Symbols filter(node.filter_scope, &outer);
      declare_target(*node.filter_target, filter);
      collect(node.filter, filter);
      resolve(node.filter_target, filter);
      resolve(node.filter, filter);
    }
    inner(node.otherwise, node.otherwise_scope, outer);
  }

  /// A frame with nothing but statements.
  void inner(Block& statements, Scope& scope, const Symbols& outer) {
    Symbols symbols(scope, &outer);
    collect(statements, symbols);
    resolve(statements, symbols);
  }

  void resolve(SetStmt& node, const Symbols& symbols) {
    resolve(node.value, symbols);
    resolve(node.target, symbols);
  }
  void resolve(SetBlockStmt& node, const Symbols& outer) {
    resolve(node.target, outer);
    Symbols symbols(node.scope, &outer);
    collect(node.body, symbols);
    collect(node.filter, symbols);  // its arguments are evaluated within the block's frame
    resolve(node.body, symbols);
    resolve(node.filter, symbols);
  }
  void resolve(FilterBlockStmt& node, const Symbols& outer) {
    Symbols symbols(node.scope, &outer);
    collect(node.body, symbols);
    collect(node.filter, symbols);
    resolve(node.body, symbols);
    resolve(node.filter, symbols);
  }
  void resolve(WithStmt& node, const Symbols& outer) {
    for (auto& value : node.values) resolve(value, outer);
    Symbols symbols(node.scope, &outer);
    for (auto& target : node.targets) declare_target(*target, symbols);
    collect(node.body, symbols);
    for (auto& target : node.targets) resolve(target, symbols);
    resolve(node.body, symbols);
  }
  void resolve(ScopeStmt& node, const Symbols& outer) { inner(node.body, node.scope, outer); }
  void resolve(DoStmt& node, const Symbols& symbols) { resolve(node.value, symbols); }
  void resolve(BreakStmt&, const Symbols&) {}
  void resolve(ContinueStmt&, const Symbols&) {}

  void resolve(MacroStmt& node, const Symbols& outer) {
    node.ref = outer.find(node.macro.name).value();
    resolve_macro(node.macro, outer);
  }
  void resolve(CallBlockStmt& node, const Symbols& outer) {
    resolve(node.call, outer);
    resolve_macro(node.macro, outer);
  }

  void resolve_macro(MacroBody& macro, const Symbols& outer) {
    Symbols symbols(macro.scope, &outer);
    for (const std::string& name : macro.parameters) {
      macro.parameter_slots.push_back(symbols.declare_parameter(name));
    }
    const auto is_parameter = [&](const std::string& name) {
      return std::find(macro.parameters.begin(), macro.parameters.end(), name) !=
             macro.parameters.end();
    };
    macro.uses_caller = reads_name(macro.body, "caller");
    if (macro.uses_caller && is_parameter("caller")) {
      const std::size_t required = macro.parameters.size() - macro.defaults.size();
      if (std::find(macro.parameters.begin(),
                    macro.parameters.begin() + static_cast<std::ptrdiff_t>(required),
                    "caller") != macro.parameters.begin() + static_cast<std::ptrdiff_t>(required)) {
        raise("the special \"caller\" argument of a macro must be omitted or be given a default");
      }
    }
    const auto special = [&](const std::string& name) {
      const bool used = !is_parameter(name) && reads_name(macro.body, name);
      return used ? symbols.declare_parameter(name) : -1;
    };
    macro.caller_slot = special("caller");
    macro.kwargs_slot = special("kwargs");
    macro.varargs_slot = special("varargs");
    for (const auto& value : macro.defaults) collect(value, symbols);
    collect(macro.body, symbols);
    for (const auto& value : macro.defaults) resolve(value, symbols);
    resolve(macro.body, symbols);
  }
};

}  // namespace

void resolve_names(Tree& tree) {
  Resolver().run(tree);
}

}  // namespace saccade::text::jinja
