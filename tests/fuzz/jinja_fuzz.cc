// Any bytes as a chat template: parsing and rendering may throw Error, and nothing else.
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const boost::json::object context = boost::json::parse(R"({
    "messages": [
      {"role": "system", "content": "Be kind."},
      {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Grüße ☃"}]},
      {"role": "assistant", "content": "", "tool_calls": [
        {"id": "a1", "function": {"name": "f", "arguments": {"x": 1, "y": [1.5, null, true]}}}]},
      {"role": "tool", "content": "5"}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    "add_generation_prompt": true, "bos_token": "<s>", "n": 7, "s": "text", "d": {"k": "v"}})")
                                                 .as_object();
  try {
    const std::string source(reinterpret_cast<const char*>(data), size);
    saccade::text::RenderOptions options;
    options.max_steps = 1'000'000;  // what a sanitizer gets through in a second or two
    (void)saccade::text::ChatTemplate::parse(source, "fuzz").render(context, options);
  } catch (const saccade::Error&) {
  }
  return 0;
}
