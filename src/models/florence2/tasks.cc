#include "models/florence2/tasks.h"

#include <string_view>

#include "base/error.h"
#include "text/jinja/unicode.h"

namespace saccade::models::florence2 {
namespace {

struct Task {
  std::string_view name;
  std::string_view before;  ///< of the question, before what the task is given
  std::string_view after;   ///< and behind it
};

constexpr Task kTasks[] = {
    {"<OCR>", "What is the text in the image?", ""},
    {"<OCR_WITH_REGION>", "What is the text in the image, with regions?", ""},
    {"<CAPTION>", "What does the image describe?", ""},
    {"<DETAILED_CAPTION>", "Describe in detail what is shown in the image.", ""},
    {"<MORE_DETAILED_CAPTION>", "Describe with a paragraph what is shown in the image.", ""},
    {"<OD>", "Locate the objects with category name in the image.", ""},
    {"<DENSE_REGION_CAPTION>", "Locate the objects in the image, with their descriptions.", ""},
    {"<REGION_PROPOSAL>", "Locate the region proposals in the image.", ""}};

constexpr Task kTasksWithInput[] = {
    {"<CAPTION_TO_PHRASE_GROUNDING>", "Locate the phrases in the caption: ", ""},
    {"<REFERRING_EXPRESSION_SEGMENTATION>", "Locate ", " in the image with mask"},
    {"<REGION_TO_SEGMENTATION>", "What is the polygon mask of region ", ""},
    {"<OPEN_VOCABULARY_DETECTION>", "Locate ", " in the image."},
    {"<REGION_TO_CATEGORY>", "What is the region ", "?"},
    {"<REGION_TO_DESCRIPTION>", "What does the region ", " describe?"},
    {"<REGION_TO_OCR>", "What text is in the region ", "?"}};

std::string without(std::string text, std::string_view part) {
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos;) {
    text.erase(at, part.size());
  }
  return text;
}

}  // namespace

std::string question_of(const std::string& text) {
  for (const Task& task : kTasks) {
    if (text.find(task.name) == std::string::npos) continue;
    if (text != task.name) {
      fail_usage("the task {} takes nothing: it must be the whole text", task.name);
    }
    return std::string(task.before);
  }
  for (const Task& task : kTasksWithInput) {
    if (text.find(task.name) == std::string::npos) continue;
    const std::string rest = without(text, task.name);
    std::string question(task.before);
    question += text::jinja::strip(rest, true, true);
    return question += task.after;
  }
  return text;
}

}  // namespace saccade::models::florence2
