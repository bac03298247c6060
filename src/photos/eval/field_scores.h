// How well answers agree with labels, field by field.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace saccade::photos::eval {

/// The values of a document by path. Members of objects make paths ("objects.name"), also inside
/// lists, whose order and repetitions count for nothing. Texts are trimmed and case-folded
/// (Unicode, NFKC) and otherwise kept; numbers are equal as numbers, 2 and 2.0; null and empty
/// texts are no values. A path whose list or object is empty is there, with no values.
using FieldValues = std::map<std::string, std::set<std::string>>;
FieldValues field_values(const boost::json::object& fields);

/// What an answer got right, made up, and missed. Adds up over photos and fields.
struct Counts {
  std::int64_t true_positives = 0;
  std::int64_t false_positives = 0;
  std::int64_t false_negatives = 0;

  Counts& operator+=(const Counts& other);
  bool operator==(const Counts&) const = default;
  // Of nothing in nothing all three are 1; otherwise 0 where they would be 0 / 0.
  double precision() const;
  double recall() const;
  double f1() const;  ///< 2 TP / (2 TP + FP + FN)
};

/// Scores by the paths that any label has a value at: what nobody labelled is not judged.
class FieldScorer {
 public:
  /// `labels`: the "fields" of each labelled photo.
  explicit FieldScorer(const std::vector<boost::json::object>& labels);

  const std::vector<std::string>& paths() const { return paths_; }
  /// The counts of one photo, an entry for each of paths(); none where the photo's label does not
  /// name the field at the path's beginning. An answer that is null has nothing.
  std::vector<std::optional<Counts>> score(const boost::json::object& label,
                                           const boost::json::object* answer) const;

 private:
  std::vector<std::string> paths_;
};

/// All fields together.
Counts total(const std::vector<std::optional<Counts>>& fields);

}  // namespace saccade::photos::eval
