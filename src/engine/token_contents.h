// What every token of a prompt is, as far as keys and values depend on it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/digest.h"
#include "engine/picture.h"
#include "models/processor.h"

namespace saccade::engine {

/// A digest for each token [tokens]: of its id, or, where a picture's embedding takes its place, of
/// that picture's content and which of its rows; of its positions; and, where tokens see those
/// after them, of all that they see. Tokens with equal digests after equal tokens have equal keys
/// and values, so the digests name what a prefix cache holds (DESIGN, decision 4): a picture counts
/// by itself, wherever it stands and whatever else is in the request.
std::vector<Digest> token_contents(const models::Prompt& prompt,
                                   std::span<const std::shared_ptr<Picture>> pictures);

/// The same of a token of an answer, on whose `axes` axes the position is one.
Digest answer_content(std::int32_t id, std::int32_t position, int axes);

}  // namespace saccade::engine
