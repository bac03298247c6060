#include "engine/token_contents.h"

#include <algorithm>
#include <array>

namespace saccade::engine {
namespace {

constexpr int kMaxAxes = 4;

/// What is digested of a token; no padding in between.
struct Content {
  std::int64_t id = 0;   // -1: a row of a picture
  std::int64_t row = 0;  // of the picture
  Digest picture = {};
  std::array<std::int32_t, kMaxAxes> positions = {};

  Digest digest() const { return digest_of(std::as_bytes(std::span(this, 1))); }
};
static_assert(sizeof(Content) == 48);

/// Makes a run's tokens depend on the whole run, which each of them sees.
void mix_in_run(std::span<Digest> contents, const models::TokenRun& run) {
  const std::span<Digest> tokens = contents.subspan(run.begin, run.count);
  const Digest whole = digest_of(std::as_bytes(std::span<const Digest>(tokens)));
  const Digest bounds{static_cast<std::uint64_t>(run.count), run.past_windows ? 1u : 0u};
  for (Digest& token : tokens) {
    const std::array<Digest, 3> parts = {token, whole, bounds};
    token = digest_of(std::as_bytes(std::span(parts)));
  }
}

}  // namespace

std::vector<Digest> token_contents(const models::Prompt& prompt,
                                   std::span<const std::shared_ptr<Picture>> pictures) {
  const auto tokens = static_cast<std::int64_t>(prompt.token_ids.size());
  std::vector<Content> contents(tokens);
  for (std::int64_t i = 0; i < tokens; ++i) {
    contents[i].id = prompt.token_ids[i];
    for (int axis = 0; axis < std::min(prompt.axes, kMaxAxes); ++axis) {
      contents[i].positions[axis] = prompt.positions[axis * tokens + i];
    }
  }
  for (const models::MediaSpan& span : prompt.media) {
    for (std::int64_t i = 0; i < span.count; ++i) {
      Content& content = contents[span.begin + i];
      content.id = -1;
      content.row = span.first + i;
      content.picture = pictures[span.image]->patches.digest;
    }
  }
  std::vector<Digest> digests;
  digests.reserve(tokens);
  for (const Content& content : contents) digests.push_back(content.digest());
  for (const models::TokenRun& run : prompt.mutual) mix_in_run(digests, run);
  return digests;
}

Digest answer_content(std::int32_t id, std::int32_t position, int axes) {
  Content content;
  content.id = id;
  std::fill_n(content.positions.begin(), std::min(axes, kMaxAxes), position);
  return content.digest();
}

}  // namespace saccade::engine
