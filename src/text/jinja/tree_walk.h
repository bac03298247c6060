// Visiting the expressions an expression is made of.
#pragma once

#include <type_traits>
#include <variant>

#include "text/jinja/ast.h"

namespace saccade::text::jinja {

/// Calls visit(child) for every expression directly below, in the order in which jinja2 visits
/// them. `Node` is Expr or const Expr.
template <typename Node, typename F>
class ChildVisitor {
 public:
  explicit ChildVisitor(const F& visit) : visit_(visit) {}

  template <typename Kind>
  void operator()(Kind& node) const {
    using T = std::remove_const_t<Kind>;
    if constexpr (std::is_same_v<T, TupleExpr> || std::is_same_v<T, ListExpr>) {
      each(node.items);
    } else if constexpr (std::is_same_v<T, DictExpr>) {
      for (auto& entry : node.entries) both(entry.first, entry.second);
    } else if constexpr (std::is_same_v<T, UnaryExpr>) {
      one(node.operand);
    } else if constexpr (std::is_same_v<T, BinaryExpr> || std::is_same_v<T, LogicExpr>) {
      both(node.left, node.right);
    } else if constexpr (std::is_same_v<T, CompareExpr>) {
      one(node.first);
      for (auto& entry : node.rest) one(entry.second);
    } else if constexpr (std::is_same_v<T, ConcatExpr>) {
      each(node.parts);
    } else if constexpr (std::is_same_v<T, AttributeExpr>) {
      one(node.object);
    } else if constexpr (std::is_same_v<T, ItemExpr>) {
      both(node.object, node.index);
    } else if constexpr (std::is_same_v<T, SliceExpr>) {
      both(node.object, node.start);
      both(node.stop, node.step);
    } else if constexpr (std::is_same_v<T, FilterExpr> || std::is_same_v<T, TestExpr>) {
      one(node.input);
      arguments(node.arguments);
    } else if constexpr (std::is_same_v<T, CallExpr>) {
      one(node.callee);
      arguments(node.arguments);
    } else if constexpr (std::is_same_v<T, ConditionalExpr>) {
      both(node.test, node.then);
      one(node.otherwise);
    }
  }

 private:
  void one(const ExprPtr& child) const {
    if (child != nullptr) visit_(static_cast<Node&>(*child));
  }
  void both(const ExprPtr& first, const ExprPtr& second) const {
    one(first);
    one(second);
  }
  void each(const std::vector<ExprPtr>& children) const {
    for (const ExprPtr& child : children) one(child);
  }
  void arguments(const CallArguments& given) const {
    each(given.positional);
    for (const auto& entry : given.keyword) one(entry.second);
    both(given.star, given.double_star);
  }

  const F& visit_;
};

template <typename Node, typename F>
void for_each_child(Node& expr, const F& visit) {
  std::visit(ChildVisitor<Node, F>(visit), expr.node);
}

}  // namespace saccade::text::jinja
