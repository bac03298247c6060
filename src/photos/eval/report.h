// What an evaluation found, for people and for programs.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "photos/eval/evaluation.h"

namespace saccade::photos::eval {

/// A table of texts; the first column is names, the others are figures.
struct ReportTable {
  std::string title;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

/// The variants, the fields (with labels) or parts of the rubric (with a judge), and the duels.
std::vector<ReportTable> report_tables(const Evaluation& evaluation);

/// All of it: the decision, the variants with every answer, the duels with every photo.
boost::json::object report_json(const Evaluation& evaluation);

/// A page for a browser, whole in itself: it asks for nothing outside, and follows the browser's
/// light or dark. Photos are named and not shown.
std::string report_html(const Evaluation& evaluation);

}  // namespace saccade::photos::eval
