#include "text/post_processor.h"

#include <fmt/format.h>

#include "base/error.h"
#include "text/bpe_tables.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxAdded = 4096;  // tokens around one text

/// A pair of token and id, as in ["</s>", 2].
std::int32_t id_of_pair(const JsonObject& object, std::string_view key) {
  const boost::json::value& value = object.at(key);
  const boost::json::array* pair = value.if_array();
  boost::json::error_code no_number;
  std::int64_t id = -1;
  if (pair && pair->size() == 2) id = (*pair)[1].to_number<std::int64_t>(no_number);
  if (no_number || id < 0 || id >= kMaxTokenId) {
    fail("{}: \"{}\" must be a token and its id, found {}", object.where(), key,
         in_quotes(boost::json::serialize(value)));
  }
  return static_cast<std::int32_t>(id);
}

/// The ids that a template's special token stands for.
void append_special(const JsonObject& object, const std::string& name,
                    std::vector<std::int32_t>& ids) {
  for (const std::int64_t id : object.object("special_tokens").object(name).integers("ids")) {
    if (id < 0 || id >= kMaxTokenId) {
      fail("{}: special_tokens: the ids of {} must lie in [0, {}), found {}", object.where(),
           in_quotes(name), kMaxTokenId, id);
    }
    ids.push_back(static_cast<std::int32_t>(id));
  }
}

}  // namespace

PostProcessor PostProcessor::from_json(const boost::json::value* value, std::string_view where) {
  PostProcessor processor;
  if (value && !value->is_null()) processor.add(*value, std::string(where), 0);
  return processor;
}

void PostProcessor::add(const boost::json::value& value, const std::string& where, int depth) {
  if (depth > kMaxDepth) fail("{}: sequences are nested more than {} deep", where, kMaxDepth);
  const JsonObject object(value, where);
  const std::string type = object.string("type");
  if (type == "ByteLevel") return;
  if (type == "TemplateProcessing") {
    add_template(object);
  } else if (type == "RobertaProcessing" || type == "BertProcessing") {
    wrap({id_of_pair(object, "cls")}, {id_of_pair(object, "sep")});
  } else if (type == "Sequence") {
    const boost::json::value& list = object.at("processors");
    if (!list.is_array()) fail("{}: \"processors\" must be a list", where);
    std::size_t index = 0;
    for (const boost::json::value& step : list.get_array()) {
      add(step, fmt::format("{}: processors[{}]", where, index++), depth + 1);
    }
  } else {
    fail("{}: post_processor {} is not supported", where, in_quotes(type));
  }
}

void PostProcessor::add_template(const JsonObject& object) {
  const boost::json::value& list = object.at("single");
  if (!list.is_array()) fail("{}: \"single\" must be a list", object.where());
  std::vector<std::int32_t> before;
  std::vector<std::int32_t> after;
  bool text = false;
  std::size_t index = 0;
  for (const boost::json::value& value : list.get_array()) {
    const JsonObject item(value, fmt::format("{}: single[{}]", object.where(), index++));
    if (item.has("SpecialToken")) {
      append_special(object, item.object("SpecialToken").string("id"), text ? after : before);
    } else if (item.object("Sequence").string("id") != "A" || text) {
      fail("{}: the text may stand in a template once, as \"A\"", item.where());
    } else {
      text = true;
    }
  }
  keeps_text_ = keeps_text_ && text;
  if (!text) {
    before_.clear();
    after_.clear();
  }
  wrap(std::move(before), after);
  if (before_.size() + after_.size() > kMaxAdded) {
    fail("{}: over {} tokens around a text are not supported", object.where(), kMaxAdded);
  }
}

/// Puts tokens around what is there already.
void PostProcessor::wrap(std::vector<std::int32_t> before, const std::vector<std::int32_t>& after) {
  before.insert(before.end(), before_.begin(), before_.end());
  before_ = std::move(before);
  after_.insert(after_.end(), after.begin(), after.end());
}

void PostProcessor::apply(std::vector<std::int32_t>& ids) const {
  if (!keeps_text_) ids.clear();
  ids.insert(ids.begin(), before_.begin(), before_.end());
  ids.insert(ids.end(), after_.begin(), after_.end());
}

}  // namespace saccade::text
