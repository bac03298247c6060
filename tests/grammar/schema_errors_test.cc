// Schemas that are refused, each with the place and the reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"
#include "grammar/grammar.h"

namespace saccade::grammar {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testing::ThrowsMessage;

void refused(std::string_view schema, const std::string& path, const std::string& reason) {
  for (const Style style : {Style::kDocument, Style::kGeneration}) {
    EXPECT_THAT([&] { Grammar::json_schema(parse_json(schema, "schema"), "s.json", style); },
                ThrowsMessage<Error>(AllOf(StartsWith("s.json"), HasSubstr(path), HasSubstr(reason),
                                           Not(HasSubstr("\n")))))
        << schema;
  }
}

TEST(SchemaErrors, UnsupportedKeywordsAreNamedWithTheirPlace) {
  for (const std::string keyword :
       {"unevaluatedItems", "unevaluatedProperties", "dependentSchemas", "$dynamicRef",
        "contentEncoding", "additionalItems", "minimun", "x-internal"}) {
    refused(R"({"properties": {"a": {")" + keyword + R"(": {}}}})", "#/properties/a",
            "the keyword \"" + keyword + "\" is not supported");
  }
  refused(R"({"$defs": {"never used": {"unevaluatedItems": true}}})", "#/$defs/never used",
          "unevaluatedItems");
  refused(R"({"items": [{}]})", "#", "prefixItems");
  refused(R"({"format": "color"})", "#", "the format \"color\" is not supported");
  refused(R"({"$defs": {"a": {"$id": "b"}}})", "#/$defs/a", "\"$id\"");
  refused(R"({"properties": {"a\nb": {"foo": 1}}})", "#/properties/a?b", "foo");
}

TEST(SchemaErrors, ItemsThatCannotBeToldApart) {
  refused(R"({"items": {"uniqueItems": true}})", "#/items", "\"uniqueItems\" is supported for");
  refused(R"({"items": {"type": "string"}, "uniqueItems": true})", "#", "a list of values only");
  refused(R"({"items": {"type": "integer", "minimum": 1}, "uniqueItems": true})", "#",
          "integers with both bounds");
  refused(R"({"items": {"type": "integer", "minimum": 0, "maximum": 256}, "uniqueItems": true})",
          "#", "more than 256 values");
  refused(R"({"items": {"type": "integer", "minimum": 0, "maximum": 1e9}, "uniqueItems": true})",
          "#", "\"uniqueItems\" is supported for");
  refused(R"({"items": {"enum": [1, 2]}, "uniqueItems": true, "contains": {"const": 1}})", "#",
          "\"uniqueItems\" together with \"contains\"");
  refused(R"({"prefixItems": [true], "contains": {"const": 1}})", "#",
          "\"contains\" together with \"prefixItems\"");
  refused(R"({"allOf": [{"contains": {"const": 1}}, {"contains": {"const": 2}}]})", "#",
          "more than one \"contains\"");
  refused(R"({"contains": {"multipleOf": 2}})", "#/contains", "multipleOf");
  refused(R"({"contains": {"type": "integer"}})", "#/contains", "(by \"not\", \"oneOf\",");
  refused(R"({"not": {"items": {"enum": [1]}, "uniqueItems": true}})", "#/not", "uniqueItems");
  refused(R"({"items": {"enum": [1, 1.0]}, "uniqueItems": true, "minItems": 2, "type": "array"})",
          "", "no value can match");
  refused(R"({"contains": {}, "minContains": 3, "maxContains": 2, "type": "array"})", "",
          "no value can match");
  refused(R"({"contains": {}, "minContains": 3, "maxItems": 2, "type": "array"})", "",
          "no value can match");
  refused(R"({"contains": 5})", "#/contains", "wanted a schema");
  refused(R"({"uniqueItems": 1})", "#", "\"uniqueItems\" must be true or false");
}

TEST(SchemaErrors, WrongTypes) {
  refused("5", "#", "wanted a schema");
  refused(R"({"allOf": [1]})", "#/allOf/0", "wanted a schema");
  refused(R"({"allOf": []})", "#", "\"allOf\" must be a list of schemas");
  refused(R"({"type": "float"})", "#", "\"type\" must be one of");
  refused(R"({"type": []})", "#", "\"type\" must be");
  refused(R"({"enum": []})", "#", "\"enum\" must be");
  refused(R"({"minLength": -1})", "#", "\"minLength\" must be an integer");
  refused(R"({"maxItems": 1.5})", "#", "\"maxItems\" must be an integer");
  refused(R"({"multipleOf": 0})", "#", "above zero");
  refused(R"({"minimum": "1"})", "#", "\"minimum\" must be a number");
  refused(R"({"exclusiveMinimum": true})", "#", "must be a number");
  refused(R"({"pattern": 1})", "#", "\"pattern\" must be a string");
  refused(R"({"required": "a"})", "#", "\"required\" must be a list of strings");
  refused(R"({"properties": []})", "#", "\"properties\" must be an object");
  refused(R"({"dependentRequired": {"a": "b"}})", "#", "\"dependentRequired\" must be");
  refused(R"({"then": true})", "#", "without \"if\"");
}

TEST(SchemaErrors, ReferencesThatLeadNowhere) {
  refused(R"({"$ref": "#/$defs/x"})", "#", "there is no schema there");
  refused(R"({"$ref": "#nowhere"})", "#", "there is no schema there");
  refused(R"({"$ref": "other.json"})", "#", "other documents");
  refused(R"({"$ref": "#"})", "#", "refers to itself without end");
  refused(
      R"({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"})",
      "#/$defs/a", "refers to itself without end");
  refused(R"({"not": {"$ref": "#"}})", "#", "refers to itself without end");
}

TEST(SchemaErrors, NothingCanMatch) {
  for (const char* schema :
       {"false", R"({"allOf": [{"type": "string"}, {"type": "null"}]})",
        R"({"type": "array", "minItems": 2, "maxItems": 1})",
        R"({"type": "array", "items": false, "minItems": 1})",
        R"({"type": "object", "properties": {"a": false}, "required": ["a"]})",
        R"({"type": "object", "additionalProperties": false, "minProperties": 1})",
        R"({"type": "object", "required": ["a", "b"], "maxProperties": 1})",
        R"({"type": "object", "propertyNames": {"maxLength": 1}, "required": ["ab"]})",
        R"({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]})",
        R"({"type": "array", "items": {"$ref": "#"}, "minItems": 1})",
        R"({"type": "number", "minimum": 3, "maximum": 2})",
        R"({"type": "string", "pattern": "^a$", "minLength": 2})",
        R"({"type": "string", "enum": [1, 2]})", R"({"const": 1, "minimum": 2})",
        R"({"type": "string", "minLength": 3, "maxLength": 2})"}) {
    refused(schema, "s.json", "no value can match");
  }
  // Only generation looks for integers between bounds; a document without one is just refused.
  EXPECT_THROW(Grammar::json_schema(
                   parse_json(R"({"type": "integer", "minimum": 1.2, "maximum": 1.8})", "s"), "s",
                   Style::kGeneration),
               Error);
}

TEST(SchemaErrors, WhatCannotBeDecided) {
  refused(R"({"not": {"multipleOf": 3}})", "#/not", "the opposite of \"multipleOf\"");
  refused(R"({"not": {"additionalProperties": {"type": "null"}}})", "#/not",
          "additionalProperties");
  refused(R"({"not": {"items": {"type": "null"}}})", "#/not", "\"items\"");
  refused(R"({"not": {"const": [1]}})", "#/not",
          R"(the opposite of "enum" or "const" with arrays or objects is wanted here)");
  refused(R"({"oneOf": [{"type": "number"}, {"type": "integer"}]})", "#/oneOf/1",
          R"(the opposite of "type": "integer" is wanted here)");
  refused(R"({"pattern": "(?=a)b"})", "#", "lookahead is not supported");
  refused(R"({"patternProperties": {"(a": true}})", "#", "unmatched (");
  refused(R"({"minimum": 0.1234567890123456789})", "#", "more than 15 digits");
  refused(R"({"pattern": "^a*$", "minLength": 10000000})", "#", "more than 20000 states");
  refused(R"({"dependentRequired": {"a": ["b"]}, "minProperties": 1})", "#", "dependentRequired");
}

}  // namespace
}  // namespace saccade::grammar
