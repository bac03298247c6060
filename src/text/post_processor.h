// Post-processors of tokenizer.json: the tokens around a text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace saccade::text {

/// What special tokens go before and behind a single text.
class PostProcessor {
 public:
  /// Reads "post_processor" (null or missing: nothing is added). Supported: TemplateProcessing,
  /// RobertaProcessing, BertProcessing, ByteLevel (which only moves offsets) and Sequence. Throws
  /// Error naming any other, and for a template that repeats the text.
  static PostProcessor from_json(const boost::json::value* value, std::string_view where);

  /// Puts the tokens around `ids`.
  void apply(std::vector<std::int32_t>& ids) const;

 private:
  void add(const boost::json::value& value, const std::string& where, int depth);
  void add_template(const JsonObject& object);
  void wrap(std::vector<std::int32_t> before, const std::vector<std::int32_t>& after);

  std::vector<std::int32_t> before_;
  std::vector<std::int32_t> after_;
  bool keeps_text_ = true;  // a template may leave it out
};

}  // namespace saccade::text
