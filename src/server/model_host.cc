#include "server/model_host.h"

#include <exception>
#include <utility>

#include "server/api_error.h"

namespace saccade::server {
namespace {

/// Thrown to end loading when the server stops.
struct LoadingStopped {};

// Loading takes seconds to minutes.
constexpr int kRetryWhileLoading = 2;

AnswerTemplate load_answers(const std::string& model, const Tokenizer& tokenizer) {
  try {
    return AnswerTemplate(ChatTemplate::load(model), tokenizer);
  } catch (const Error&) {
    // Some families have no template; nothing can be told from their answers.
    return {};
  }
}

}  // namespace

class ModelHost::Progress : public Listener {
 public:
  explicit Progress(ModelHost& host) : host_(host) {}
  void on_progress(Stage, std::int64_t done, std::int64_t total) override {
    if (host_.stopping_) throw LoadingStopped();
    if (total > 0) host_.progress_ = static_cast<double>(done) / static_cast<double>(total);
  }

 private:
  ModelHost& host_;
};

ModelHost::ModelHost(const ServeOptions& options, std::function<void(const std::string&)> loaded)
    : options_(options), loaded_(std::move(loaded)), thread_([this] { load(); }) {}

ModelHost::~ModelHost() {
  stopping_ = true;
  thread_.join();
}

void ModelHost::load() {
  std::string reason;
  try {
    Progress progress(*this);
    Engine engine = Engine::load(options_.model, options_.engine, &progress);
    DeviceInfo device = engine.device();
    Tokenizer tokenizer = Tokenizer::load(options_.model);
    AnswerTemplate answers = load_answers(options_.model, tokenizer);
    auto model = std::unique_ptr<LoadedModel>(
        new LoadedModel{Service(std::move(engine), options_.service), std::move(tokenizer),
                        std::move(device), std::move(answers)});
    const std::lock_guard lock(mutex_);
    model_ = std::move(model);
  } catch (const LoadingStopped&) {
    return;
  } catch (const std::bad_alloc&) {
    reason = "out of memory; use a smaller model, or one of fewer bits";
  } catch (const std::exception& error) {
    reason = error.what();
  }
  if (!reason.empty()) {
    const std::lock_guard lock(mutex_);
    failure_ = reason;
  }
  loaded_(reason);
}

HostState ModelHost::state() const {
  const std::lock_guard lock(mutex_);
  if (failure_) return {Phase::kFailed, progress_, *failure_};
  if (stopping_) return {Phase::kDraining, progress_, ""};
  return {model_ ? Phase::kReady : Phase::kLoading, model_ ? 1.0 : progress_.load(), ""};
}

LoadedModel* ModelHost::find() const {
  const std::lock_guard lock(mutex_);
  return model_.get();
}

LoadedModel& ModelHost::need() const {
  const HostState now = state();
  switch (now.phase) {
    case Phase::kLoading:
      throw unavailable(fmt::format("the model is being loaded ({:.0f} %)", 100.0 * now.progress),
                        kRetryWhileLoading);
    case Phase::kFailed:
      throw ApiError(503, "the model could not be loaded: " + now.reason);
    case Phase::kDraining:
      throw ApiError(503, "the server is stopping");
    case Phase::kReady:
      break;
  }
  return *find();
}

void ModelHost::drain(std::int64_t limit_ms) {
  stopping_ = true;
  if (LoadedModel* model = find()) model->service.drain(limit_ms);
}

}  // namespace saccade::server
