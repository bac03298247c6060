#include <bit>

#include "photos/vision/vision.h"

namespace saccade::photos {

int hash_distance(std::uint64_t a, std::uint64_t b) {
  return std::popcount(a ^ b);
}

}  // namespace saccade::photos
