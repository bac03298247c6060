#include "text/chat_template.h"

#include <boost/json/value.hpp>
#include <utility>

#include "base/error.h"
#include "text/jinja/ast.h"
#include "text/jinja/fault.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"

namespace saccade::text {
namespace {

jinja::Value to_value(const boost::json::value& json, int depth);

jinja::Value to_dict(const boost::json::object& object, int depth) {
  auto dict = std::make_shared<jinja::Dict>();
  for (const auto& entry : object) {
    dict->set(jinja::Value::string(std::string(entry.key())), to_value(entry.value(), depth + 1));
  }
  return jinja::Value::dict(std::move(dict));
}

jinja::Value to_list(const boost::json::array& array, int depth) {
  std::vector<jinja::Value> items;
  items.reserve(array.size());
  for (const boost::json::value& item : array) items.push_back(to_value(item, depth + 1));
  return jinja::Value::list(std::make_shared<const jinja::Sequence>(std::move(items)));
}

jinja::Value to_value(const boost::json::value& json, int depth) {
  if (depth >= jinja::kMaxNesting) {
    jinja::raise("the variables are nested over {} levels deep", jinja::kMaxNesting);
  }
  switch (json.kind()) {
    case boost::json::kind::null:
      return jinja::Value::none();
    case boost::json::kind::bool_:
      return jinja::Value::boolean(json.get_bool());
    case boost::json::kind::int64:
      return jinja::Value::integer(json.get_int64());
    case boost::json::kind::uint64:
      return jinja::Value::integer(json.get_uint64());
    case boost::json::kind::double_:
      return jinja::Value::number(json.get_double());
    case boost::json::kind::string:
      return jinja::Value::string(std::string(json.get_string()));
    case boost::json::kind::array:
      return to_list(json.get_array(), depth);
    case boost::json::kind::object:
      return to_dict(json.get_object(), depth);
  }
  return {};
}

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

/// An error is one line, whatever a template puts into raise_exception.
std::string in_one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

[[noreturn]] void report(const std::string& where, const jinja::Fault& fault) {
  const std::string message = in_one_line(fault.what());
  if (fault.line == 0) fail("{}: {}", where, message);
  fail("{}: line {}: {}", where, fault.line, message);
}

}  // namespace

ChatTemplate::ChatTemplate(std::string where, std::shared_ptr<const jinja::Tree> tree)
    : where_(std::move(where)), tree_(std::move(tree)) {}

ChatTemplate ChatTemplate::parse(std::string_view source, std::string where) {
  try {
    auto tree = std::make_shared<const jinja::Tree>(jinja::parse(source));
    return {std::move(where), std::move(tree)};
  } catch (const jinja::Fault& fault) {
    report(where, fault);
  }
}

std::string ChatTemplate::render(const boost::json::object& context,
                                 const RenderOptions& options) const {
  try {
    const jinja::Value variables = to_dict(context, 0);
    jinja::Limits limits;
    limits.steps = options.max_steps;
    jinja::Runtime runtime(limits, options.clock ? options.clock : local_time);
    return jinja::Interpreter(runtime, variables.as_dict()).render(*tree_);
  } catch (const jinja::Fault& fault) {
    report(where_, fault);
  }
}

}  // namespace saccade::text
