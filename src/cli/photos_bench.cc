#include "cli/photos_bench.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

#include "base/error.h"
#include "base/json_text.h"
#include "base/output_file.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/numbers.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/table.h"
#include "photos/bench/bench.h"

namespace saccade::cli {
namespace {

namespace fs = std::filesystem;

// As many as a library of several hundred gigabytes has.
constexpr std::int64_t kMaxPhotos = 100'000;

struct PhotosBenchCommand {
  photos::PhotosBenchOptions options;
  bool json = false;
  std::string html;  ///< a file; empty: none
};

/// A folder that is gone after the measurement.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "saccade-photos-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      fail("{}: no folder can be made: {}; name one with --folder",
           fs::temp_directory_path().string(), std::strerror(errno));
    }
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string tables_text(const photos::PhotosBenchReport& report) {
  std::string text;
  for (const photos::BenchTable& shown : photos_bench_tables(report)) {
    std::vector<Align> columns(shown.head.size(), Align::kRight);
    columns[0] = Align::kLeft;
    Table table(columns);
    std::vector<std::string> head = shown.head;
    head[0] = shown.title;
    table.add_row(head);
    for (const auto& row : shown.rows) table.add_row(row);
    text += (text.empty() ? "" : "\n") + table.text();
  }
  return text;
}

int run_bench(PhotosBenchCommand command) {
  const InterruptScope scope;
  std::optional<TemporaryFolder> temporary;
  if (command.options.folder.empty()) command.options.folder = temporary.emplace().path();
  const photos::PhotosBenchReport report = run_photos_bench(
      command.options, {.on_stage = [](const std::string& what) { write_error_line(what); },
                        .check =
                            [] {
                              if (interrupted()) throw Interrupted();
                            }});
  if (!command.html.empty()) {
    const std::string page = photos_bench_html(report);
    write_file(command.html, std::as_bytes(std::span(page)));
  }
  write_output(command.json ? json_text(photos_bench_json(report)) + "\n" : tables_text(report));
  return kSuccess;
}

}  // namespace

void add_photos_bench(CLI::App& photos, Action& action) {
  const auto bench = std::make_shared<PhotosBenchCommand>();
  CLI::App* command = photos.add_subcommand(
      "bench", "Measure how soon photos are visible and described, on a library made for it");
  command->group("Commands");
  photos::PhotosBenchOptions& options = bench->options;
  add_value(*command, "--photos", "N", "Photos to make (default 1000)",
            [&options](const std::string& text) {
              options.photos = static_cast<int>(parse_integer("--photos", text, 2, kMaxPhotos));
            });
  add_value(*command, "--size", "WxH", "Their pixels (default 4000x3000)",
            [&options](const std::string& text) {
              const PictureSize size = parse_picture_size("--size", text);
              options.width = size.width;
              options.height = size.height;
            });
  add_value(*command, "--seed", "N", "Another seed makes other photos (default 1)",
            [&options](const std::string& text) { options.seed = parse_unsigned("--seed", text); });
  command
      ->add_option("--folder", options.folder,
                   "Empty folder for the photos and the library, which stay there (default: a "
                   "temporary one, removed afterwards; 12 megapixels take about 3 MB a photo)")
      ->type_name("DIR");
  command->add_flag("--json", bench->json, "Print one JSON object");
  command->add_option("--html", bench->html, "Write a page with tables and plots")
      ->type_name("FILE");
  command->callback([bench, &action] { action = [bench] { return run_bench(*bench); }; });
}

}  // namespace saccade::cli
