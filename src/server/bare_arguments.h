// Arguments of a call with bare keys and texts between marks of their own, as Gemma 4 writes them.
#pragma once

#include <string>
#include <string_view>

namespace saccade::server {

/// Makes a JSON object of {key:<|"|>text<|"|>,other:[1,true]}, as it comes. What is neither a text
/// nor a number, true, false or null becomes a text.
class BareArguments {
 public:
  /// Reads from the front of `text`, and takes from it what it has read. Returns more of the
  /// object. What an answer that is cut short leaves open stays in the text.
  std::string read(std::string& text);
  /// The object is complete. What is behind it has been left in the text.
  bool complete() const { return complete_; }

 private:
  std::size_t step(std::string_view text, std::string& out);

  int depth_ = 0;  // of braces and brackets
  bool in_text_ = false;
  bool complete_ = false;
};

}  // namespace saccade::server
