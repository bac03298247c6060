// Chat templates as publishers ship them, rendered as Python's jinja2 renders them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "text/chat_template.h"

namespace saccade::text {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

const fs::path kGoldens = fs::path(SACCADE_SOURCE_DIR) / "tests/goldens/templates";
const fs::path kTemplates = fs::path(SACCADE_SOURCE_DIR) / "../shared/data/templates";

std::tm golden_time() {
  std::tm time{};  // contexts.json says so: 2026-11-21T08:05:09
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

void check(const ChatTemplate& chat, const json::object& context, const json::object& golden) {
  try {
    const std::string text = chat.render(context, {.clock = golden_time});
    ASSERT_FALSE(golden.contains("error")) << "rendered, where jinja2 says " << golden.at("error");
    EXPECT_EQ(text, std::string(golden.at("expected").as_string()));
  } catch (const Error& error) {
    ASSERT_TRUE(golden.contains("error")) << error.what();
    if (golden.at("error_type").as_string() == "TemplateError") {
      EXPECT_THAT(error.what(), testing::HasSubstr(std::string(golden.at("error").as_string())));
    }
  }
}

TEST(ChatTemplate, PublishedTemplatesRenderAsJinja2DoesIt) {
  if (!fs::exists(kTemplates))
    GTEST_SKIP() << "no " << kTemplates << ": the templates are not ours";
  const json::value contexts = read_json_file(kGoldens / "contexts.json");
  int compared = 0;
  for (const auto& file : fs::directory_iterator(kGoldens / "chats")) {
    const json::value goldens = read_json_file(file.path());
    for (const json::value& entry : goldens.as_array()) {
      const json::object& golden = entry.as_object();
      const std::string name(golden.at("template").as_string());
      const json::string& context = golden.at("context").as_string();
      SCOPED_TRACE(name + ", " + std::string(context));
      const auto chat = ChatTemplate::parse(read_text_file(kTemplates / name), name);
      check(chat, contexts.at("contexts").at(context).as_object(), golden);
      ++compared;
    }
  }
  EXPECT_GE(compared, 15 * 30);
}

TEST(ChatTemplate, SaysTemplateLineAndWhatTheTemplateRaises) {
  const auto chat = ChatTemplate::parse(
      "{%- for m in messages %}\n{%- if m.role != 'user' %}\n"
      "{{- raise_exception('Only users may speak, not ' + m.role) }}\n{%- endif %}\n{%- endfor %}",
      "model/chat_template.jinja");
  const json::object context = {{"messages", {{{"role", "cat"}, {"content", "meow"}}}}};
  try {
    chat.render(context);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "model/chat_template.jinja: line 3: Only users may speak, not cat");
  }
}

TEST(ChatTemplate, KeepsTheOrderOfKeysAndEveryInteger) {
  const auto chat = ChatTemplate::parse("{{ tools|tojson }}", "t");
  const json::value tools = json::parse(
      R"({"z":1,"a":{"y":18446744073709551615,"x":-9223372036854775808},"m":[1.0,1e-7,null,true]})");
  EXPECT_EQ(chat.render({{"tools", tools}}),
            R"({"z": 1, "a": {"y": 18446744073709551615, "x": -9223372036854775808}, )"
            R"("m": [1.0, 1e-07, null, true]})");
}

TEST(ChatTemplate, AsksForNoMoreStepsThanItMayTake) {
  const auto chat = ChatTemplate::parse("{% for i in range(1000) %}{% endfor %}done", "t");
  EXPECT_EQ(chat.render({}), "done");
  EXPECT_THROW(chat.render({}, {.max_steps = 100}), Error);
}

TEST(ChatTemplate, VariablesNestedTooDeeplyAreAnError) {
  json::value deep = 1;
  for (int i = 0; i < 1000; ++i) {
    json::array outer;
    outer.push_back(std::move(deep));
    deep = std::move(outer);
  }
  EXPECT_THROW(ChatTemplate::parse("x", "t").render({{"deep", deep}}), Error);
}

TEST(ChatTemplate, RendersInSeveralThreadsAtOnce) {
  const auto chat = ChatTemplate::parse(
      "{% set ns = namespace(n=0) %}{% for i in range(200) %}{% set ns.n = ns.n + who %}{% endfor "
      "%}"
      "{{ ns.n }}",
      "t");
  std::vector<std::string> texts(8);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      texts[static_cast<std::size_t>(i)] = chat.render({{"who", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(texts[static_cast<std::size_t>(i)], std::to_string(200 * i));
  }
}

}  // namespace
}  // namespace saccade::text
