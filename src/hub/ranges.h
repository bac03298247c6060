// A set of byte ranges.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace saccade::hub {

/// The bytes [begin, end).
struct ByteRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t size() const { return end - begin; }
  bool operator==(const ByteRange&) const = default;
};

/// Which bytes of a file are there. Ranges that touch are one.
class ByteRanges {
 public:
  void add(ByteRange range);
  void clear() { ends_.clear(); }
  std::int64_t size() const;
  /// In order, not empty, apart from each other.
  std::vector<ByteRange> ranges() const;
  /// What [0, total) has that this has not.
  std::vector<ByteRange> missing(std::int64_t total) const;

 private:
  std::map<std::int64_t, std::int64_t> ends_;  // begin -> end
};

}  // namespace saccade::hub
