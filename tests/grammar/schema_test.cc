// Schemas, documents that they accept and documents that they refuse.
#include <gtest/gtest.h>

#include "base/json.h"
#include "grammar/matcher.h"
#include "validator.h"

namespace saccade::grammar {
namespace {

struct Case {
  std::string_view schema;
  std::vector<std::string> accepted;
  std::vector<std::string> refused;
};

std::vector<Case> types_and_values() {
  return {
      {"true",
       {"1", "null", "[]", "{\"a\": [1, {}]}", " \t\n 1 \r\n"},
       {"", "[", "1 2", "nul", "01"}},
      {"{}", {"-0", "1e5", "1.5E-3", "\"x\""}, {"-", "1.", ".5", "+1", "1e", "'x'", "tru", "[1,]"}},
      {R"({"type": "null"})", {"null"}, {"true", "0", "\"null\"", "nulll"}},
      {R"({"type": "boolean"})", {"true", "false"}, {"True", "1", "null"}},
      {R"({"type": "integer"})",
       {"0", "-7", "12345678901234567890123", "1.0", "1e3", "10e-1", "-0", "0.0e9", "1.50e1"},
       {"1.5", "1e-1", "\"1\"", "01", "15e-2"}},
      {R"({"type": "number"})", {"0.5", "-1e+10", "3"}, {"\"3\"", "NaN", "Infinity", "0x10"}},
      {R"({"type": ["string", "null"]})", {"\"\"", "null"}, {"1", "[]", "false"}},
      {R"({"type": ["integer", "number"]})", {"1.5", "2"}, {"\"2\""}},
      {R"({"enum": ["a", 1, null, [1, {"b": 2}], true]})",
       {"\"a\"", "1", "1.0", "null", "[1, {\"b\": 2}]", "true", "\"\\u0061\""},
       {"\"b\"", "2", "[1]", "[1, {\"b\": 3}]", "[1, {\"b\": 2, \"c\": 1}]", "false"}},
      {R"({"const": {"a": [1, "x"], "b": null}})",
       {R"({"a": [1, "x"], "b": null})", R"({"b": null, "a": [1.0, "\u0078"]})"},
       {"{}", R"({"a": [1, "x"]})", R"({"a": [1, "x"], "b": null, "c": 1})"}},
      {R"({"const": -0.50})", {"-0.5", "-5e-1", "-0.500"}, {"0.5", "-0.51", "-0.05"}},
      {R"({"enum": ["x", "y"], "type": "string", "const": "y"})", {"\"y\""}, {"\"x\""}},
  };
}

std::vector<Case> numbers() {
  return {
      {R"({"minimum": 5})", {"5", "5.0", "6e10", "\"x\"", "50e-1"}, {"4.999", "-5", "0", "49e-1"}},
      {R"({"type": "number", "maximum": -1.5})", {"-1.5", "-2", "-1e9"}, {"-1.49", "0", "1.5"}},
      {R"({"type": "number", "exclusiveMinimum": 0})",
       {"0.0001", "1e-300"},
       {"0", "-0", "0.0", "-1"}},
      {R"({"type": "number", "exclusiveMaximum": 10})",
       {"9.99999", "-11"},
       {"10", "10.0", "1e1", "11"}},
      {R"({"type": "integer", "minimum": -3, "maximum": 12})",
       {"-3", "0", "12", "9", "1e1", "-3.0"},
       {"-4", "13", "120", "-30", "2.5"}},
      {R"({"type": "number", "minimum": 0, "maximum": 1})",
       {"0", "1", "0.5", "-0", "0.999999999999999999999", "1.000"},
       {"1.000000000000000000001", "-0.1", "2"}},
      {R"({"multipleOf": 7})", {"14", "0", "-21", "7.0", "70e-1", "1.4e1"}, {"8", "7.5", "1"}},
      {R"({"multipleOf": 0.01})", {"1.25", "0.07", "19.99", "1e5"}, {"1.255", "0.001", "1e-3"}},
      {R"({"multipleOf": 0.5, "type": "integer"})", {"1", "2"}, {"0.5", "1.5"}},
      {R"({"allOf": [{"multipleOf": 4}, {"multipleOf": 6}]})",
       {"12", "-24", "0"},
       {"4", "6", "8", "18"}},
      {R"({"minimum": 1, "exclusiveMinimum": 1})", {"1.01"}, {"1", "0.99"}},
  };
}

std::vector<Case> strings() {
  return {
      {R"({"type": "string", "minLength": 2, "maxLength": 3})",
       {"\"ab\"", "\"äöü\"", "\"\\u00e4b\"", "\"\\ud83d\\ude00x\"", "\"😀😀\""},
       {"\"a\"", "\"abcd\"", "\"\\ud83d\\ude00\"", "\"\""}},
      {R"({"type": "string"})",
       {R"("\"\\\/\b\f\n\r\t")", "\"\\uD83D\\uDE00\"", "\"é\"", "\"\x7f\""},
       {R"("\x")", R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", R"("\u12g4")", "\"\n\"",
        "\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "\"", "\"a"}},
      {R"({"pattern": "b"})", {"\"abc\"", "\"b\"", "1", "\"\\u0062\""}, {"\"a\"", "\"\""}},
      {R"({"pattern": "^a+$"})", {"\"a\"", "\"aaa\""}, {"\"ab\"", "\"\"", "\"ba\""}},
      {R"({"pattern": "^(\\d{3}-)?[A-F]{2,}$"})",
       {"\"123-AB\"", "\"FFF\""},
       {"\"12-AB\"", "\"123-A\""}},
      {R"({"pattern": "^\\S+\\s\\w*$"})", {"\"ab cd\"", "\"a\\t\""}, {"\"ab\"", "\" a\""}},
      {R"({"pattern": "^[a-z]*$", "minLength": 2, "maxLength": 4})",
       {"\"ab\"", "\"abcd\""},
       {"\"a\"", "\"abcde\"", "\"a1\""}},
      {R"({"pattern": "^\\u00e9.$"})", {"\"éx\"", "\"é😀\""}, {"\"ex\"", "\"é\\n\""}},
      {R"({"format": "date"})",
       {"\"2024-02-29\"", "\"2000-02-29\"", "\"2023-12-31\""},
       {"\"2023-02-29\"", "\"1900-02-29\"", "\"2023-13-01\"", "\"2023-04-31\"", "\"23-1-1\""}},
      {R"({"format": "time"})",
       {"\"12:00:00Z\"", "\"23:59:59.123+02:00\""},
       {"\"24:00:00Z\"", "\"12:00:00\"", "\"12:60:00Z\""}},
      {R"({"format": "date-time"})",
       {"\"2024-01-31T00:00:00Z\"", "\"2024-01-31t01:02:03.5-08:00\""},
       {"\"2024-01-31\"", "\"2024-01-32T00:00:00Z\"", "\"2024-01-31 00:00:00Z\""}},
      {R"({"format": "duration"})",
       {"\"P1Y2M3DT4H5M6S\"", "\"PT36H\"", "\"P2W\""},
       {"\"P\"", "\"PT\"", "\"P1S\"", "\"1Y\"", "\"P1YT\""}},
      {R"({"format": "email"})",
       {"\"a.b+c@example.com\""},
       {"\"a@\"", "\"@b\"", "\"a b@c\"", "\"a..b@c\""}},
      {R"({"format": "uri"})",
       {"\"https://u:p@example.com:8080/a/b?q=1#f\"", "\"urn:isbn:0\"", "\"http://[::1]/\"",
        "\"mailto:a@b\""},
       {"\"/a/b\"", "\"http://a b\"", "\"1:x\"", "\"http://[::1\"", "\"a:%zz\""}},
      {R"({"format": "uuid"})",
       {"\"123e4567-e89b-12d3-a456-426614174000\""},
       {"\"123e4567e89b12d3a456426614174000\"", "\"123e4567-e89b-12d3-a456-42661417400g\""}},
      {R"({"format": "ipv4"})",
       {"\"0.0.0.0\"", "\"255.249.199.99\""},
       {"\"256.0.0.1\"", "\"1.2.3\"", "\"01.2.3.4\""}},
      {R"({"format": "ipv6"})",
       {"\"::\"", "\"1::\"", "\"::1\"", "\"1:2:3:4:5:6:7:8\"", "\"1::8\"", "\"::ffff:1.2.3.4\"",
        "\"1:2:3:4:5:6:7::\""},
       {"\":::\"", "\"1:2\"", "\"1::2::3\"", "\"12345::\"", "\"1:2:3:4:5:6:7:8:9\""}},
      {R"({"format": "hostname"})",
       {"\"a\"", "\"example.com\"", "\"x-1.y\""},
       {"\"-a\"", "\"a-\"", "\"a..b\"", "\"\""}},
      {R"({"enum": ["a\"b", "é", "\n"]})",
       {R"("a\"b")", "\"\\u00E9\"", "\"\\n\"", "\"\\u000a\""},
       {"\"a\"", "\"e\""}},
  };
}

