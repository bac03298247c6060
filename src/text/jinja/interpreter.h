// Rendering: walks the tree, statement by statement.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/runtime.h"

namespace saccade::text::jinja {

/// The variables of one frame while it is rendered.
struct Frame : std::enable_shared_from_this<Frame> {
  Frame(const Scope& scope, std::shared_ptr<Frame> outer)
      : slots(scope.loads.size()), parent(std::move(outer)) {}

  std::vector<Value> slots;
  std::shared_ptr<Frame> parent;
  bool captured = false;  ///< a macro made in it may outlive it
};

class LoopContext;
class Macro;

class Interpreter {
 public:
  /// `variables` are those given to the template.
  Interpreter(Runtime& runtime, const Dict& variables) : runtime_(runtime), variables_(variables) {}
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;
  ~Interpreter();

  /// Raises a Fault with the line where rendering failed.
  std::string render(const Tree& tree);

  /// Runs a macro's body with its arguments bound as jinja2 binds them.
  Value call_macro(const Macro& macro, Arguments arguments);
  /// Renders a recursive loop's body over other items.
  Value recurse(const ForStmt& loop, Frame& outer, const Value& items, int depth);

 private:
  enum class Flow { kNormal, kBreak, kContinue };

  // Statements.
  Flow exec(const Block& block, Frame& frame, std::string& out);
  Flow exec_statement(const Stmt& statement, Frame& frame, std::string& out);
  Flow exec(const TextStmt& node, Frame& frame, std::string& out);
  Flow exec(const PrintStmt& node, Frame& frame, std::string& out);
  Flow exec(const IfStmt& node, Frame& frame, std::string& out);
  Flow exec(const ForStmt& node, Frame& frame, std::string& out);
  Flow exec(const SetStmt& node, Frame& frame, std::string& out);
  Flow exec(const SetBlockStmt& node, Frame& frame, std::string& out);
  Flow exec(const MacroStmt& node, Frame& frame, std::string& out);
  Flow exec(const CallBlockStmt& node, Frame& frame, std::string& out);
  Flow exec(const FilterBlockStmt& node, Frame& frame, std::string& out);
  Flow exec(const WithStmt& node, Frame& frame, std::string& out);
  Flow exec(const ScopeStmt& node, Frame& frame, std::string& out);
  Flow exec(const DoStmt& node, Frame& frame, std::string& out);
  Flow exec(const BreakStmt&, Frame&, std::string&) { return Flow::kBreak; }
  Flow exec(const ContinueStmt&, Frame&, std::string&) { return Flow::kContinue; }

  void write(std::string& out, const Value& value);
  void run_loop(const ForStmt& node, Frame& outer, const Value& items, int depth, std::string& out);
  bool run_rounds(const ForStmt& node, Frame& body, LoopContext& loop, std::string& out);
  Value make_macro(const MacroBody& body, Frame& frame);
  /// Sets the slots of a frame as its scope says they start.
  void enter(const Scope& scope, Frame& frame);
  Value look_up(std::string_view name) const;

  // Assignments.
  void assign(const Expr& target, const Value& value, Frame& frame);
  void check_namespaces(const Expr& target, Frame& frame);
  Value& slot(const VariableRef& ref, Frame& frame);

  // Expressions (evaluation.cc).
  Value eval(const Expr& expr, Frame& frame);
  /// Like eval, for a whole expression: a fault gets its line.
  Value evaluate(const Expr& expr, Frame& frame);
  Value eval(const ConstExpr& node, Frame& frame);
  Value eval(const NameExpr& node, Frame& frame);
  Value eval(const NamespaceTarget& node, Frame& frame);
  Value eval(const TupleExpr& node, Frame& frame);
  Value eval(const ListExpr& node, Frame& frame);
  Value eval(const DictExpr& node, Frame& frame);
  Value eval(const UnaryExpr& node, Frame& frame);
  Value eval(const BinaryExpr& node, Frame& frame);
  Value eval(const LogicExpr& node, Frame& frame);
  Value eval(const CompareExpr& node, Frame& frame);
  Value eval(const ConcatExpr& node, Frame& frame);
  Value eval(const AttributeExpr& node, Frame& frame);
  Value eval(const ItemExpr& node, Frame& frame);
  Value eval(const SliceExpr& node, Frame& frame);
  Value eval(const FilterExpr& node, Frame& frame);
  Value eval(const TestExpr& node, Frame& frame);
  Value eval(const CallExpr& node, Frame& frame);
  Value eval(const ConditionalExpr& node, Frame& frame);
  std::vector<Value> eval_all(const std::vector<ExprPtr>& exprs, Frame& frame);
  void eval_arguments(const CallArguments& node, Frame& frame, Arguments& arguments);
  Value eval_call(const CallExpr& node, Frame& frame, Value caller);
  /// Applies the filters of a block to the text it rendered.
  Value filter_text(const Expr& filter, Value text, Frame& frame);

  Runtime& runtime_;
  const Dict& variables_;
  std::vector<std::shared_ptr<Frame>> captured_;
  Value block_text_;  ///< what a filter without an input is applied to
};

/// A macro, or the body of a call block, with the frame it was made in.
class Macro final : public Object {
 public:
  Macro(Interpreter& interpreter, const MacroBody& body, std::shared_ptr<Frame> frame)
      : interpreter_(interpreter), body_(body), frame_(std::move(frame)) {}
  std::string_view type_name() const override { return "Macro"; }
  void append_repr(std::string& out, int depth) const override;
  bool callable() const override { return true; }
  Value call(Runtime&, Arguments arguments) override {
    return interpreter_.call_macro(*this, std::move(arguments));
  }
  Value attribute(Runtime& runtime, std::string_view name) override;
  const MacroBody& body() const { return body_; }
  const std::shared_ptr<Frame>& frame() const { return frame_; }

 private:
  Interpreter& interpreter_;
  const MacroBody& body_;
  std::shared_ptr<Frame> frame_;
};

/// The functions every template finds: range, dict, namespace, raise_exception and so on.
/// Missing when there is none of that name.
Value find_global(std::string_view name);

}  // namespace saccade::text::jinja
