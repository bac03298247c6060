// saccade formats: which weights can be read and written.
#include <fmt/format.h>

#include <memory>

#include "base/json_text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/table.h"
#include "saccade/formats.h"

namespace saccade::cli {
namespace json = boost::json;
namespace {

std::string formats_text() {
  Table table({Align::kLeft, Align::kLeft, Align::kRight, Align::kLeft, Align::kLeft});
  table.add_row({"weights", "files", "bits a weight", "products", "convert --quantize"});
  for (const FormatInfo& format : weight_formats()) {
    table.add_row({format.name, format.files, fmt::format("{:.2f}", format.bits_per_weight),
                   format.products, format.quantize});
  }
  return table.text();
}

json::array formats_json() {
  json::array list;
  for (const FormatInfo& format : weight_formats()) {
    list.push_back(json::object{
        {"name", format.name},
        {"files", format.files},
        {"bits_per_weight", format.bits_per_weight},
        {"products", format.products},
        {"quantize", format.quantize.empty() ? json::value() : json::value(format.quantize)}});
  }
  return list;
}

}  // namespace

void add_formats_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("formats", "Show the weight formats that can be read and written");
  command->footer(
      "Integer products round the inputs of a layer to 8 bits; run --activations f32 avoids it.");
  command->group("Commands");
  const auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "Print a JSON array");
  command->callback([as_json, &action] {
    action = [as_json] {
      write_output(*as_json ? json_text(formats_json()) + "\n" : formats_text());
      return kSuccess;
    };
  });
}

}  // namespace saccade::cli
