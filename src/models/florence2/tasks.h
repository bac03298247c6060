// What Florence-2 can be asked for by the name of a task.
#pragma once

#include <string>

namespace saccade::models::florence2 {

/// The question that a text stands for: that of the task it names, such as <OD>, with what the task
/// is given, such as the phrase of <OPEN_VOCABULARY_DETECTION>a green car; the text itself where it
/// names none. Throws Error where a task is given something that takes nothing.
std::string question_of(const std::string& text);

}  // namespace saccade::models::florence2
