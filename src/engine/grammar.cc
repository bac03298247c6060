#include "saccade/grammar.h"

#include <algorithm>

#include "base/json.h"
#include "grammar/matcher.h"

namespace saccade {

class Grammar::Impl {
 public:
  explicit Impl(grammar::Grammar grammar) : compiled(std::move(grammar)) {}
  grammar::Grammar compiled;
};

Grammar::Grammar(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Grammar::~Grammar() = default;
Grammar::Grammar(Grammar&&) noexcept = default;
Grammar& Grammar::operator=(Grammar&&) noexcept = default;

Grammar Grammar::json_schema(std::string_view schema, std::string_view where) {
  return Grammar(std::make_unique<const Impl>(
      grammar::Grammar::json_schema(parse_json(schema, where), where, grammar::Style::kDocument)));
}

Grammar Grammar::json_object() {
  return Grammar(
      std::make_unique<const Impl>(grammar::Grammar::json_object(grammar::Style::kDocument)));
}

Grammar Grammar::regex(std::string_view pattern) {
  return Grammar(std::make_unique<const Impl>(grammar::Grammar::regex(pattern)));
}

Grammar Grammar::choice(const std::vector<std::string>& texts) {
  return Grammar(std::make_unique<const Impl>(grammar::Grammar::choice(texts)));
}

Grammar Grammar::gbnf(std::string_view text, std::string_view where) {
  return Grammar(std::make_unique<const Impl>(grammar::Grammar::gbnf(text, where)));
}

std::optional<Grammar::Mismatch> Grammar::check(std::string_view document) const {
  const std::optional<grammar::Mismatch> found = grammar::find_mismatch(impl_->compiled, document);
  if (!found) return std::nullopt;
  Mismatch mismatch;
  mismatch.expected = found->expected;
  mismatch.at_end = found->offset == document.size();
  const std::string_view before = document.substr(0, found->offset);
  mismatch.line += static_cast<std::size_t>(std::ranges::count(before, '\n'));
  const std::size_t line_break = before.rfind('\n');
  mismatch.column += before.size() - (line_break == std::string_view::npos ? 0 : line_break + 1);
  return mismatch;
}

}  // namespace saccade
