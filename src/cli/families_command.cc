// saccade families: which models can be run.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <memory>

#include "base/json_text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/table.h"
#include "saccade/families.h"

namespace saccade::cli {
namespace json = boost::json;
namespace {

std::string families_text() {
  Table table({Align::kLeft, Align::kLeft, Align::kLeft});
  table.add_row({"family", "takes", "held against transformers"});
  for (const FamilyInfo& family : model_families()) {
    table.add_row(
        {family.name, family.modalities,
         family.goldens.empty() ? "not yet" : fmt::format("{}", fmt::join(family.goldens, ", "))});
  }
  return table.text();
}

json::array families_json() {
  json::array list;
  for (const FamilyInfo& family : model_families()) {
    list.push_back(
        json::object{{"name", family.name},
                     {"modalities", family.modalities},
                     {"goldens", json::array(family.goldens.begin(), family.goldens.end())}});
  }
  return list;
}

}  // namespace

void add_families_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("families", "Show the model families that can be run");
  command->footer(
      "A family is what model_type says in a checkpoint's config.json. The last column names the\n"
      "small checkpoints whose prompts, token ids, tower outputs, logits and answers the tests\n"
      "compare with those of transformers.");
  command->group("Commands");
  const auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "Print a JSON array");
  command->callback([as_json, &action] {
    action = [as_json] {
      write_output(*as_json ? json_text(families_json()) + "\n" : families_text());
      return kSuccess;
    };
  });
}

}  // namespace saccade::cli
