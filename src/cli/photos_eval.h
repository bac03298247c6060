// saccade photos eval: which model, with which prompt.
#pragma once

#include <cstdint>
#include <string>

namespace saccade::cli {

struct PhotosEval {
  std::string library;
  std::string against;  ///< file of labels; empty: a judge
  std::string judge;    ///< MODEL, NAME@URL or URL
  std::string models;   ///< MODEL or NAME@URL, with commas between
  std::string prompts;  ///< tiers' names or files, with commas between; empty: the first tier's
  double margin = 3.0;
  std::int64_t limit = 0;  ///< photos to ask about; 0: all
  std::uint64_t seed = 1;
  std::string html;  ///< file for the report; empty: none
  bool json = false;
};
int evaluate_photos(const PhotosEval& command);

}  // namespace saccade::cli
