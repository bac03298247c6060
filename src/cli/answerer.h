// Who answers: a model that is loaded here, or a server.
#pragma once

#include <optional>

#include "cli/listener.h"
#include "cli/options.h"
#include "cli/serve_client.h"
#include "saccade/engine.h"

namespace saccade::cli {

class Answerer {
 public:
  /// Loads the model, unless the options name a server that has it. Throws Error.
  Answerer(const PromptOptions& options, TerminalListener& listener);

  Result generate(const Request& request, TerminalListener& listener);

 private:
  std::string model_;
  std::optional<Engine> engine_;
  std::optional<ServeClient> server_;
};

}  // namespace saccade::cli
