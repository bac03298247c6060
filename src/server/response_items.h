// The output of a response: its items, and the events that tell of them while they come.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "server/answer_reader.h"

namespace saccade::server {

/// Puts items together from the parts of an answer: reasoning, messages and calls, in their order.
class ResponseItems {
 public:
  /// `event` makes an event of a type with these members.
  using Event = std::function<std::string(const std::string& type, boost::json::object members)>;
  ResponseItems(const AnswerPlan& plan, Event event) : plan_(plan), event_(std::move(event)) {}

  /// The events of further parts.
  std::string add(std::span<const AnswerPart> parts);
  /// Those of the answer's end: `status` is its last item's, "completed" or "incomplete". There is
  /// no response without an item.
  std::string finish(const std::string& status);
  /// Those that are complete.
  const boost::json::array& items() const { return items_; }

 private:
  using Kind = AnswerPart::Kind;

  std::string open(Kind kind, const std::string& name);
  std::string delta(const std::string& text);
  std::string close(const std::string& status);
  boost::json::object item(const std::string& status, bool with_text) const;
  boost::json::object part(const std::string& text) const;
  std::string item_event(const std::string& type, boost::json::object item);
  std::string text_event(const std::string& type, boost::json::object members);

  const AnswerPlan& plan_;
  const Event event_;
  boost::json::array items_;
  // Of the item that is being written:
  std::optional<Kind> open_;  // kReasoning, kContent or kArguments
  std::string id_;
  std::string call_id_;
  std::string name_;
  std::string text_;
};

}  // namespace saccade::server
