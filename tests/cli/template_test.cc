// saccade template: the program against what Python's jinja2 renders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.h"
#include "model_copy.h"
#include "process.h"
#include "temporary_directory.h"

namespace saccade::cli {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

const fs::path kGoldens = fs::path(SACCADE_SOURCE_DIR) / "tests/goldens/templates";
const fs::path kTemplates = fs::path(SACCADE_SOURCE_DIR) / "../shared/data/templates";

constexpr const char* kTemplate =
    "{{- bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if tools %}{{ tools|tojson }}{% endif %}{% if add_generation_prompt %}[model]{% endif %}";

class TemplateCommand : public testing::Test {
 protected:
  Outcome render(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "template");
    return run_program(arguments);
  }
  std::string text_of(const std::vector<std::string>& arguments) {
    const Outcome outcome = render(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    return outcome.out;
  }
  std::string file(const std::string& name, const std::string& text) {
    return directory_.write(name, text).string();
  }

  TemporaryDirectory directory_;
};

TEST_F(TemplateCommand, MessagesToolsAndVariables) {
  const std::string path = file("t.jinja", kTemplate);
  const std::string messages = file("m.json", R"([{"role": "user", "content": "Hi"}])");
  const std::string tools = file("tools.json", R"([{"z": 1, "a": 2.0}])");
  EXPECT_EQ(text_of({"--file", path, "--messages", messages}), "[user] Hi\n[model]");
  EXPECT_EQ(text_of({"--file", path, "--messages", messages, "--no-generation-prompt"}),
            "[user] Hi\n");
  EXPECT_EQ(text_of({"--file", path, "--messages", messages, "--tools", tools, "--var",
                     "bos_token=\"<s>\"", "--var", "unused={\"a=b\": [1]}"}),
            "<s>[user] Hi\n[{\"z\": 1, \"a\": 2.0}][model]");
}

TEST_F(TemplateCommand, TheTemplateOfAModel) {
  const std::string messages =
      file("m.json",
           R"([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Hi"}]}])");
  const std::string prompt = text_of({golden_model(), "--messages", messages});
  EXPECT_THAT(prompt, testing::HasSubstr("<|image_pad|>"));
  EXPECT_THAT(prompt, testing::HasSubstr("Hi"));
}

// The golden contexts as a user would give them: files and variables.
TEST_F(TemplateCommand, PublishedTemplatesRenderAsJinja2DoesIt) {
  if (!fs::exists(kTemplates)) GTEST_SKIP() << "no " << kTemplates << ": they are not ours";
  const json::value contexts = read_json_file(kGoldens / "contexts.json");
  int compared = 0;
  for (const auto& golden_file : fs::directory_iterator(kGoldens / "chats")) {
    const json::value goldens = read_json_file(golden_file.path());
    // One chat of each template: a program starts for each.
    for (const json::value& entry : goldens.as_array()) {
      const json::object& golden = entry.as_object();
      if (golden.contains("error")) continue;
      const json::string& name = golden.at("template").as_string();
      const json::object& context =
          contexts.at("contexts").at(golden.at("context").as_string()).as_object();
      const std::string source = read_text_file(kTemplates / std::string(name));
      if (source.find("strftime_now") != std::string::npos) break;
      SCOPED_TRACE(std::string(name) + ", " + std::string(golden.at("context").as_string()));
      std::vector<std::string> arguments = {
          "--file", (kTemplates / std::string(name)).string(), "--messages",
          file("m.json", json::serialize(context.at("messages")))};
      for (const auto& [key, value] : context) {
        if (key == "messages") continue;
        arguments.emplace_back("--var");
        arguments.push_back(std::string(key) + "=" + json::serialize(value));
      }
      EXPECT_EQ(text_of(arguments), std::string(golden.at("expected").as_string()));
      ++compared;
      break;
    }
  }
  EXPECT_GE(compared, 10);
}

TEST_F(TemplateCommand, MistakesAreOneLine) {
  const std::string path = file("t.jinja", kTemplate);
  const std::string messages = file("m.json", "[]");
  const std::string model = golden_model();
  expect_refused(render({"--messages", messages}), 2, "MODEL or --file");
  expect_refused(render({model, "--file", path, "--messages", messages}), 2, "not both");
  expect_refused(render({"--file", path}), 2, "--messages");
  expect_refused(render({"--file", path, "--messages", messages, "--var", "x"}), 2, "NAME=JSON");
  expect_refused(render({"--file", path, "--messages", messages, "--var", "x={"}), 1,
                 "the variable x");
  expect_refused(render({"--file", path, "--messages", file("o.json", "{}")}), 1, "JSON array");
  expect_refused(render({"--file", path, "--messages", directory_.file("none.json")}), 1,
                 "none.json");
  const std::string raising = file("r.jinja", "{{ raise_exception('no cats') }}");
  expect_refused(render({"--file", raising, "--messages", messages}), 1, "no cats");
  const std::string broken = file("b.jinja", "{% for %}");
  expect_refused(render({"--file", broken, "--messages", messages}), 1, "b.jinja: line 1");
}

}  // namespace
}  // namespace saccade::cli
