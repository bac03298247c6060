// Compiled grammars by what requests ask for.
#pragma once

#include <compare>
#include <cstdint>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/token_masks.h"

namespace saccade::grammar {

/// What an answer is to follow, as it was asked for.
struct Source {
  enum class Kind : std::uint8_t { kJsonSchema, kJsonObject, kRegex, kChoice, kGbnf };
  Kind kind = Kind::kJsonObject;
  std::vector<std::string> texts;  ///< of the schema, expression or rules; each of the choices
  auto operator<=>(const Source&) const = default;
};

/// Throws Error as Grammar; `where` names the source in errors.
Grammar compile(const Source& source, std::string_view where, Style style);

/// Compiles each source once for a vocabulary, and keeps those that were used last. Threads may
/// share one.
class GrammarCache {
 public:
  /// `max_bytes` is a budget for what masks keep; a grammar that is in use stays with its users
  /// when it is given up here.
  explicit GrammarCache(std::shared_ptr<const Vocabulary> vocabulary,
                        std::size_t max_bytes = std::size_t{512} << 20,
                        std::size_t max_grammars = 256);

  /// What answers to `source` share: make a Matcher of it. Compiles where it must, on the caller's
  /// thread; who asks for the same meanwhile waits. Throws Error as compile(), every time anew.
  std::shared_ptr<const TokenMasks> get(const Source& source, std::string_view where);

  std::size_t size() const;
  const Vocabulary& vocabulary() const { return *vocabulary_; }

 private:
  using MasksPtr = std::shared_ptr<const TokenMasks>;
  struct Entry {
    Source source;
    std::shared_future<MasksPtr> masks;
    std::uint64_t id = 0;  // tells an entry from a later one of the same source
  };

  void drop(const Source& source, std::uint64_t id);
  void evict();

  std::shared_ptr<const Vocabulary> vocabulary_;
  std::size_t max_bytes_;
  std::size_t max_grammars_;
  mutable std::mutex mutex_;  // of what follows
  std::list<Entry> entries_;  // the last used one first
  std::map<Source, std::list<Entry>::iterator> places_;
  std::uint64_t next_id_ = 0;
};

}  // namespace saccade::grammar
