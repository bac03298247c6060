#include "validator.h"

#include <arpa/inet.h>

#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <chrono>
#include <cmath>
#include <regex>
#include <set>
#include <string>

namespace saccade::grammar {
namespace {

namespace json = boost::json;

std::size_t characters(const json::string& text) {
  std::size_t count = 0;
  for (const char c : text) count += (c & 0xC0) != 0x80;
  return count;
}

/// One wchar_t for each character, so that `.` is a whole one.
std::wstring wide(std::string_view text) {
  std::wstring characters;
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    if ((value & 0xC0) == 0x80) {
      characters.back() = characters.back() << 6 | (value & 0x3F);
    } else {
      characters += value < 0x80   ? value
                    : value < 0xE0 ? value & 0x1F
                    : value < 0xF0 ? value & 0x0F
                                   : value & 0x07;
    }
  }
  return characters;
}

bool matches(std::string_view text, std::string_view pattern) {
  return std::regex_search(wide(text), std::wregex(wide(pattern), std::regex::ECMAScript));
}

bool equal(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) {
    if (a.get_array().size() != b.get_array().size()) return false;
    for (std::size_t i = 0; i < a.get_array().size(); ++i) {
      if (!equal(a.get_array()[i], b.get_array()[i])) return false;
    }
    return true;
  }
  if (a.is_object()) {
    if (a.get_object().size() != b.get_object().size()) return false;
    for (const auto& entry : a.get_object()) {
      const json::value* other = b.get_object().if_contains(entry.key());
      if (!other || !equal(entry.value(), *other)) return false;
    }
    return true;
  }
  return a == b;
}

bool has_type(const json::value& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_bool();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  if (!value.is_number()) return false;
  const double number = value.to_number<double>();
  return type == "number" || number == std::floor(number);
}

bool is_date(const std::string& text) {
  if (!matches(text, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")) return false;
  const auto part = [&](std::size_t begin, std::size_t size) {
    return std::stoi(text.substr(begin, size));
  };
  return std::chrono::year_month_day(std::chrono::year(part(0, 4)),
                                     std::chrono::month(static_cast<unsigned>(part(5, 2))),
                                     std::chrono::day(static_cast<unsigned>(part(8, 2))))
      .ok();
}

bool is_format(const std::string& text, std::string_view format) {
  std::array<unsigned char, 16> address;
  if (format == "date") return is_date(text);
  if (format == "ipv4") return inet_pton(AF_INET, text.c_str(), address.data()) == 1;
  if (format == "ipv6") return inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
  if (format == "uuid")
    return matches(text, "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$");
  if (format == "email") return matches(text, "^[^@\\s]+@[^@\\s]+$");
  return true;
}

const json::value& resolve(const json::value& root, std::string_view whole) {
  std::string reference(whole.substr(whole.find('#')));
  for (std::size_t i; (i = reference.find('%')) != std::string::npos;) {
    const auto byte = static_cast<char>(std::stoi(reference.substr(i + 1, 2), nullptr, 16));
    reference.replace(i, 3, 1, byte);
  }
  if (reference == "#") return root;
  if (reference.starts_with("#/")) return root.at_pointer(reference.substr(1));
  for (const char* key : {"$defs", "definitions"}) {
    const json::value* defs = root.as_object().if_contains(key);
    if (!defs) continue;
    for (const auto& entry : defs->as_object()) {
      const json::value* anchor = entry.value().as_object().if_contains("$anchor");
      if (anchor && anchor->as_string() == reference.substr(1)) return entry.value();
    }
  }
  throw std::runtime_error("no such schema");
}

class Check {
 public:
  Check(const json::value& value, const json::object& schema, const json::value& root)
      : value_(value), schema_(schema), root_(root) {}

  bool all() const {
    return basics() && combinations() && (!value_.is_number() || number()) &&
           (!value_.is_string() || string()) && (!value_.is_array() || array()) &&
           (!value_.is_object() || object());
  }

 private:
  const json::value* get(std::string_view key) const { return schema_.if_contains(key); }
  bool valid(const json::value& schema) const { return is_valid(value_, schema, root_); }
  double limit(std::string_view key, double otherwise) const {
    const json::value* found = get(key);
    return found ? found->to_number<double>() : otherwise;
  }

  bool basics() const {
    if (const json::value* type = get("type")) {
      bool any = false;
      if (type->is_string()) any = has_type(value_, type->as_string());
      if (type->is_array()) {
        for (const json::value& t : type->as_array()) any |= has_type(value_, t.as_string());
      }
      if (!any) return false;
    }
    if (const json::value* list = get("enum")) {
      bool any = false;
      for (const json::value& item : list->as_array()) any |= equal(value_, item);
      if (!any) return false;
    }
    const json::value* constant = get("const");
    return !constant || equal(value_, *constant);
  }

  bool combinations() const {
    if (const json::value* ref = get("$ref")) {
      if (!valid(resolve(root_, ref->as_string()))) return false;
    }
    const auto count = [&](const json::value& list) {
      std::size_t n = 0;
      for (const json::value& schema : list.as_array()) n += valid(schema);
      return n;
    };
    if (const json::value* list = get("allOf")) {
      if (count(*list) != list->as_array().size()) return false;
    }
    if (const json::value* list = get("anyOf")) {
      if (count(*list) == 0) return false;
    }
    if (const json::value* list = get("oneOf")) {
      if (count(*list) != 1) return false;
    }
    if (const json::value* other = get("not")) {
      if (valid(*other)) return false;
    }
    if (const json::value* condition = get("if")) {
      const json::value* branch = get(valid(*condition) ? "then" : "else");
      if (branch && !valid(*branch)) return false;
    }
    return true;
  }

  bool number() const {
    const double n = value_.to_number<double>();
    if (n < limit("minimum", -INFINITY) || n > limit("maximum", INFINITY)) return false;
    if (get("exclusiveMinimum") && n <= limit("exclusiveMinimum", 0)) return false;
    if (get("exclusiveMaximum") && n >= limit("exclusiveMaximum", 0)) return false;
    if (!get("multipleOf")) return true;
    const long double ratio = static_cast<long double>(n) / limit("multipleOf", 1);
    return std::abs(ratio - std::round(ratio)) < 1e-9L * std::max(1.0L, std::abs(ratio));
  }

  bool string() const {
    const json::string& text = value_.get_string();
    const auto size = static_cast<double>(characters(text));
    if (size < limit("minLength", 0) || size > limit("maxLength", INFINITY)) return false;
    const json::value* pattern = get("pattern");
    const json::value* format = get("format");
    return (!pattern || matches(text, pattern->as_string())) &&
           (!format || is_format(std::string(text), format->as_string()));
  }

  bool array() const {
    const json::array& items = value_.get_array();
    const auto size = static_cast<double>(items.size());
    if (size < limit("minItems", 0) || size > limit("maxItems", INFINITY)) return false;
    const json::value* prefix = get("prefixItems");
    const std::size_t fixed = prefix ? prefix->as_array().size() : 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const json::value* schema = i < fixed ? &prefix->as_array()[i] : get("items");
      if (schema && !is_valid(items[i], *schema, root_)) return false;
    }
    return contains(items) && unique(items);
  }

  bool contains(const json::array& items) const {
    const json::value* schema = get("contains");
    if (!schema) return true;
    double found = 0;
    for (const json::value& item : items) found += is_valid(item, *schema, root_);
    return found >= limit("minContains", 1) && found <= limit("maxContains", INFINITY);
  }

  bool unique(const json::array& items) const {
    const json::value* wanted = get("uniqueItems");
    if (!wanted || !wanted->as_bool()) return true;
    for (std::size_t i = 0; i < items.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (equal(items[i], items[j])) return false;
      }
    }
    return true;
  }

  bool object() const {
    const json::object& members = value_.get_object();
    const auto size = static_cast<double>(members.size());
    if (size < limit("minProperties", 0) || size > limit("maxProperties", INFINITY)) return false;
    if (const json::value* required = get("required")) {
      for (const json::value& name : required->as_array()) {
        if (!members.contains(name.as_string())) return false;
      }
    }
    if (const json::value* dependent = get("dependentRequired")) {
      for (const auto& entry : dependent->as_object()) {
        if (!members.contains(entry.key())) continue;
        for (const json::value& name : entry.value().as_array()) {
          if (!members.contains(name.as_string())) return false;
        }
      }
    }
    for (const auto& entry : members) {
      if (!member(entry.key(), entry.value())) return false;
    }
    return true;
  }

  bool member(std::string_view key, const json::value& value) const {
    if (const json::value* names = get("propertyNames")) {
      if (!is_valid(json::value(key), *names, root_)) return false;
    }
    bool spoken_of = false;
    if (const json::value* properties = get("properties")) {
      if (const json::value* schema = properties->as_object().if_contains(key)) {
        spoken_of = true;
        if (!is_valid(value, *schema, root_)) return false;
      }
    }
    if (const json::value* patterns = get("patternProperties")) {
      for (const auto& entry : patterns->as_object()) {
        if (!matches(key, entry.key())) continue;
        spoken_of = true;
        if (!is_valid(value, entry.value(), root_)) return false;
      }
    }
    const json::value* others = get("additionalProperties");
    return spoken_of || !others || is_valid(value, *others, root_);
  }

  const json::value& value_;
  const json::object& schema_;
  const json::value& root_;
};