std::vector<Case> arrays() {
  return {
      {R"({"type": "array"})",
       {"[]", "[1,\"a\" , null]", "[[[]]]"},
       {"[1 2]", "[,1]", "{}", "[1,]"}},
      {R"({"items": {"type": "integer"}})", {"[]", "[1, 2]", "\"x\""}, {"[1, \"x\"]", "[1.5]"}},
      {R"({"type": "array", "minItems": 1, "maxItems": 2})", {"[1]", "[1,2]"}, {"[]", "[1,2,3]"}},
      {R"({"prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false})",
       {"[]", "[\"a\"]", "[\"a\", 1]"},
       {"[1]", "[\"a\", \"b\"]", "[\"a\", 1, 2]"}},
      {R"({"prefixItems": [true], "items": {"type": "null"}, "minItems": 2})",
       {"[5, null]", "[[], null, null]"},
       {"[5]", "[5, 5]"}},
      {R"({"items": {"type": "array", "items": {"type": "boolean"}}})",
       {"[[true], []]"},
       {"[true]", "[[1]]"}},
      {R"({"maxItems": 0, "type": "array"})", {"[]", "[ ]"}, {"[1]"}},
      {R"({"prefixItems": [{"const": 1}, false]})", {"[1]", "[]"}, {"[1, 2]", "[2]"}},
      {R"({"type": "array", "uniqueItems": false})", {"[1, 1]"}, {"{}"}},
      {R"({"uniqueItems": true, "maxItems": 1})", {"[[]]", "[]", "3"}, {"[1, 2]"}},
      {R"({"items": {"enum": ["a", "b", 1]}, "uniqueItems": true})",
       {"[]", R"(["b", "a"])", R"([1, "a", "b"])"},
       {R"(["a", "a"])", "[1, 1.0]", R"([1, "a", 1e0])", R"(["a", "\u0061"])"}},
      {R"({"items": {"type": "integer", "exclusiveMinimum": 7, "maximum": 9.5, "multipleOf": 1}, "uniqueItems": true})",
       {"[]", "[8]", "[9, 8]"},
       {"[7]", "[10]", "[8, 8]", "[8, 9, 8]"}},
      {R"({"items": {"type": "integer", "minimum": 1, "maximum": 256}, "uniqueItems": true})",
       {"[1, 256, 25]"},
       {"[0]", "[257]", "[256, 256]"}},
      {R"({"items": {"type": ["boolean", "null"]}, "uniqueItems": true, "minItems": 3})",
       {"[null, true, false]"},
       {"[true, false]", "[true, false, true]", "[null, true, false, null]"}},
      {R"({"items": {"enum": [{"a": 1, "b": [2]}, 5]}, "uniqueItems": true})",
       {R"([{"b": [2], "a": 1}, 5])"},
       {R"([{"a": 1, "b": [2]}, {"b": [2], "a": 1.0}])"}},
      {R"({"contains": {"type": "number"}})", {"[\"a\", 1]", "[1, 2]", "{}"}, {"[]", "[null]"}},
      {R"({"contains": {"minimum": 5}, "items": {"type": "number"}, "maxContains": 1})",
       {"[5]", "[1, 7, 2]"},
       {"[5, 6]", "[1]", "[\"a\", 5]"}},
      {R"({"contains": {"const": "x"}, "minContains": 0, "maxContains": 2})",
       {"[]", R"(["x", "y", "x"])"},
       {R"(["x", "x", "x"])"}},
      {R"({"contains": {"const": 0}, "minContains": 0})", {"[]", "[1]"}, {}},
      {R"({"not": {"contains": {"const": 0}, "minContains": 2}, "type": "array"})",
       {"[]", "[0, 1]"},
       {"[0, 0]", "[0, 1, 0.0]", "1"}},
      {R"({"minContains": 3, "type": "array"})", {"[]"}, {}},
  };
}

