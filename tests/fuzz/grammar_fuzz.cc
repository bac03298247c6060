// Any bytes as a grammar, then as a document for it: Error, and nothing else. The first byte says
// which kind of grammar it is; a line break of two characters parts grammar and document.
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "grammar/matcher.h"

namespace {

using saccade::grammar::Grammar;
using saccade::grammar::Style;

Grammar compile(char kind, std::string_view text) {
  switch (kind) {
    case 'r':
      return Grammar::regex(text);
    case 'g':
      return Grammar::gbnf(text, "fuzz");
    case 'd':
      return Grammar::json_schema(saccade::parse_json(text, "fuzz"), "fuzz", Style::kDocument);
    default:
      return Grammar::json_schema(saccade::parse_json(text, "fuzz"), "fuzz", Style::kGeneration);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(all.find("\n\n", 1), size);
  try {
    const Grammar grammar = compile(all[0], all.substr(1, end - 1));
    (void)saccade::grammar::find_mismatch(grammar, all.substr(std::min(end + 2, size)));
    saccade::grammar::Matcher matcher(grammar);
    (void)matcher.forced(64);
  } catch (const saccade::Error&) {
  }
  return 0;
}
