#include "photos/tier_runner.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>

#include "base/error.h"
#include "base/json.h"
#include "media/picture.h"
#include "photos/answers.h"
#include "photos/clock.h"
#include "photos/clusters.h"
#include "photos/photo_file.h"
#include "photos/picture_source.h"
#include "photos/references.h"
#include "photos/vlm/sequence_memory.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;

/// The photo cannot be described, however often it is tried.
class UnfitPhoto : public Error {
 public:
  explicit UnfitPhoto(const std::string& message) : Error(message) {}
};

class Stopwatch {
 public:
  double elapsed_ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// The upright picture with a longer side of `size` at most, JPEG files decoded near that size.
media::Image sized_picture(const ImageBytes& file, int size) {
  const media::DecodeOptions options{.limits = {}, .shrink_on_load = true};
  const media::Picture picture(file.bytes, file.name, options);
  const int longest = std::max(picture.width(), picture.height());
  if (longest <= size) return picture.pixels();
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>(std::int64_t{side} * size / longest));
  };
  return picture.resized(scaled(picture.width()), scaled(picture.height()),
                         media::Resample::kBilinear);
}

bool has_embedding(const Database& database, std::int64_t photo) {
  return database.read([&](Connection& connection) {
    return query_integer(connection, "SELECT embedding IS NOT NULL FROM photos WHERE id = ?1",
                         photo) != 0;
  });
}

/// Whether what comes after this tier is done once for photos that look alike.
bool is_before_sharing(const Settings& settings, const Tier& tier) {
  const std::size_t next = settings.index_of(tier.name) + 1;
  return next < settings.tiers.size() && settings.tiers[next].shared;
}

}  // namespace

Vlm& TierModels::model_of(const Tier& tier) {
  const std::scoped_lock lock(mutex_);
  auto& model = models_[tier.name];
  if (!model) {
    VlmSettings vlm = tier.vlm;
    if (vlm.url.empty()) vlm.engine.kv_memory_bytes = sequence_memory(settings_, tier);
    model = make_vlm(vlm, local_models_);
  }
  return *model;
}

ClassicalVision& TierModels::vision() {
  const std::scoped_lock lock(mutex_);
  if (!vision_) vision_ = make_classical_vision();
  return *vision_;
}

ImageBytes TierRunner::picture_of(std::int64_t photo) {
  try {
    const auto path = file_of_photo(library_.database(), photo);
    return {.bytes = encoded_picture(read_photo_file(path), path.string()), .name = path.string()};
  } catch (const LibraryError&) {
    throw;
  } catch (const Error& error) {
    throw UnfitPhoto(error.what());
  }
}

void TierRunner::run(const Job& job, const std::atomic<bool>& cancelled) {
  const Settings& settings = library_.settings();
  const Tier& tier = settings.tiers[settings.index_of(job.tier)];
  try {
    switch (tier.kind) {
      case Tier::Kind::kImport:
        Importer(library_).run_job(job);
        break;
      case Tier::Kind::kVision:
        look(tier, job);
        break;
      case Tier::Kind::kVlm:
        ask(tier, job, cancelled);
        break;
    }
  } catch (const UnfitPhoto& error) {
    library_.database().write([&](Connection& connection) {
      fail_job(connection, settings, job, error.what(), true, now_ms());
    });
  }
}

void TierRunner::look(const Tier& tier, const Job& job) {
  const Stopwatch watch;
  ClassicalVision& vision = models_.vision();
  const ImageBytes file = picture_of(job.photo);
  VisionFindings findings;
  try {
    findings = vision.look(sized_picture(file, vision.wanted_size()));
  } catch (const Error& error) {
    throw UnfitPhoto(error.what());
  }
  const Settings& settings = library_.settings();
  library_.database().write([&](Connection& connection) {
    store_findings(connection, job.photo, tier.name, vision.name(), findings, now_ms());
    if (is_before_sharing(settings, tier)) join_cluster(connection, settings, job.photo);
    finish_job(connection, settings, job, watch.elapsed_ms(), now_ms());
  });
}

void TierRunner::ask(const Tier& tier, const Job& job, const std::atomic<bool>& cancelled) {
  const Stopwatch watch;
  const Settings& settings = library_.settings();
  Vlm& own = models_.model_of(tier);
  Vlm& vlm = job.escalate ? models_.model_of(*settings.find(tier.escalate)) : own;
  VlmQuestion question{.prompt = tier.prompt,
                       .schema = tier.schema,
                       .picture = picture_of(job.photo),
                       .max_pixels = tier.max_pixels,
                       .max_tokens = tier.max_tokens,
                       .priority = job.priority + (tier.background ? 0 : 10)};
  std::optional<std::vector<float>> embedding;
  json::value document;
  std::string complaint;
  bool cut_off = false;
  try {
    // First, so that the tower's work is in the cache when the question comes.
    if (!has_embedding(library_.database(), job.photo)) {
      embedding = own.embed(question.picture, tier.max_pixels);
    }
    const VlmAnswer answer = vlm.ask(question, cancelled);
    cut_off = !answer.complete;
    if (cut_off) {
      fail("the answer was longer than {} tokens; raise max_tokens of tier {} in photos.toml",
           tier.max_tokens, tier.name);
    }
    document = parse_json(answer.text, vlm.name());
    complaint = broken_reference(tier, document);
  } catch (const VlmUnavailable&) {
    throw;
  } catch (const Error& error) {
    complaint = error.what();
  }
  library_.database().write([&](Connection& connection) {
    const std::int64_t now = now_ms();
    if (embedding) store_embedding(connection, job.photo, own.name(), *embedding);
    if (!complaint.empty() && !job.escalate && !tier.escalate.empty()) {
      escalate_job(connection, job, complaint, now);
      return;
    }
    if (document.is_null()) {
      // It would be as long again.
      fail_job(connection, settings, job, complaint, cut_off, now);
      return;
    }
    // Nobody larger to ask: what refers to nothing is left out.
    drop_broken_references(tier, document);
    store_answer(connection,
                 {.photo = job.photo,
                  .tier = tier.name,
                  .model = vlm.name(),
                  .prompt = tier.prompt_version(),
                  .document = json::serialize(document)},
                 now);
    if (is_before_sharing(settings, tier)) join_cluster(connection, settings, job.photo);
    finish_job(connection, settings, job, watch.elapsed_ms(), now);
  });
}

}  // namespace saccade::photos