std::vector<Case> objects() {
  return {
      {R"({"type": "object"})",
       {"{}", R"({"a": 1, "b": {"a": 2}})", "{ }"},
       {"[]", R"({"a"})", R"({"a": 1, "a": 2})", R"({"a": 1, "\u0061": 2})", "{a: 1}",
        R"({"a": 1,})"}},
      {R"({"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}})",
       {R"({"b": "x", "a": 1})", "{}", R"({"c": []})", "5", R"({"\u0061": 1})"},
       {R"({"a": "x"})", R"({"b": 1})", R"({"\u0061": "x"})"}},
      {R"({"properties": {"a": {}}, "required": ["a", "z"], "type": "object"})",
       {R"({"z": 0, "a": 0})", R"({"a": 1, "q": 2, "z": 3})"},
       {R"({"a": 1})", "{}", R"({"z": 1})"}},
      {R"({"properties": {"a": {}}, "additionalProperties": false})",
       {"{}", R"({"a": 1})"},
       {R"({"b": 1})", R"({"a": 1, "b": 1})", R"({"": 1})"}},
      {R"({"properties": {"n": {"type": "null"}}, "additionalProperties": {"type": "integer"}})",
       {R"({"n": null, "x": 1})", R"({"x": 1, "y": 2, "nn": 3})"},
       {R"({"n": 1})", R"({"x": null})"}},
      {R"({"patternProperties": {"^x-": {"type": "string"}, "z$": {"maxLength": 1}}, "additionalProperties": false})",
       {R"({"x-a": "long"})", R"({"x-z": "s"})", R"({"z": 5})"},
       {R"({"x-z": "long"})", R"({"a": 1})", R"({"x-": 1})"}},
      {R"({"properties": {"x-a": {"type": "integer"}}, "patternProperties": {"^x-": {"minimum": 3}}})",
       {R"({"x-a": 3})", R"({"x-b": "s", "q": 0})"},
       {R"({"x-a": 2})", R"({"x-a": "s"})", R"({"x-b": 0})"}},
      {R"({"propertyNames": {"pattern": "^[a-z]+$", "maxLength": 3}})",
       {R"({"abc": 1})", "{}"},
       {R"({"abcd": 1})", R"({"A": 1})", R"({"": 1})"}},
      {R"({"propertyNames": {"enum": ["a", "b"]}, "type": "object"})",
       {R"({"b": 1, "a": 2})"},
       {R"({"c": 1})"}},
      {R"({"type": "object", "minProperties": 1, "maxProperties": 2})",
       {R"({"a": 1})", R"({"a": 1, "b": 2})"},
       {"{}", R"({"a": 1, "b": 2, "c": 3})"}},
      {R"({"required": ["a"], "maxProperties": 2, "type": "object"})",
       {R"({"x": 1, "a": 1})"},
       {R"({"x": 1, "y": 1})", R"({"x": 1, "y": 2, "a": 3})"}},
      {R"({"dependentRequired": {"a": ["b"], "b": ["c"]}, "type": "object"})",
       {"{}", R"({"c": 1})", R"({"c": 1, "b": 2})", R"({"a": 1, "b": 2, "c": 3})", R"({"x": 1})"},
       {R"({"a": 1})", R"({"b": 1})", R"({"a": 1, "b": 1})"}},
      {R"({"properties": {"a": false}, "type": "object"})", {"{}", R"({"b": 1})"}, {R"({"a": 1})"}},
      {R"({"properties": {"": {"const": 1}, "a\"b": {"const": 2}}})",
       {R"({"": 1, "a\"b": 2})"},
       {R"({"": 2})", R"({"a\"b": 1})"}},
  };
}

