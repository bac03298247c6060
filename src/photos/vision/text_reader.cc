#include "photos/vision/text_reader.h"

#include <tesseract/baseapi.h>
#include <tesseract/resultiterator.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "photos/vision/boxes.h"
#include "photos/vision/text_candidates.h"

// Of the OpenMP run-time library that Tesseract brings; where it was built without, there is none.
extern "C" void omp_set_max_active_levels(int) __attribute__((weak));

namespace saccade::photos {
namespace {

// What Tesseract is shown, candidates of most letters first: pages of a document whole, but only so
// many of the short rows that leaves, windows and fences make as well. A line takes it about 6 ms.
constexpr int kMostLines = 40;
constexpr int kMostShortLines = 8;
constexpr int kShortLine = 5;      // letters
constexpr int kReadHeight = 30;    // pixels of a letter; Tesseract's model makes a line 36 high
constexpr int kWidestLine = 4000;  // pixels
constexpr double kLeastWord = 40;  // percent that a word must be sure of to be kept,
constexpr double kLeastLine = 65;  // and the mean of a line,
constexpr double kLeastShortText = 80;  // or of a few letters, which shapes are easily taken for
constexpr int kShortText = 4;           // letters

/// Tesseract would start four threads for every line; ours are spent elsewhere. OpenMP's limit
/// belongs to each thread that calls.
void keep_to_one_thread() {
  if (omp_set_max_active_levels) omp_set_max_active_levels(0);
}

std::unique_ptr<tesseract::TessBaseAPI> make_reader() {
  keep_to_one_thread();
  auto reader = std::make_unique<tesseract::TessBaseAPI>();
  if (reader->Init(nullptr, "eng", tesseract::OEM_LSTM_ONLY) != 0) {
    fail(
        "Tesseract's English (eng.traineddata) cannot be read; install the package "
        "tesseract-ocr-eng, or say in TESSDATA_PREFIX which folder has it");
  }
  reader->SetPageSegMode(tesseract::PSM_SINGLE_LINE);
  reader->SetVariable("debug_file", "/dev/null");
  reader->SetVariable("user_defined_dpi", "300");
  reader->SetVariable("tessedit_do_invert", "0");  // it gets dark on light
  return reader;
}

/// The candidate's rectangle and some space around it, in the size that Tesseract reads best.
struct Line {
  cv::Mat picture;  // dark on light
  cv::Rect box;     // in the picture it was cut from
};

Line cut_out(const cv::Mat& gray, const TextCandidate& candidate) {
  const int margin = candidate.letter_height / 2;
  Line line;
  line.box = cv::Rect(candidate.box.x - margin, candidate.box.y - margin,
                      candidate.box.width + 2 * margin, candidate.box.height + 2 * margin) &
             cv::Rect({}, gray.size());
  const double scale = std::min(static_cast<double>(kReadHeight) / candidate.letter_height,
                                static_cast<double>(kWidestLine) / line.box.width);
  cv::resize(gray(line.box), line.picture, {}, scale, scale,
             scale < 1.0 ? cv::INTER_AREA : cv::INTER_CUBIC);
  if (candidate.light_on_dark) cv::bitwise_not(line.picture, line.picture);
  return line;
}

bool is_letter_or_digit(unsigned char c) {
  return std::isalnum(c) != 0 || c >= 0x80;
}

/// Whether a word or line reads like one: mostly letters and digits.
bool reads_like_text(std::string_view text) {
  const auto letters = std::ranges::count_if(text, is_letter_or_digit);
  const auto blanks = std::ranges::count(text, ' ');
  return letters >= 2 && 3 * letters >= 2 * (static_cast<std::ptrdiff_t>(text.size()) - blanks);
}

/// The line's sure words; nothing when they do not read like text.
std::optional<Region> words_of(tesseract::TessBaseAPI& reader, const Line& line,
                               const cv::Size& size) {
  const std::unique_ptr<tesseract::ResultIterator> words(reader.GetIterator());
  if (!words) return std::nullopt;
  Region region;
  region.kind = Region::Kind::kText;
  cv::Rect extent;
  double sum = 0.0;
  int letters = 0;
  do {
    const std::unique_ptr<char[]> word(words->GetUTF8Text(tesseract::RIL_WORD));
    const double confidence = words->Confidence(tesseract::RIL_WORD);
    cv::Point least, most;
    if (!word || confidence < kLeastWord ||
        !words->BoundingBox(tesseract::RIL_WORD, &least.x, &least.y, &most.x, &most.y)) {
      continue;
    }
    const std::string text = valid_utf8(word.get());
    if (std::ranges::none_of(text, is_letter_or_digit)) continue;
    region.text += (region.text.empty() ? "" : " ") + text;
    extent = letters == 0 ? cv::Rect(least, most) : extent | cv::Rect(least, most);
    sum += confidence * static_cast<double>(text.size());
    letters += static_cast<int>(text.size());
  } while (words->Next(tesseract::RIL_WORD));
  const double least = letters < kShortText ? kLeastShortText : kLeastLine;
  if (letters == 0 || sum / letters < least || !reads_like_text(region.text)) return std::nullopt;
  region.confidence = sum / letters / 100.0;
  const double scale = static_cast<double>(line.box.width) / line.picture.cols;
  const cv::Rect pixels(line.box.x + cvRound(extent.x * scale),
                        line.box.y + cvRound(extent.y * scale), cvRound(extent.width * scale),
                        cvRound(extent.height * scale));
  region.box = box_of(pixels, size);
  return region;
}

/// The candidates that are worth their time.
std::vector<TextCandidate> chosen(std::vector<TextCandidate> candidates) {
  const auto first_short = std::ranges::find_if(
      candidates, [](const TextCandidate& one) { return one.letters < kShortLine; });
  const std::ptrdiff_t full =
      std::min<std::ptrdiff_t>(first_short - candidates.begin(), kMostLines);
  const std::ptrdiff_t rest =
      std::min<std::ptrdiff_t>(candidates.end() - first_short, kMostShortLines);
  std::vector<TextCandidate> kept(candidates.begin(), candidates.begin() + full);
  kept.insert(kept.end(), first_short, first_short + rest);
  return kept;
}

}  // namespace

TextReader::TextReader() : readers_(make_reader) {
  readers_.take();  // so that what is missing is said now
}

TextReader::~TextReader() = default;

std::vector<Region> TextReader::read(const cv::Mat& gray) const {
  const std::vector<TextCandidate> candidates = chosen(find_text_candidates(gray));
  std::vector<Region> regions;
  if (candidates.empty()) return regions;
  keep_to_one_thread();
  const auto reader = readers_.take();
  for (const TextCandidate& candidate : candidates) {
    const Line line = cut_out(gray, candidate);
    reader->SetImage(line.picture.data, line.picture.cols, line.picture.rows, 1,
                     static_cast<int>(line.picture.step));
    if (reader->Recognize(nullptr) != 0) continue;
    if (auto region = words_of(*reader, line, gray.size())) regions.push_back(std::move(*region));
    reader->ClearAdaptiveClassifier();  // what one line taught must not change the next
  }
  reader->Clear();
  std::ranges::stable_sort(
      regions, {}, [](const Region& region) { return std::pair(region.box.y, region.box.x); });
  return regions;
}

std::string tesseract_version() {
  return tesseract::TessBaseAPI::Version();
}

}  // namespace saccade::photos
