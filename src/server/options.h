// How a server is run: what `saccade serve` is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "saccade/engine.h"
#include "saccade/service.h"
#include "server/http_server.h"

namespace saccade::server {

struct Limits {
  /// Longest answer that a request may ask for, and what it gets that does not say; none: the rest
  /// of the context.
  std::optional<std::int64_t> max_tokens;
  int max_images = 64;                      ///< in one request
  int max_choices = 16;                     ///< `n` times prompts of one request
  std::int64_t remote_picture_ms = 15'000;  ///< that another machine may take to send a picture
};

struct ServedModel {
  std::string model;  ///< what Engine::load takes
  std::string name;   ///< how requests call it; empty: model, of a path its last part
};

struct ServeOptions {
  std::vector<ServedModel> models;  ///< the first one answers requests that name none
  /// For all models that are loaded at a time; none: all of them are, as long as the server runs.
  std::optional<std::int64_t> memory_budget;
  std::int64_t load_wait_seconds = 120;  ///< how long a request may wait for its model
  EngineOptions engine;
  ServiceOptions service;
  HttpOptions http;
  Limits limits;
  std::vector<std::string> api_keys;      ///< none: no key is asked for
  std::vector<std::string> admin_keys;    ///< none: admin routes are for this machine alone
  std::vector<std::string> cors_origins;  ///< that browsers may ask from; "*": all
  std::string media_root;                 ///< files below it may be named; empty: none
  std::vector<std::string> remote_hosts;  ///< that pictures are fetched from, as RemoteHosts reads
                                          ///< them; none: nothing is
  std::string trace;                      ///< file that gets a trace of all requests; empty: none
  bool lenient = false;                   ///< unknown fields are ignored
  bool log = true;                        ///< a line for each event on standard error
  bool sealed = false;                    ///< the kernel refuses outgoing connections
  std::int64_t drain_seconds = 30;        ///< that running requests have when the server stops
  /// Server::run() ends with SIGTERM and SIGINT; false: they are the caller's, who calls stop().
  bool ends_on_signals = true;
};

/// Throws Error (usage) for options that do not go together.
void check_options(const ServeOptions& options);

/// "MODEL" or "MODEL=NAME". What stands behind the last "=" is a name, unless it holds a "/" or the
/// whole text is a file or directory. Throws Error (usage).
ServedModel parse_served_model(const std::string& text);

/// How requests call a model.
std::string served_name(const ServedModel& model);
/// The names of all models, with commas between.
std::string served_names(const ServeOptions& options);

}  // namespace saccade::server