std::vector<Case> combinations() {
  return {
      {R"({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 1}]})",
       {"1", "\"a\""},
       {"\"ab\"", "1.5", "null"}},
      {R"({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object"})",
       {R"({"a": 1})", R"({"b": 1, "a": 2})"},
       {"{}", R"({"c": 1})"}},
      {R"({"allOf": [{"properties": {"a": {"minimum": 1}}}, {"properties": {"a": {"maximum": 2}}}]})",
       {R"({"a": 1})", R"({"a": 2})"},
       {R"({"a": 0})", R"({"a": 3})"}},
      {R"({"allOf": [{"prefixItems": [{"type": "integer"}]}, {"items": {"minimum": 5}}]})",
       {"[5, \"a\"]", "[5]"},
       {"[4]", "[5.5]", "[6, 4]"}},
      {R"({"allOf": [{"pattern": "a"}, {"pattern": "b"}], "type": "string"})",
       {"\"xbxa\"", "\"ab\""},
       {"\"a\"", "\"b\""}},
      {R"({"oneOf": [{"type": "object", "properties": {"k": {"const": "a"}, "v": {"type": "integer"}}, "required": ["k"]},
                     {"type": "object", "properties": {"k": {"const": "b"}, "v": {"type": "string"}}, "required": ["k"]}]})",
       {R"({"k": "a", "v": 1})", R"({"v": "x", "k": "b"})", R"({"k": "a"})"},
       {R"({"k": "a", "v": "x"})", R"({"v": "x", "k": "a"})", R"({"k": "c"})", "{}"}},
      {R"({"oneOf": [{"minimum": 5}, {"maximum": 10}], "type": "number"})",
       {"4", "11"},
       {"5", "7", "10"}},
      {R"({"oneOf": [{"pattern": "^a"}, {"pattern": "z$"}], "type": "string"})",
       {"\"ab\"", "\"yz\""},
       {"\"az\"", "\"b\""}},
      {R"({"not": {"type": "string"}})", {"1", "null", "[]"}, {"\"a\""}},
      {R"({"not": {"enum": ["a", 1, null]}})",
       {"\"b\"", "2", "true", "1.5"},
       {"\"a\"", "1", "1.0", "null", "10e-1"}},
      {R"({"type": "object", "not": {"required": ["a"]}})", {"{}", R"({"b": 1})"}, {R"({"a": 1})"}},
      {R"({"type": "object", "not": {"properties": {"a": {"const": 1}}}})",
       {R"({"a": 2})"},
       {R"({"a": 1})", "{}"}},
      {R"({"type": "string", "not": {"pattern": "^x"}})", {"\"ax\"", "\"\""}, {"\"x\"", "\"xy\""}},
      {R"({"type": "array", "not": {"minItems": 2}})", {"[]", "[1]"}, {"[1, 2]"}},
      {R"({"not": {"anyOf": [{"type": "null"}, {"minimum": 3}]}})", {"2"}, {"null", "3", "\"x\""}},
      {R"({"not": {"not": {"type": "null"}}})", {"null"}, {"1"}},
      {R"({"if": {"properties": {"k": {"const": 1}}, "required": ["k"]}, "then": {"required": ["a"]}, "else": {"required": ["b"]}, "type": "object"})",
       {R"({"k": 1, "a": 0})", R"({"b": 0})", R"({"k": 2, "b": 0})"},
       {R"({"k": 1, "b": 0})", R"({"a": 0})", R"({"k": 1})"}},
      {R"({"if": {"type": "string"}, "then": {"minLength": 2}})", {"1", "\"ab\""}, {"\"a\""}},
  };
}

