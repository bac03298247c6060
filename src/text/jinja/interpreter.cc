#include "text/jinja/interpreter.h"

#include "text/jinja/fault.h"
#include "text/jinja/loop.h"
#include "text/jinja/printing.h"

namespace saccade::text::jinja {

Interpreter::~Interpreter() {
  // A frame whose slot holds a macro made in that frame would keep itself alive.
  for (const auto& frame : captured_) frame->slots.clear();
}

std::string Interpreter::render(const Tree& tree) {
  const auto frame = std::make_shared<Frame>(tree.scope, nullptr);
  enter(tree.scope, *frame);
  std::string out;
  exec(tree.body, *frame, out);
  return out;
}

Interpreter::Flow Interpreter::exec(const Block& block, Frame& frame, std::string& out) {
  const Runtime::Depth depth(runtime_);
  for (const auto& statement : block) {
    const Flow flow = exec_statement(*statement, frame, out);
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::exec_statement(const Stmt& statement, Frame& frame,
                                              std::string& out) {
  try {
    runtime_.step();
    return std::visit([&](const auto& node) { return exec(node, frame, out); }, statement.node);
  } catch (Fault& fault) {
    if (fault.line == 0) fault.line = statement.line;
    throw;
  }
}

void Interpreter::write(std::string& out, const Value& value) {
  const std::size_t before = out.size();
  append_str(out, value);
  runtime_.charge(out.size() - before);
  if (out.size() > kMaxTextBytes) raise("the text takes over {} bytes", kMaxTextBytes);
}

Interpreter::Flow Interpreter::exec(const TextStmt& node, Frame&, std::string& out) {
  runtime_.charge(node.text.size());
  out += node.text;
  if (out.size() > kMaxTextBytes) raise("the text takes over {} bytes", kMaxTextBytes);
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::exec(const PrintStmt& node, Frame& frame, std::string& out) {
  write(out, evaluate(*node.value, frame));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::exec(const IfStmt& node, Frame& frame, std::string& out) {
  for (const auto& branch : node.branches) {
    if (truthy(evaluate(*branch.test, frame))) return exec(branch.body, frame, out);
  }
  return exec(node.otherwise, frame, out);
}

Interpreter::Flow Interpreter::exec(const SetStmt& node, Frame& frame, std::string&) {
  check_namespaces(*node.target, frame);
  assign(*node.target, evaluate(*node.value, frame), frame);
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::exec(const SetBlockStmt& node, Frame& frame, std::string&) {
  const auto inner = std::make_shared<Frame>(node.scope, frame.shared_from_this());
  enter(node.scope, *inner);
  std::string text;
  const Flow flow = exec(node.body, *inner, text);
  if (flow != Flow::kNormal) return flow;
  Value value = runtime_.string(std::move(text));
  if (node.filter != nullptr) value = filter_text(*node.filter, std::move(value), *inner);
  check_namespaces(*node.target, frame);
  assign(*node.target, value, frame);
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::exec(const MacroStmt& node, Frame& frame, std::string&) {
  slot(node.ref, frame) = make_macro(node.macro, frame);
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::exec(const CallBlockStmt& node, Frame& frame, std::string& out) {
  Value caller = make_macro(node.macro, frame);
  write(out, eval_call(std::get<CallExpr>(node.call->node), frame, std::move(caller)));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::exec(const FilterBlockStmt& node, Frame& frame, std::string& out) {
  const auto inner = std::make_shared<Frame>(node.scope, frame.shared_from_this());
  enter(node.scope, *inner);
  std::string text;
  const Flow flow = exec(node.body, *inner, text);
  if (flow != Flow::kNormal) return flow;
  write(out, filter_text(*node.filter, runtime_.string(std::move(text)), *inner));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::exec(const WithStmt& node, Frame& frame, std::string& out) {
  const auto inner = std::make_shared<Frame>(node.scope, frame.shared_from_this());
  enter(node.scope, *inner);
  for (std::size_t i = 0; i < node.targets.size(); ++i) {
    assign(*node.targets[i], evaluate(*node.values[i], frame), *inner);
  }
  return exec(node.body, *inner, out);
}

Interpreter::Flow Interpreter::exec(const ScopeStmt& node, Frame& frame, std::string& out) {
  const auto inner = std::make_shared<Frame>(node.scope, frame.shared_from_this());
  enter(node.scope, *inner);
  return exec(node.body, *inner, out);
}

Interpreter::Flow Interpreter::exec(const DoStmt& node, Frame& frame, std::string&) {
  evaluate(*node.value, frame);
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::exec(const ForStmt& node, Frame& frame, std::string& out) {
  const Value items = evaluate(*node.items, frame);
  run_loop(node, frame, items, 0, out);
  return Flow::kNormal;
}

Value Interpreter::recurse(const ForStmt& loop, Frame& outer, const Value& items, int depth) {
  std::string text;
  run_loop(loop, outer, items, depth, text);
  return runtime_.string(std::move(text));
}

void Interpreter::run_loop(const ForStmt& node, Frame& outer, const Value& items, int depth,
                           std::string& out) {
  const auto body = std::make_shared<Frame>(node.body_scope, outer.shared_from_this());
  ItemSource::Filter filter;
  std::shared_ptr<Frame> filter_frame;
  if (node.filter != nullptr) {
    filter_frame = std::make_shared<Frame>(node.filter_scope, outer.shared_from_this());
    filter = [&, filter_frame](const Value& item) {
      enter(node.filter_scope, *filter_frame);
      assign(*node.filter_target, item, *filter_frame);
      return truthy(evaluate(*node.filter, *filter_frame));
    };
  }
  LoopContext::Recurse recurse_into;
  if (node.recursive) {
    recurse_into = [this, &node, &outer](const Value& inner, int level) {
      return recurse(node, outer, inner, level);
    };
  }
  const auto loop = std::make_shared<LoopContext>(
      ItemSource(runtime_.iterate(items), std::move(filter)), depth, std::move(recurse_into));
  if (node.loop_slot >= 0)
    body->slots[static_cast<std::size_t>(node.loop_slot)] = Value::object(loop);
  const bool completed_a_round = run_rounds(node, *body, *loop, out);
  loop->clear();  // what it refers to ends here, even where a template holds on to it
  if (node.otherwise.empty() || completed_a_round) return;
  const auto otherwise = std::make_shared<Frame>(node.otherwise_scope, outer.shared_from_this());
  enter(node.otherwise_scope, *otherwise);
  exec(node.otherwise, *otherwise, out);
}

/// Returns whether a round came to its end. One that was left by break or continue does not count:
/// jinja2 then renders the else block as if there had been no items.
bool Interpreter::run_rounds(const ForStmt& node, Frame& body, LoopContext& loop,
                             std::string& out) {
  bool completed = false;
  for (Value item = loop.advance(); !item.is_missing(); item = loop.advance()) {
    runtime_.step();
    assign(*node.target, item, body);
    enter(node.body_scope, body);
    const Flow flow = exec(node.body, body, out);
    if (flow == Flow::kBreak) break;
    completed = completed || flow == Flow::kNormal;
  }
  return completed;
}

Value Interpreter::make_macro(const MacroBody& body, Frame& frame) {
  auto shared = frame.shared_from_this();
  if (!frame.captured) {
    frame.captured = true;
    captured_.push_back(shared);
  }
  return Value::object(std::make_shared<Macro>(*this, body, std::move(shared)));
}

void Interpreter::enter(const Scope& scope, Frame& frame) {
  for (std::size_t i = 0; i < scope.loads.size(); ++i) {
    const Load& load = scope.loads[i];
    switch (load.kind) {
      case Load::Kind::kParameter:
        break;
      case Load::Kind::kResolve:
        frame.slots[i] = look_up(load.name);
        break;
      case Load::Kind::kAlias:
        frame.slots[i] = slot(load.outer, frame);
        break;
      case Load::Kind::kUndefined:
        frame.slots[i] = Value();
        break;
    }
  }
}

Value Interpreter::look_up(std::string_view name) const {
  if (const Value* given = variables_.find(name)) return *given;
  return find_global(name);
}

Value& Interpreter::slot(const VariableRef& ref, Frame& frame) {
  Frame* at = &frame;
  for (int i = 0; i < ref.hops; ++i) at = at->parent.get();
  return at->slots[static_cast<std::size_t>(ref.slot)];
}

void Interpreter::assign(const Expr& target, const Value& value, Frame& frame) {
  if (const auto* name = std::get_if<NameExpr>(&target.node)) {
    slot(name->ref, frame) = value;
  } else if (const auto* attribute = std::get_if<NamespaceTarget>(&target.node)) {
    const Value object = slot(attribute->ref, frame);
    static_cast<Namespace&>(*object.as_object()).set(attribute->attribute, value);
  } else {
    const auto& names = std::get<TupleExpr>(target.node).items;
    const auto items = runtime_.iterate(value);
    if (items->items.size() > names.size()) {
      raise("too many values to unpack (expected {})", names.size());
    }
    if (items->items.size() < names.size()) {
      raise("not enough values to unpack (expected {}, got {})", names.size(), items->items.size());
    }
    for (std::size_t i = 0; i < names.size(); ++i) assign(*names[i], items->items[i], frame);
  }
}

void Interpreter::check_namespaces(const Expr& target, Frame& frame) {
  if (const auto* attribute = std::get_if<NamespaceTarget>(&target.node)) {
    const Value& object = slot(attribute->ref, frame);
    if (!object.is_object() || dynamic_cast<Namespace*>(object.as_object()) == nullptr) {
      raise("cannot assign attribute on non-namespace object '{}'", attribute->name);
    }
  } else if (const auto* tuple = std::get_if<TupleExpr>(&target.node)) {
    for (const auto& item : tuple->items) check_namespaces(*item, frame);
  }
}

}  // namespace saccade::text::jinja
