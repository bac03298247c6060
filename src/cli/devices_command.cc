// saccade devices: what this machine computes with.
#include <memory>
#include <vector>

#include "base/json_text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reports.h"

namespace saccade::cli {
namespace {

int run(bool json) {
  const std::vector<DeviceInfo> list = list_devices(engine_options_from_environment());
  write_output(json ? json_text(devices_json(list)) + "\n" : devices_text(list));
  return kSuccess;
}

}  // namespace

void add_devices_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "devices", "Show the processor and its instruction sets, GPUs, and their memory");
  command->footer("SACCADE_ISA=avx2 saccade devices    as it would be with AVX2");
  command->group("Commands");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print one JSON object");
  command->callback([json, &action] { action = [json] { return run(*json); }; });
}

}  // namespace saccade::cli