std::vector<Case> references() {
  return {
      {R"({"$defs": {"p": {"type": "integer", "minimum": 1}}, "items": {"$ref": "#/$defs/p"}})",
       {"[1, 2]"},
       {"[0]", "[\"1\"]"}},
      {R"({"definitions": {"a/b": {"const": 1}, "c~d": {"const": 2}, "e f": {"const": 3}}, "anyOf": [{"$ref": "#/definitions/a~1b"}, {"$ref": "#/definitions/c~0d"}, {"$ref": "#/definitions/e%20f"}]})",
       {"1", "2", "3"},
       {"4", "null"}},
      {R"({"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["v"], "additionalProperties": false})",
       {R"({"v": 1})", R"({"v": 1, "next": {"next": null, "v": 2}})"},
       {R"({"v": 1, "next": {}})", R"({"next": {"v": 1}})", R"({"v": 1, "next": 5})"}},
      {R"({"$defs": {"t": {"$anchor": "tree", "type": "array", "items": {"$ref": "#tree"}}}, "$ref": "#tree"})",
       {"[]", "[[], [[]]]"},
       {"[1]", "[[[null]]]"}},
      {R"({"$id": "https://x/y", "$ref": "https://x/y#/$defs/s", "$defs": {"s": {"type": "string"}}})",
       {"\"a\""},
       {"1"}},
      {R"({"$ref": "#/$defs/a", "minimum": 5, "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"maximum": 9}}})",
       {"5", "9"},
       {"4", "10"}},
      {R"({"title": "t", "description": "d", "default": 1, "examples": [1], "$comment": "c", "$schema": "https://json-schema.org/draft/2020-12/schema", "deprecated": true, "readOnly": true, "writeOnly": false, "type": "null"})",
       {"null"},
       {"1"}},
      {R"({"allOf": [{"type": "object", "properties": {"c": {"$ref": "#"}}}], "maxProperties": 1})",
       {R"({"c": {"c": {}}})", R"({"x": 1})"},
       {R"({"c": 1})", R"({"c": {"a": 1, "b": 2}})"}},
  };
}

