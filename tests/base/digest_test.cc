#include "base/digest.h"

#include <gtest/gtest.h>

#include <string_view>

namespace saccade {
namespace {

Digest of(std::string_view text) {
  return Digester().add(std::as_bytes(std::span(text))).finish();
}

TEST(Digest, MatchesThePublishedXxh3Value) {
  // XXH3_128bits of the empty input, from the xxHash specification's test vectors.
  EXPECT_EQ(Digester().finish().hex(), "99aa06d3014798d86001c324468d497f");
}

TEST(Digest, PiecesEqualTheWhole) {
  Digester pieces;
  pieces.add(std::as_bytes(std::span(std::string_view("sac"))));
  pieces.add(std::as_bytes(std::span(std::string_view("cade"))));
  EXPECT_EQ(pieces.finish(), of("saccade"));
  EXPECT_NE(of("saccade"), of("saccadf"));
}

TEST(Digest, NumbersShapeTheValue) {
  EXPECT_NE(Digester().add_number(std::int64_t{1}).finish(),
            Digester().add_number(std::int64_t{2}).finish());
}

}  // namespace
}  // namespace saccade
