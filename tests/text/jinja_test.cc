// The Jinja of chat templates, held against what Python's jinja2 renders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "text/chat_template.h"

namespace saccade::text {
namespace {

namespace json = boost::json;

std::tm golden_time() {
  std::tm time{};  // 2026-11-21T08:05:09, a Saturday
  time.tm_year = 126;
  time.tm_mon = 10;
  time.tm_mday = 21;
  time.tm_hour = 8;
  time.tm_min = 5;
  time.tm_sec = 9;
  time.tm_wday = 6;
  time.tm_yday = 324;
  return time;
}

std::string render(const std::string& source, const json::object& context = {}) {
  return ChatTemplate::parse(source, "t.jinja")
      .render(context, {.clock = golden_time, .max_steps = 2'000'000});
}

/// The error of parsing or rendering, without the name of the template; empty when there is none.
std::string error_of(const std::string& source, const json::object& context = {}) {
  try {
    render(source, context);
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("t.jinja: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message.substr(9);
  }
  return "";
}

TEST(JinjaSnippets, RenderAsJinja2DoesIt) {
  const std::filesystem::path path =
      std::filesystem::path(SACCADE_SOURCE_DIR) / "tests/goldens/templates/snippets.json";
  const json::value snippets = read_json_file(path);
  ASSERT_GE(snippets.as_array().size(), 200u);
  for (const json::value& snippet : snippets.as_array()) {
    const json::object& entry = snippet.as_object();
    const std::string name(entry.at("name").as_string());
    const std::string source(entry.at("template").as_string());
    const json::object& context = entry.at("context").as_object();
    if (!entry.contains("error")) {
      EXPECT_EQ(error_of(source, context), "") << name;
      EXPECT_EQ(render(source, context), std::string(entry.at("expected").as_string())) << name;
      continue;
    }
    const std::string error = error_of(source, context);
    EXPECT_NE(error, "") << name << ": " << source;
    if (entry.at("error_type").as_string() == "TemplateError") {
      EXPECT_THAT(error, testing::EndsWith(std::string(entry.at("error").as_string()))) << name;
    }
  }
}

struct Case {
  const char* source;
  const char* expected;
};

class JinjaText : public testing::TestWithParam<Case> {};

TEST_P(JinjaText, IsWhatJinja2Renders) {
  EXPECT_EQ(render(GetParam().source), GetParam().expected);
}

// What is easy to get wrong; every expected text is jinja2's.
INSTANTIATE_TEST_SUITE_P(
    Scopes, JinjaText,
    testing::Values(
        Case{"{% set x = 1 %}{% for i in [5,6] %}{{ x }}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
             "15161"},
        Case{"{% for i in [1] %}[{{ y }}]{% endfor %}{% set y = 2 %}{{ y }}", "[]2"},
        Case{"{% for i in [1,2] %}{% if i == 1 %}{% set y = 'in' %}{% endif %}{{ y }};{% endfor %}",
             "in;;"},
        Case{"{% set ns = namespace(f=true) %}{% for i in range(5) if ns.f %}{{ i }}"
             "{% if i == 2 %}{% set ns.f = false %}{% endif %}{% endfor %}",
             "012"},
        Case{"{% for i in [1,2] %}{% break %}{% else %}E{% endfor %}", "E"},
        Case{"{% macro m(a=b, b=1) %}[{{ a }}]{{ b }}{% endmacro %}{{ m() }}", "[]1"},
        Case{"{% macro m() %}{{ zz }}{% endmacro %}{% set zz = 3 %}{{ m() }}", "3"},
        Case{"{% set a = 9 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "199"},
        Case{"{% generation %}x{% set g = 1 %}{% endgeneration %}{{ g }}", "x"},
        Case{"{% for n in [{'n':1,'c':[{'n':2}]}] recursive %}{{ n.n }}.{{ loop.depth }}"
             "{% if n.c %}({{ loop(n.c) }}){% endif %}{% endfor %}",
             "1.1(2.2)"}));

INSTANTIATE_TEST_SUITE_P(WhiteSpace, JinjaText,
                         testing::Values(Case{"  {% if 1 %}\n  x\n  {% endif %}\ny\n", "  x\ny"},
                                         Case{"a\n   {# c #}\n b\n", "a\n b"}, Case{"x\n\n", "x\n"},
                                         Case{"  {%+ if 1 %}\n y {% endif +%}\nz", "   y \nz"},
                                         Case{"a\r\nb\rc", "a\nb\nc"},
                                         Case{"{% raw %}\n a{% endraw %}\nb", "\n ab"},
                                         Case{"  {{- ' a ' -}}  \n y", " a y"}));

INSTANTIATE_TEST_SUITE_P(
    Values, JinjaText,
    testing::Values(
        Case{"{{ 1e16 }} {{ 1e15 }} {{ 1e-4 }} {{ 1e-5 }} {{ 0.1 + 0.2 }} {{ 100 / 2 }}",
             "1e+16 1000000000000000.0 0.0001 1e-05 0.30000000000000004 50.0"},
        Case{"{{ -7 // 2 }} {{ -7 % 3 }} {{ 7.5 // -2 }} {{ 2 ** 3 ** 2 }} {{ 2 ** -1 }}",
             "-4 2 -4.0 64 0.5"},
        Case{"{{ 1 == 1.0 == true }} {{ (1, 2) == [1, 2] }} {{ 1 < 2 < 3 }}", "True False True"},
        Case{"{{ [none, true, 1.0, \"it's\", 'n\\n', (1,), {'k': 'v'}] }}",
             "[None, True, 1.0, \"it's\", 'n\\n', (1,), {'k': 'v'}]"},
        Case{"{{ 'Grüße'[2] }}{{ 'Grüße'[::-1] }} {{ 'ß'|upper }} {{ 'ΣΑΣ'|lower }}",
             "üeßürG SS σας"},
        Case{"{{ {'items': 1}['items'] }} {{ {'items': 1}.items()|list }}", "1 [('items', 1)]"},
        Case{"{{ 18446744073709551615 + 1 }}", "18446744073709551616"},
        Case{"{{ ('<'|e) + '<' }} {{ ('<'|e) ~ '<' }} {{ '<%s>' % ('&'|e) }}",
             "&lt;&lt; &lt;< <&amp;>"}));

INSTANTIATE_TEST_SUITE_P(
    Json, JinjaText,
    testing::Values(Case{"{{ {'a': [1, 2.0, none], 'b': '<é>'}|tojson }}",
                         "{\"a\": [1, 2.0, null], \"b\": \"<é>\"}"},
                    Case{"{{ '😀é'|tojson(ensure_ascii=true) }}", "\"\\ud83d\\ude00\\u00e9\""},
                    Case{"{{ {'b': [], 'a': {}}|tojson(indent=2, sort_keys=true) }}",
                         "{\n  \"a\": {},\n  \"b\": []\n}"},
                    Case{"{{ [1, 2]|tojson(separators=(',', ':')) }}", "[1,2]"},
                    Case{"{{ strftime_now('%d %B %Y, %-d/%m %H:%M') }}",
                         "21 November 2026, 21/11 08:05"}));

TEST(JinjaErrors, SayWhatIsNotSupportedByName) {
  for (const char* tag : {"include", "import", "extends", "block"}) {
    EXPECT_THAT(error_of("\n{% " + std::string(tag) + " 'x' %}"),
                testing::AllOf(testing::HasSubstr("line 2"), testing::HasSubstr(tag)));
  }
  EXPECT_THAT(error_of("a\n\n{{ x|frobnicate }}"), testing::HasSubstr("line 3: No filter named"));
  EXPECT_THAT(error_of("{{ x is frobbed }}"), testing::HasSubstr("frobbed"));
  EXPECT_THAT(error_of("{{ x|random }}"), testing::HasSubstr("'random' is not supported"));
  EXPECT_THAT(error_of("{% frob %}"), testing::HasSubstr("unknown tag 'frob'"));
}

TEST(JinjaErrors, NameTheLine) {
  EXPECT_EQ(error_of("a\n{{ missing.name }}"), "line 2: 'missing' is undefined");
  EXPECT_EQ(error_of("{% macro m(x) %}\n{{ x.y.z }}\n{% endmacro %}\n\n{{ m({}) }}"),
            "line 2: 'dict object' has no attribute 'y'");
  EXPECT_EQ(error_of("{{ [].append(1) }}"),
            "line 1: access to attribute 'append' of 'list' object is unsafe.");
  EXPECT_EQ(error_of("\n{{ raise_exception('one\ntwo') }}"), "line 2: one two");
  EXPECT_THAT(error_of("{% for x in [1] %}\n{{ x }}"), testing::HasSubstr("'for' of line 1"));
}

TEST(JinjaErrors, MalformedTemplatesAreErrors) {
  for (const char* source : {"{{ }}",
                             "{{ 1 2 }}",
                             "{{ 'a",
                             "{{ (1 }}",
                             "{% if %}{% endif %}",
                             "{% if x",
                             "{{ x",
                             "{# open",
                             "{% raw %}",
                             "{% endif %}",
                             "{% for %}",
                             "{{ a. }}",
                             "{{ a[ }}",
                             "{{ 1 + }}",
                             "{% set 1 = 2 %}",
                             "{% break %}",
                             "{{ f(a=1, 2) }}",
                             "{{ '\\x4' }}",
                             "{{ x } }}",
                             "{% set true = 1 %}",
                             "{{ [1, }}",
                             "{{ {'a' 1} }}",
                             "{{ a ? b }}",
                             "{% call s %}{% endcall %}",
                             "{% macro m(a=1, b) %}{% endmacro %}",
                             "{{ '\\ud800' }}",
                             "\xff",
                             "{% macro m(a, a) %}{% endmacro %}",
                             "{% for loop in x %}{% endfor %}"}) {
    EXPECT_NE(error_of(source), "") << source;
  }
}

TEST(JinjaLimits, HostileTemplatesEndInAnError) {
  const std::string deep(100000, '(');
  const std::string sum = "1" + [] {
    std::string terms;
    for (int i = 0; i < 50000; ++i) terms += "+1";
    return terms;
  }();
  std::string ifs;
  for (int i = 0; i < 20000; ++i) ifs += "{% if 1 %}";
  for (const std::string& source : {
           "{{ " + deep + " }}",
           "{{ " + sum + " }}",
           ifs,
           std::string("{{ range(10**9) }}"),
           std::string(
               "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}"),
           std::string("{{ 'x' * 10**12 }}"),
           std::string("{{ [0] * 10**12 }}"),
           std::string("{{ 2 ** 100000 }}"),
           std::string("{% set ns = namespace(s='xx') %}{% for i in range(99) %}"
                       "{% set ns.s = ns.s + ns.s %}{% endfor %}"),
           std::string("{% set ns = namespace(l=[1]) %}{% for i in range(99) %}"
                       "{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}"),
           std::string("{% set ns = namespace(l=[]) %}{% for i in range(100000) %}"
                       "{% set ns.l = [ns.l] %}{% endfor %}"),
           std::string("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}"),
           std::string("{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}"),
           std::string("{% for i in range(99999) %}{{ 'x' * 9999 }}{% endfor %}"),
           std::string("{{ '{:999999999}'.format(1) }}"),
           std::string("{{ '%999999999d' % 1 }}"),
           std::string("{{ 'a'|center(10**10) }}"),
           std::string("{{ [1]|tojson(indent=10**9) }}"),
           std::string("{{ ('a' * 10**6).replace('', 'b' * 10**6) }}"),
       }) {
    EXPECT_NE(error_of(source), "") << source.substr(0, 80);
  }
}

TEST(JinjaLimits, ObjectsThatHoldThemselvesArePrintedAndFreed) {
  EXPECT_EQ(render("{% set n = namespace() %}{% set n.s = n %}{{ n }}"),
            "<Namespace {'s': <Namespace {...}>}>");
  EXPECT_EQ(
      render("{% set n = namespace() %}{% macro m(x) %}{% macro k() %}{{ x }}{% endmacro %}"
             "{% set n.k = k %}{% endmacro %}{% for i in range(50) %}{{ m(n.k) }}{% endfor %}"),
      "");
}

}  // namespace
}  // namespace saccade::text
