// What answers may be made to follow.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "saccade/error.h"

namespace saccade {

/// A JSON Schema, a regular expression, a list of choices or a GBNF grammar. Immutable: threads may
/// share one. What is not supported is an Error that names it.
class Grammar {
 public:
  /// `where` names the source in errors. docs/grammar.md lists what is supported.
  static Grammar json_schema(std::string_view schema, std::string_view where);
  static Grammar json_object();
  static Grammar regex(std::string_view pattern);
  static Grammar choice(const std::vector<std::string>& texts);
  static Grammar gbnf(std::string_view text, std::string_view where);
  ~Grammar();
  Grammar(Grammar&&) noexcept;
  Grammar& operator=(Grammar&&) noexcept;

  /// Where a document leaves the grammar.
  struct Mismatch {
    std::size_t line = 1;
    std::size_t column = 1;  ///< in bytes
    std::string expected;    ///< `"," or "}"`
    bool at_end = false;     ///< the document ends too early
  };
  /// Nothing if the whole document is accepted: for JSON in any order of properties, with any white
  /// space.
  std::optional<Mismatch> check(std::string_view document) const;

 private:
  class Impl;
  explicit Grammar(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace saccade
