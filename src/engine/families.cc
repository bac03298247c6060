#include "saccade/families.h"

#include "models/family.h"

namespace saccade {
namespace {

struct Golden {
  const char* family;
  const char* checkpoint;
};

constexpr Golden kGoldens[] = {
#include "golden_checkpoints.inc"
    {"", ""},  // there may be none
};

}  // namespace

std::vector<FamilyInfo> model_families() {
  std::vector<FamilyInfo> list;
  for (const models::Family& family : models::families()) {
    FamilyInfo info{family.model_type, family.modalities, {}};
    for (const Golden& golden : kGoldens) {
      if (golden.family == family.model_type) info.goldens.emplace_back(golden.checkpoint);
    }
    list.push_back(std::move(info));
  }
  return list;
}

}  // namespace saccade
