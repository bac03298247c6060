#include "photos/vlm/vlm.h"

#include "photos/vlm/local_models.h"
#include "photos/vlm/local_vlm.h"
#include "photos/vlm/remote_vlm.h"

namespace saccade::photos {

std::shared_ptr<Vlm> make_vlm(const VlmSettings& settings, LocalModels& models) {
  if (!settings.url.empty()) return std::make_shared<RemoteVlm>(settings);
  return std::make_shared<LocalVlm>(settings.model, models.get(settings.model, settings.engine));
}

}  // namespace saccade::photos
