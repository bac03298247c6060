#include "cli/photos_eval.h"

#include <atomic>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "base/json_text.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/photos_eval_report.h"
#include "cli/standard_streams.h"
#include "photos/eval/evaluation.h"
#include "photos/eval/report.h"
#include "photos/importer.h"
#include "photos/library.h"
#include "photos/photo_file.h"
#include "photos/picture_source.h"
#include "photos/vlm/local_models.h"

namespace saccade::cli {
namespace {

namespace eval = photos::eval;
using photos::Library;
using photos::Tier;

/// The first tier that asks a model.
const Tier& first_vlm_tier(const Library& library) {
  for (const Tier& tier : library.settings().tiers) {
    if (tier.kind == Tier::Kind::kVlm) return tier;
  }
  fail("{}: photos.toml has no tier of kind vlm", library.folder().string());
}

/// "NAME@URL" or "URL", or a model for this process.
photos::VlmSettings model_settings(const Library& library, const std::string& text) {
  photos::VlmSettings settings;
  settings.engine = engine_options_from_environment();
  const auto at =
      text.starts_with("http://") || text.starts_with("https://") ? 0 : text.find("@http");
  settings.model = text.substr(0, at);
  if (at != std::string::npos) settings.url = text.substr(at == 0 ? 0 : at + 1);
  // A tier's model keeps what photos.toml says of it, such as where its key is.
  for (const Tier& tier : library.settings().tiers) {
    if (tier.vlm.model == settings.model && tier.vlm.url == settings.url) settings = tier.vlm;
  }
  return eval::for_evaluation(settings);
}

std::vector<eval::EvaluatedPhoto> evaluated_photos(const Library& library, std::int64_t limit) {
  return library.database().read([&](photos::Connection& connection) {
    std::vector<eval::EvaluatedPhoto> list;
    auto rows =
        photos::sql(connection,
                    "SELECT photos.id, MIN(path), digest FROM photos JOIN files ON photo_id = "
                    "photos.id WHERE missing_since IS NULL AND width IS NOT NULL GROUP BY "
                    "photos.id ORDER BY photos.id LIMIT ?1",
                    limit == 0 ? std::int64_t{-1} : limit);
    while (rows.executeStep()) {
      const std::filesystem::path path = rows.getColumn(1).getString();
      list.push_back({.id = rows.getColumn(0).getInt64(),
                      .name = path.string(),
                      .digest = rows.getColumn(2).getString(),
                      .picture = [path] {
                        return ImageBytes{.bytes = photos::encoded_picture(
                                              photos::read_photo_file(path), path.string()),
                                          .name = path.string()};
                      }});
    }
    return list;
  });
}

eval::EvaluatedPrompt evaluated_prompt(const Library& library, const std::string& text) {
  const Tier* named = library.settings().find(text);
  if (named != nullptr && named->kind != Tier::Kind::kVlm) {
    fail_usage("--prompts: tier {} asks no model", text);
  }
  const Tier& tier = named != nullptr ? *named : first_vlm_tier(library);
  return {.name = named != nullptr ? text : std::filesystem::path(text).stem().string(),
          .text = named != nullptr ? tier.prompt : read_text_file(text),
          .schema = tier.schema,
          .max_pixels = tier.max_pixels,
          .max_tokens = tier.max_tokens};
}

eval::EvaluationInput read_input(const PhotosEval& command, const Library& library,
                                 photos::LocalModels& models) {
  eval::EvaluationInput input;
  input.photos = evaluated_photos(library, command.limit);
  if (input.photos.empty()) fail("{}: it has no photos to ask about", library.folder().string());
  const auto open = [&models](photos::VlmSettings settings) {
    return [&models, settings = std::move(settings)] { return make_vlm(settings, models); };
  };
  for (const std::string& text : words_between_commas(command.models)) {
    input.models.push_back({.name = text, .open = open(model_settings(library, text))});
  }
  const std::string prompts =
      command.prompts.empty() ? first_vlm_tier(library).name : command.prompts;
  for (const std::string& text : words_between_commas(prompts)) {
    input.prompts.push_back(evaluated_prompt(library, text));
  }
  if (command.against.empty() == command.judge.empty()) {
    fail_usage("either --against LABELS or --judge MODEL is required");
  }
  if (!command.judge.empty()) {
    input.judge = open(model_settings(library, command.judge));
  } else {
    std::vector<eval::PhotoName> names;
    for (const auto& photo : input.photos) names.push_back({photo.name, photo.digest});
    input.labels = eval::read_labels(read_text_file(command.against), command.against, names);
  }
  input.margin = command.margin;
  input.bootstrap.seed = command.seed;
  if (stderr_shows_progress()) {
    input.asking.on_progress = [](const std::string& what, std::size_t done, std::size_t total) {
      write_all(2, fmt::format("\r\x1b[K{}: {} of {}", what, done, total));
      if (done == total) write_all(2, "\r\x1b[K");
    };
  }
  return input;
}

}  // namespace

int evaluate_photos(const PhotosEval& command) {
  const Library library(command.library);
  photos::LocalModels models;
  const eval::EvaluationInput input = read_input(command, library, models);
  const InterruptScope scope;
  std::atomic<bool> cancelled = false;
  std::atomic<bool> done = false;
  std::thread watch([&] {
    while (!done) {
      if (interrupted()) cancelled = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  struct Join {
    std::atomic<bool>& done;
    std::thread& thread;
    ~Join() {
      done = true;
      thread.join();
    }
  };
  eval::Evaluation evaluation;
  try {
    const Join join{done, watch};
    evaluation = evaluate(input, cancelled);
  } catch (const photos::VlmUnavailable&) {
    if (cancelled) throw Interrupted();
    throw;
  }
  if (!command.html.empty()) {
    const std::string page = report_html(evaluation);
    const auto bytes = std::as_bytes(std::span(page));
    photos::write_whole_file(std::filesystem::absolute(command.html), {bytes.begin(), bytes.end()});
  }
  write_output(command.json ? json_text(report_json(evaluation)) + "\n"
                            : evaluation_text(evaluation));
  return kSuccess;
}

}  // namespace saccade::cli
