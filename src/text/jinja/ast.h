// The tree a template is parsed into. Names are resolved to slots by scope.cc before rendering.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/tests.h"
#include "text/jinja/value.h"

namespace saccade::text::jinja {

struct Expr;
struct Stmt;
using ExprPtr = std::unique_ptr<Expr>;
using Block = std::vector<std::unique_ptr<Stmt>>;

/// Where a name lives: so many frames outwards, in that slot.
struct VariableRef {
  int hops = 0;
  int slot = 0;
};

/// What a slot holds when its frame is entered.
struct Load {
  enum class Kind { kParameter, kResolve, kAlias, kUndefined };

  std::string name;
  Kind kind = Kind::kUndefined;
  VariableRef outer;  ///< for kAlias, counted from this frame
};

/// The variables of one frame: the template, a loop body, a macro, a with block.
struct Scope {
  std::vector<Load> loads;  // one for each slot
};

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> keyword;
  ExprPtr star;         ///< *values; may be null
  ExprPtr double_star;  ///< **values; may be null
};

struct ConstExpr {
  Value value;
};
struct NameExpr {
  std::string name;
  VariableRef ref;
};
/// namespace.attribute as the target of an assignment.
struct NamespaceTarget {
  std::string name;
  std::string attribute;
  VariableRef ref;
};
struct TupleExpr {
  std::vector<ExprPtr> items;
};
struct ListExpr {
  std::vector<ExprPtr> items;
};
struct DictExpr {
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};
enum class UnaryOp { kNot, kNegate, kPlus };
struct UnaryExpr {
  UnaryOp op;
  ExprPtr operand;
};
struct BinaryExpr {
  BinaryOp op;
  ExprPtr left, right;
};
struct LogicExpr {
  bool is_and;
  ExprPtr left, right;
};
struct CompareExpr {
  ExprPtr first;
  std::vector<std::pair<CompareOp, ExprPtr>> rest;
};
struct ConcatExpr {
  std::vector<ExprPtr> parts;
};
struct AttributeExpr {
  ExprPtr object;
  std::string name;
};
struct ItemExpr {
  ExprPtr object, index;
};
struct SliceExpr {
  ExprPtr object, start, stop, step;  // the bounds may be null
};
struct FilterExpr {
  ExprPtr input;  ///< null: the text of the block the filter is applied to
  std::string name;
  const FilterEntry* filter;  ///< null: unknown, and an error when it is used
  CallArguments arguments;
};
struct TestExpr {
  ExprPtr input;
  std::string name;
  const TestEntry* test;  ///< null: unknown, and an error when it is used
  CallArguments arguments;
};
struct CallExpr {
  ExprPtr callee;
  CallArguments arguments;
};
struct ConditionalExpr {
  ExprPtr test, then, otherwise;  // otherwise may be null
};

struct Expr {
  using Node =
      std::variant<ConstExpr, NameExpr, NamespaceTarget, TupleExpr, ListExpr, DictExpr, UnaryExpr,
                   BinaryExpr, LogicExpr, CompareExpr, ConcatExpr, AttributeExpr, ItemExpr,
                   SliceExpr, FilterExpr, TestExpr, CallExpr, ConditionalExpr>;

  Expr(int at_line, Node what) : line(at_line), node(std::move(what)) {}

  int line;
  int depth = 1;  ///< nested expressions below and including this one
  Node node;
};

struct TextStmt {
  std::string text;
};
struct PrintStmt {
  ExprPtr value;
};
struct IfStmt {
  struct Branch {
    ExprPtr test;
    Block body;
  };
  std::vector<Branch> branches;
  Block otherwise;
};
struct ForStmt {
  ExprPtr target, items, filter;  // filter may be null
  Block body, otherwise;
  bool recursive = false;
  int loop_slot = -1;  ///< of the body's frame; -1 when the body never asks for `loop`
  Scope body_scope, filter_scope, otherwise_scope;
  ExprPtr filter_target;  ///< the target once more, bound in the filter's frame
};
struct SetStmt {
  ExprPtr target, value;
};
struct SetBlockStmt {
  ExprPtr target, filter;  // filter may be null
  Block body;
  Scope scope;
};
/// What macros and call blocks share.
struct MacroBody {
  std::string name;  ///< empty for a call block
  std::vector<std::string> parameters;
  std::vector<ExprPtr> defaults;  ///< of the last parameters
  Block body;
  Scope scope;
  // Slots of the special names; -1 when the body does not use them.
  int caller_slot = -1, kwargs_slot = -1, varargs_slot = -1;
  bool uses_caller = false;
  std::vector<int> parameter_slots;
};
struct MacroStmt {
  MacroBody macro;
  VariableRef ref;
};
struct CallBlockStmt {
  MacroBody macro;
  ExprPtr call;
};
struct FilterBlockStmt {
  ExprPtr filter;
  Block body;
  Scope scope;
};
struct WithStmt {
  std::vector<ExprPtr> targets, values;
  Block body;
  Scope scope;
};
/// {% generation %}: transformers marks the assistant's text with it; here it is a scope.
struct ScopeStmt {
  Block body;
  Scope scope;
};
struct DoStmt {
  ExprPtr value;
};
struct BreakStmt {};
struct ContinueStmt {};

struct Stmt {
  using Node = std::variant<TextStmt, PrintStmt, IfStmt, ForStmt, SetStmt, SetBlockStmt, MacroStmt,
                            CallBlockStmt, FilterBlockStmt, WithStmt, ScopeStmt, DoStmt, BreakStmt,
                            ContinueStmt>;

  Stmt(int at_line, Node what) : line(at_line), node(std::move(what)) {}

  int line;
  Node node;
};

/// A parsed template.
struct Tree {
  Block body;
  Scope scope;
};

}  // namespace saccade::text::jinja