class Schemas : public testing::Test {
 protected:
  void check(const Case& test) {
    const boost::json::value schema = parse_json(test.schema, "schema");
    const Grammar grammar = Grammar::json_schema(schema, "schema", Style::kDocument);
    for (const std::string& document : test.accepted) {
      const auto mismatch = find_mismatch(grammar, document);
      EXPECT_FALSE(mismatch) << test.schema << "\nrefuses " << document << "\nat "
                             << mismatch->offset << ", expected " << mismatch->expected;
      // The table is held against the validator, which is held against the table.
      EXPECT_TRUE(is_plain_json(document)) << document;
      if (test.schema.find("u00e9") != std::string_view::npos) continue;  // ASCII is all it knows
      EXPECT_TRUE(is_valid(boost::json::parse(document), schema, schema))
          << test.schema << document;
    }
    for (const std::string& document : test.refused) {
      EXPECT_TRUE(find_mismatch(grammar, document)) << test.schema << "\naccepts " << document;
    }
    pairs_ += test.accepted.size() + test.refused.size();
  }
  std::size_t pairs_ = 0;
};

TEST_F(Schemas, AcceptAndRefuse) {
  for (const auto& table : {types_and_values(), numbers(), strings(), arrays(), objects(),
                            combinations(), references()}) {
    for (const Case& test : table) check(test);
  }
  EXPECT_GE(pairs_, 250u);
}

TEST(Mismatches, SayWhereAndWhat) {
  const auto expected = [](std::string_view schema, std::string_view document) {
    const Grammar grammar = Grammar::json_schema(parse_json(schema, "s"), "s", Style::kDocument);
    const auto mismatch = find_mismatch(grammar, document);
    return mismatch ? std::to_string(mismatch->offset) + " " + mismatch->expected : "accepted";
  };
  EXPECT_EQ(expected(R"({"items": {"type": "null"}, "type": "array"})", "[null 5]"),
            "6 \",\" or \"]\"");
  EXPECT_EQ(expected(R"({"type": "integer"})", "x"), "0 \"-\" or a digit");
  EXPECT_EQ(expected(R"({"const": true})", "true x"), "5 the end");
  EXPECT_EQ(expected(R"({"enum": ["ab", "ac"]})", "\"ad\""), "2 \"\\\", \"b\" or \"c\"");
}

}  // namespace
}  // namespace saccade::grammar
