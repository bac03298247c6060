// Normalizers of tokenizer.json: what happens to text before it is cut.
#pragma once

#include <boost/json/fwd.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace saccade::text {

/// One normalizer, or a sequence of them. Immutable, so threads may share it.
class Normalizer {
 public:
  virtual ~Normalizer() = default;

  /// Normalizes `text` (valid UTF-8) in place; it stays valid UTF-8.
  virtual void apply(std::string& text) const = 0;

  /// Builds the normalizer that a JSON value describes; null gives none (nullptr). Supported: NFC,
  /// NFD, NFKC, NFKD, Nmt, Lowercase, Strip, StripAccents, Precompiled, Prepend, Replace, ByteLevel
  /// and Sequence. Throws Error naming any other type.
  static std::unique_ptr<Normalizer> from_json(const boost::json::value* value,
                                               std::string_view where);
};

}  // namespace saccade::text