/// Watches a parse for keys that come twice in one object.
struct DuplicateHandler {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using Error = json::error_code;

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) { return keys.emplace_back(), true; }
  bool on_object_end(std::size_t, Error&) { return keys.pop_back(), true; }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t, Error&) { return true; }
  bool on_key_part(std::string_view part, std::size_t, Error&) { return key += part, true; }
  bool on_key(std::string_view part, std::size_t, Error&) {
    key += part;
    duplicate |= !keys.back().insert(std::move(key)).second;
    key.clear();
    return true;
  }
  bool on_string_part(std::string_view, std::size_t, Error&) { return true; }
  bool on_string(std::string_view, std::size_t, Error&) { return true; }
  bool on_number_part(std::string_view, Error&) { return true; }
  bool on_int64(std::int64_t, std::string_view, Error&) { return true; }
  bool on_uint64(std::uint64_t, std::string_view, Error&) { return true; }
  bool on_double(double, std::string_view, Error&) { return true; }
  bool on_bool(bool, Error&) { return true; }
  bool on_null(Error&) { return true; }
  bool on_comment_part(std::string_view, Error&) { return true; }
  bool on_comment(std::string_view, Error&) { return true; }

  std::vector<std::set<std::string>> keys;
  std::string key;
  bool duplicate = false;
};

}  // namespace

bool is_valid(const json::value& value, const json::value& schema, const json::value& root) {
  if (schema.is_bool()) return schema.get_bool();
  return Check(value, schema.as_object(), root).all();
}

bool is_plain_json(std::string_view text) {
  json::error_code error;
  json::parse(text, error);
  if (error) return false;
  json::basic_parser<DuplicateHandler> parser{json::parse_options{}};
  parser.write_some(false, text.data(), text.size(), error);
  return !error && !parser.handler().duplicate;
}

}  // namespace saccade::grammar
