// Arguments of a call that are written as parameters in tags, as Qwen3-Coder and Qwen3.5 do.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "server/answer_syntax.h"

namespace saccade::server {

/// Makes a JSON object of <parameter=key>\nvalue\n</parameter> ... </function>, as they come. The
/// values of parameters that the tool's schema takes for texts are passed on while they are
/// written; others when they are complete: as JSON if the schema takes it, as a text otherwise.
class TagArguments {
 public:
  /// Of a call of `tool`. Without its schema, values are JSON where they can be.
  TagArguments(std::shared_ptr<const ToolSchemas> schemas, std::string_view tool);

  /// Reads from the front of `text`, and takes from it what it has read. Returns more of the
  /// object. What an answer that is cut short leaves open stays in the text.
  std::string read(std::string& text);
  /// The object is complete. What did not belong to it has been left in the text.
  bool complete() const { return state_ == State::kComplete; }

 private:
  enum class State { kBetween, kLineEnd, kText, kValue, kComplete };

  bool step(std::string& text, std::string& out);
  bool read_tag(std::string& text, std::string& out);
  bool read_text(std::string& text, std::string& out);
  bool read_value(std::string& text, std::string& out);
  void begin_parameter(const std::string& key, std::string& out);
  void end(std::string& out);
  /// The value of the parameter that `text` is.
  std::string value_of(std::string_view text) const;

  std::shared_ptr<const ToolSchemas> schemas_;
  const boost::json::object* tool_ = nullptr;   // its schema
  const boost::json::value* schema_ = nullptr;  // of the parameter that is being read
  State state_ = State::kBetween;
  bool is_text_ = false;      // it takes texts and nothing else
  bool begun_ = false;        // the object has been opened
  std::size_t searched_ = 0;  // bytes of a value that its end does not begin in
};

}  // namespace saccade::server
