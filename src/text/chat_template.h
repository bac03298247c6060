// Chat templates: from messages to the text of a prompt.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace saccade::text {

namespace jinja {
struct Tree;
}

/// How a chat template is rendered, where the defaults do not do.
struct RenderOptions {
  /// The local time for strftime_now(); the clock of the machine when empty.
  std::function<std::tm()> clock;
  /// How many expressions and statements the template may evaluate before that is an error. A chat
  /// of 1000 messages takes 2.6 million in Gemma 4's template, which looks back from each of them.
  std::uint64_t max_steps = 50'000'000;
};

/// A Jinja template as it comes with a checkpoint. It renders what Python's jinja2 renders under
/// the settings of transformers' apply_chat_template (trim_blocks, lstrip_blocks, the immutable
/// sandbox, loop controls, {% generation %}, tojson without escaping for HTML).
class ChatTemplate {
 public:
  /// `where` names the template's file in errors. Throws Error with the line of what is malformed
  /// or, by its name, not supported.
  static ChatTemplate parse(std::string_view source, std::string where);

  /// Renders with the variables in `context`: messages, tools, add_generation_prompt, bos_token and
  /// so on. Object keys keep their order. Throws Error with the template, the line and what went
  /// wrong, in one line; what the template says by raise_exception is passed on in it.
  /// A template that does not end, or makes too much text, is an error too.
  /// Safe to call from several threads at once.
  std::string render(const boost::json::object& context, const RenderOptions& options = {}) const;

 private:
  ChatTemplate(std::string where, std::shared_ptr<const jinja::Tree> tree);

  std::string where_;
  std::shared_ptr<const jinja::Tree> tree_;
};

}  // namespace saccade::text
