#include "cli/answerer.h"

#include "cli/output.h"
#include "cli/remote.h"

namespace saccade::cli {

Answerer::Answerer(const PromptOptions& options, TerminalListener& listener)
    : model_(options.model) {
  if (!options.server.empty()) {
    server_.emplace(options.server, options.api_key);
    return;
  }
  show_start_line(options.model, options.engine);
  engine_.emplace(Engine::load(options.model, options.engine, &listener));
  for (const std::string& note : engine_->info().notes) write_error_line("note: " + note);
}

Result Answerer::generate(const Request& request, TerminalListener& listener) {
  return engine_ ? engine_->generate(request, &listener)
                 : generate_remotely(*server_, model_, request, listener);
}

}  // namespace saccade::cli
