// saccade photos: a library of photos, described on this machine.
#include <memory>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/numbers.h"
#include "cli/options.h"
#include "cli/photos_actions.h"
#include "cli/photos_bench.h"
#include "cli/photos_eval.h"
#include "server/access.h"

namespace saccade::cli {
namespace {

constexpr const char* kExamples =
    "LIBRARY is a folder for what is known of the photos; these stay where they are. Its\n"
    "photos.toml says what is done for each photo, and by which model. docs/photos.md has it "
    "all.\n\n"
    "Examples:\n"
    "  saccade photos add ~/Library ~/Pictures\n"
    "  saccade photos serve ~/Library                   the page to review them\n"
    "  saccade photos search ~/Library \"red car at night\"\n"
    "  saccade photos export ~/Library --format xmp     tags for other photo programs";

constexpr std::uint16_t kDefaultPort = 8090;

CLI::App* add_photos_subcommand(CLI::App& photos, const std::string& name,
                                const std::string& description, std::string& library) {
  CLI::App* command = photos.add_subcommand(name, description);
  command->group("Commands");
  command->add_option("LIBRARY", library, "Folder of the library")->type_name("")->required();
  return command;
}

void add_add(CLI::App& photos, Action& action) {
  const auto add = std::make_shared<PhotosAdd>();
  CLI::App* command = add_photos_subcommand(
      photos, "add", "Add files, and folders with all below them", add->library);
  command->add_option("PATH", add->paths, "Photo files and folders")->type_name("");
  command->add_flag("--watch", add->watch,
                    "Go on looking at all that was ever added, for new, changed and lost files, "
                    "until Ctrl-C");
  command->callback([add, &action] { action = [add] { return add_photos(*add); }; });
}

void add_work(CLI::App& photos, Action& action) {
  const auto work = std::make_shared<PhotosWork>();
  CLI::App* command = add_photos_subcommand(
      photos, "work", "Describe what has been added, without the page", work->library);
  command->add_flag("--until-idle", work->until_idle, "End when nothing is left to do");
  command->callback([work, &action] { action = [work] { return work_on_photos(*work); }; });
}

void add_serve(CLI::App& photos, Action& action) {
  const auto serve = std::make_shared<PhotosServe>();
  serve->options.http.port = kDefaultPort;
  CLI::App* command = add_photos_subcommand(
      photos, "serve", "Show the page to review photos, and describe what has been added",
      serve->library);
  photos::DeckOptions& options = serve->options;
  command
      ->add_option(
          "--host", options.http.host,
          "Address to listen on (default 127.0.0.1: this machine alone; others need a key)")
      ->type_name("ADDRESS");
  add_value(*command, "--port", "N", "Port to listen on; 0: any free one (default 8090)",
            [&options](const std::string& text) {
              options.http.port =
                  static_cast<std::uint16_t>(parse_integer("--port", text, 0, 65535));
            });
  command
      ->add_option("--key", options.key,
                   "What the page must be opened with: /?key=KEY. Other users of this machine may "
                   "see it: better in a file")
      ->type_name("KEY");
  add_value(*command, "--key-file", "FILE", "The key in a file",
            [&options](const std::string& path) { options.key = server::read_keys(path).front(); });
  command->add_flag("!--no-work", options.work, "Only show the page");
  command->add_flag("--sealed", options.sealed,
                    "Have the kernel refuse outgoing connections of this process (Linux)");
  command->callback([serve, &action] { action = [serve] { return serve_photos(*serve); }; });
}

void add_status(CLI::App& photos, Action& action) {
  const auto status = std::make_shared<PhotosStatus>();
  CLI::App* command = add_photos_subcommand(
      photos, "status", "Show how far the library is, and what went wrong", status->library);
  command->add_flag("--json", status->json, "Print one JSON object");
  command->callback(
      [status, &action] { action = [status] { return show_photos_status(*status); }; });
}

void add_search(CLI::App& photos, Action& action) {
  const auto search = std::make_shared<PhotosSearch>();
  CLI::App* command = add_photos_subcommand(
      photos, "search", "Find photos by words; exit status 1 when there are none", search->library);
  command->add_option("WORDS", search->filter.text, "What to look for")->type_name("")->required();
  add_value(*command, "--limit", "N", "Photos to show at most (default 20)",
            [search](const std::string& text) {
              search->limit = parse_integer("--limit", text, 1, 1'000'000);
            });
  command->add_flag("--json", search->json, "Print one JSON object");
  command->callback([search, &action] { action = [search] { return search_photos(*search); }; });
}

void add_export(CLI::App& photos, Action& action) {
  const auto out = std::make_shared<PhotosExport>();
  CLI::App* command = add_photos_subcommand(
      photos, "export", "Print what is known, or write it beside the photos", out->library);
  add_value(
      *command, "--format", "FORMAT",
      "jsonl: a line a photo; csv: a line a tag; xmp: PHOTO.xmp files beside the photos "
      "(default jsonl)",
      [out](const std::string& text) { out->options.format = photos::parse_export_format(text); });
  command->add_flag("--gps", out->options.gps,
                    "Also where photos were taken, which is left out otherwise");
  command->add_flag("--accepted", out->options.only_accepted,
                    "Only what a person has accepted, edited or added");
  command->add_flag("--overwrite", out->options.overwrite,
                    "With xmp: replace sidecar files that other programs wrote");
  command->callback([out, &action] { action = [out] { return export_photos(*out); }; });
}

void add_verify(CLI::App& photos, Action& action) {
  const auto library = std::make_shared<std::string>();
  CLI::App* command = add_photos_subcommand(
      photos, "verify",
      "Read every file and compare it with what was added; exit status 1 when "
      "something is missing or changed",
      *library);
  command->callback([library, &action] { action = [library] { return verify_photos(*library); }; });
}

void add_retry(CLI::App& photos, Action& action) {
  const auto retry = std::make_shared<PhotosRetry>();
  CLI::App* command =
      add_photos_subcommand(photos, "retry", "Have what did not work done again", retry->library);
  add_value(*command, "--photo", "N", "Only this photo; with --tier also where it worked",
            [retry](const std::string& text) { retry->photo = parse_integer("--photo", text, 1); });
  command->add_option("--tier", retry->tier, "Only this tier")->type_name("NAME");
  command->add_flag("--outdated", retry->outdated,
                    "Also what was described by an older prompt, schema or model");
  command->callback([retry, &action] { action = [retry] { return retry_photos(*retry); }; });
}

void add_eval(CLI::App& photos, Action& action) {
  const auto eval = std::make_shared<PhotosEval>();
  CLI::App* command = add_photos_subcommand(
      photos, "eval", "Compare models and prompts on the library's photos", eval->library);
  command
      ->add_option("--models", eval->models,
                   "Models with commas between: what `saccade run` takes, or NAME@URL of a server. "
                   "The first is what others have to beat")
      ->type_name("MODEL,...")
      ->required();
  command
      ->add_option("--prompts", eval->prompts,
                   "Prompts with commas between: names of tiers, or text files, which are asked "
                   "with the first tier's schema (default: that tier's)")
      ->type_name("PROMPT,...");
  command
      ->add_option("--against", eval->against,
                   "Labels, JSON lines: {\"photo\": PATH or digest, \"fields\": {...}}")
      ->type_name("FILE");
  command
      ->add_option("--judge", eval->judge,
                   "In place of labels a model that judges: MODEL, NAME@URL or a server's URL")
      ->type_name("MODEL");
  add_value(*command, "--margin", "POINTS",
            "By how many points of a hundred another must surely be better (default 3)",
            [eval](const std::string& text) { eval->margin = parse_number("--margin", text); });
  add_value(*command, "--limit", "N", "Ask about the first N photos (default: all)",
            [eval](const std::string& text) { eval->limit = parse_integer("--limit", text, 1); });
  add_value(*command, "--seed", "N", "Of what is drawn at random (default 1)",
            [eval](const std::string& text) { eval->seed = parse_unsigned("--seed", text); });
  command->add_option("--html", eval->html, "Write a report for browsers")->type_name("FILE");
  command->add_flag("--json", eval->json, "Print one JSON object");
  command->callback([eval, &action] { action = [eval] { return evaluate_photos(*eval); }; });
}

}  // namespace

void add_photos_command(CLI::App& app, Action& action) {
  CLI::App* photos = app.add_subcommand(
      "photos", "Describe, review and search a library of photos, all on this machine");
  photos->footer(kExamples);
  photos->group("Commands");
  photos->require_subcommand(1);
  add_add(*photos, action);
  add_work(*photos, action);
  add_serve(*photos, action);
  add_status(*photos, action);
  add_search(*photos, action);
  add_export(*photos, action);
  add_verify(*photos, action);
  add_retry(*photos, action);
  add_photos_bench(*photos, action);
  add_eval(*photos, action);
}

}  // namespace saccade::cli
