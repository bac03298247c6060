#include "grammar/schema_document.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "text/unicode.h"

namespace saccade::grammar {
namespace {

namespace json = boost::json;

enum Kind : int {
  kAnnotation,
  kSchema,
  kSchemas,    // a list
  kSchemaMap,  // an object
  kCount,      // a non-negative integer
  kNumber,
  kPositive,  // a number above zero
  kText,
  kTexts,      // a list of strings
  kTextLists,  // an object of them
  kTypes,
  kList,
  kAnything,
  kBool,
};

const std::map<std::string_view, Kind>& keywords() {
  static const std::map<std::string_view, Kind> table = {
      {"title", kAnnotation},
      {"description", kAnnotation},
      {"default", kAnnotation},
      {"examples", kAnnotation},
      {"$comment", kAnnotation},
      {"$schema", kText},
      {"$id", kText},
      {"$anchor", kText},
      {"deprecated", kAnnotation},
      {"readOnly", kAnnotation},
      {"writeOnly", kAnnotation},
      {"$ref", kText},
      {"$defs", kSchemaMap},
      {"definitions", kSchemaMap},
      {"type", kTypes},
      {"enum", kList},
      {"const", kAnything},
      {"allOf", kSchemas},
      {"anyOf", kSchemas},
      {"oneOf", kSchemas},
      {"not", kSchema},
      {"if", kSchema},
      {"then", kSchema},
      {"else", kSchema},
      {"minimum", kNumber},
      {"maximum", kNumber},
      {"exclusiveMinimum", kNumber},
      {"exclusiveMaximum", kNumber},
      {"multipleOf", kPositive},
      {"minLength", kCount},
      {"maxLength", kCount},
      {"pattern", kText},
      {"format", kText},
      {"items", kSchema},
      {"prefixItems", kSchemas},
      {"minItems", kCount},
      {"maxItems", kCount},
      {"uniqueItems", kBool},
      {"contains", kSchema},
      {"minContains", kCount},
      {"maxContains", kCount},
      {"properties", kSchemaMap},
      {"patternProperties", kSchemaMap},
      {"additionalProperties", kSchema},
      {"propertyNames", kSchema},
      {"required", kTexts},
      {"dependentRequired", kTextLists},
      {"minProperties", kCount},
      {"maxProperties", kCount},
  };
  return table;
}

bool is_count(const json::value& value) {
  if (value.is_double()) {
    const double number = value.get_double();
    return number >= 0 && number <= 9e15 &&
           number == static_cast<double>(static_cast<std::int64_t>(number));
  }
  return value.is_uint64() || (value.is_int64() && value.get_int64() >= 0);
}

bool is_text_list(const json::value& value) {
  return value.is_array() && std::ranges::all_of(value.get_array(), [](const json::value& item) {
           return item.is_string();
         });
}

bool is_type(const json::value& value) {
  static constexpr std::array<std::string_view, 7> kTypeNames = {
      "null", "boolean", "integer", "number", "string", "array", "object"};
  return value.is_string() &&
         std::ranges::find(kTypeNames, std::string_view(value.get_string())) != kTypeNames.end();
}

bool fits(int kind, const json::value& value) {
  switch (kind) {
    case kCount:
      return is_count(value);
    case kNumber:
      return value.is_number();
    case kPositive:
      return value.is_number() && value.to_number<double>() > 0;
    case kText:
      return value.is_string();
    case kTexts:
      return is_text_list(value);
    case kTextLists:
      return value.is_object() && std::ranges::all_of(value.get_object(), [](const auto& entry) {
               return is_text_list(entry.value());
             });
    case kTypes:
      return is_type(value) || (value.is_array() && !value.get_array().empty() &&
                                std::ranges::all_of(value.get_array(), is_type));
    case kList:
      return value.is_array() && !value.get_array().empty();
    case kBool:
      return value.is_bool();
    default:
      return true;
  }
}

std::string wanted(int kind) {
  switch (kind) {
    case kCount:
      return "an integer that is not negative";
    case kNumber:
      return "a number";
    case kPositive:
      return "a number above zero";
    case kText:
      return "a string";
    case kTexts:
      return "a list of strings";
    case kTextLists:
      return "an object of lists of strings";
    case kTypes:
      return "one of JSON's types, or a list of them";
    case kBool:
      return "true or false";
    default:
      return "a list with at least one entry";
  }
}

/// A key as a step of a JSON pointer.
std::string pointer_step(std::string_view key) {
  std::string step = "/";
  for (const char c : key) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

/// Undoes the %XX of a URI fragment.
std::string unescape_fragment(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
  };
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      result += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace

SchemaDocument::SchemaDocument(const json::value& root, std::string where)
    : where_(std::move(where)) {
  values_.emplace_back(true);
  add(values_.back(), "true");
  values_.push_back(root);
  root_ = &values_.back();
  add(*root_, "#");
}

void SchemaDocument::fail_at(const std::string& path, std::string_view what) const {
  // One line, whatever names the schema has.
  std::string place = path;
  std::ranges::replace_if(
      place, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  fail("{}: {}: {}", where_, place, what);
}

void SchemaDocument::refuse(Literal literal, std::string_view what) const {
  fail_at(schemas_[literal / 2].path, what);
}

std::string SchemaDocument::path(Literal literal) const {
  return where_ + ": " + schemas_[literal / 2].path;
}

void SchemaDocument::add(const json::value& value, const std::string& path) {
  ids_.emplace(&value, static_cast<std::uint32_t>(schemas_.size()));
  schemas_.push_back({&value, path});
  if (schemas_.size() > 1) by_path_.emplace(path, &value);
  if (value.is_bool()) return;
  if (!value.is_object()) fail_at(path, "wanted a schema: an object, true or false");
  check_object(value.get_object(), path);
  if (const json::value* anchor = value.get_object().if_contains("$anchor")) {
    const auto [place, added] = anchors_.emplace(std::string(anchor->get_string()), &value);
    if (!added)
      fail_at(path, fmt::format("\"$anchor\" {} is there twice", text::in_quotes(place->first)));
  }
}

void SchemaDocument::check_object(const json::object& object, const std::string& path) {
  for (const auto& [key, value] : object) check_keyword(key, value, path);
  if (!object.contains("if") && (object.contains("then") || object.contains("else"))) {
    fail_at(path, "\"then\" and \"else\" mean nothing without \"if\"");
  }
}

void SchemaDocument::check_keyword(std::string_view key, const json::value& value,
                                   const std::string& path) {
  const auto found = keywords().find(key);
  if (found == keywords().end()) {
    fail_at(path, fmt::format("the keyword {} is not supported", text::in_quotes(key)));
  }
  const Kind kind = found->second;
  const std::string inner = path + pointer_step(key);
  if (kind == kSchema) {
    if (key == "items" && value.is_array()) {
      fail_at(path, "\"items\" as a list is not supported; write \"prefixItems\"");
    }
    add(value, inner);
  } else if (kind == kSchemas) {
    if (!value.is_array() || value.get_array().empty()) {
      fail_at(path, fmt::format("\"{}\" must be a list of schemas", key));
    }
    for (std::size_t i = 0; i < value.get_array().size(); ++i) {
      add(value.get_array()[i], fmt::format("{}/{}", inner, i));
    }
  } else if (kind == kSchemaMap) {
    if (!value.is_object()) fail_at(path, fmt::format("\"{}\" must be an object of schemas", key));
    for (const auto& entry : value.get_object()) {
      add(entry.value(), inner + pointer_step(entry.key()));
    }
  } else {
    check_plain(kind, key, value, path);
  }
}

void SchemaDocument::check_plain(int kind, std::string_view key, const json::value& value,
                                 const std::string& path) const {
  if (!fits(kind, value)) fail_at(path, fmt::format("\"{}\" must be {}", key, wanted(kind)));
  if (key == "$id" && path != "#") fail_at(path, "\"$id\" is supported at the root only");
}

Literal SchemaDocument::literal_of(const json::value& schema) const {
  if (schema.is_bool()) return schema.get_bool() ? kTrue : kFalse;
  return ids_.at(&schema) * 2;
}

Literal SchemaDocument::constant(const json::value& value, std::string path) {
  values_.push_back(json::object{{"const", value}});
  ids_.emplace(&values_.back(), static_cast<std::uint32_t>(schemas_.size()));
  schemas_.push_back({&values_.back(), std::move(path)});
  return static_cast<Literal>(schemas_.size() - 1) * 2;
}

Literal SchemaDocument::target(std::string_view reference, Literal from) const {
  std::string_view fragment = reference;
  const json::value* id = root_->is_object() ? root_->get_object().if_contains("$id") : nullptr;
  if (id && !reference.starts_with('#') &&
      reference.starts_with(std::string_view(id->get_string()))) {
    fragment.remove_prefix(id->get_string().size());
    if (fragment.empty()) return root();
  }
  if (!fragment.starts_with('#')) {
    refuse(from, fmt::format("\"$ref\" to {}: references to other documents are not supported",
                             text::in_quotes(reference)));
  }
  const std::string plain = unescape_fragment(fragment.substr(1));
  const auto& table = plain.empty() || plain.starts_with('/') ? by_path_ : anchors_;
  const auto found = table.find(&table == &by_path_ ? "#" + plain : plain);
  if (found == table.end()) {
    refuse(from,
           fmt::format("\"$ref\" to {}: there is no schema there", text::in_quotes(reference)));
  }
  return literal_of(*found->second);
}

}  // namespace saccade::grammar
