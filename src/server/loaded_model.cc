#include "server/loaded_model.h"

#include <utility>

namespace saccade::server {
namespace {

class Progress : public Listener {
 public:
  explicit Progress(const std::function<void(double)>& on_progress) : on_progress_(on_progress) {}
  void on_progress(Stage, std::int64_t done, std::int64_t total) override {
    if (total > 0) on_progress_(static_cast<double>(done) / static_cast<double>(total));
  }

 private:
  const std::function<void(double)>& on_progress_;
};

AnswerTemplate load_answers(const std::string& model, const Tokenizer& tokenizer) {
  try {
    return AnswerTemplate(ChatTemplate::load(model), tokenizer);
  } catch (const Error&) {
    // Some families have no template; nothing can be told from their answers.
    return {};
  }
}

}  // namespace

LoadedModel::LoadedModel(Engine engine, const ServiceOptions& options, const ModelSetup& setup,
                         Metrics& all_metrics)
    : about(setup),
      metrics(all_metrics.of(setup.name)),
      device(engine.device()),
      tokenizer(Tokenizer::load(setup.model)),
      answers(load_answers(setup.model, tokenizer)),
      service(std::move(engine), options) {}

std::unique_ptr<LoadedModel> load_model(const ModelSetup& about, const ServiceOptions& options,
                                        Metrics& metrics,
                                        const std::function<void(double)>& on_progress) {
  Progress progress(on_progress);
  return std::make_unique<LoadedModel>(Engine::load(about.model, about.engine, &progress), options,
                                       about, metrics);
}

}  // namespace saccade::server
