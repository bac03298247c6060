// photos.toml: what is done for each photo, by which model, with which words.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "photos/vlm/vlm.h"

namespace saccade::photos {

/// What a tier's answers must hold beyond their schema: every text at path `from` is one of those
/// at path `to` ("relationships.subject", "entities.name").
struct Reference {
  std::string from;
  std::string to;
};

/// A step of the way of every photo; the next one waits until it is over.
struct Tier {
  enum class Kind { kImport, kVision, kVlm };
  std::string name;   ///< "small": how the database calls it
  std::string title;  ///< "Small model": how people read it
  Kind kind = Kind::kImport;
  int concurrency = 1;      ///< photos at a time
  bool background = false;  ///< only while the tiers before it have nothing to do
  int attempts = 4;         ///< before a photo is set aside

  // Of kVlm:
  VlmSettings vlm;
  std::string prompt;
  std::string schema;  ///< JSON Schema, an object
  std::vector<Reference> references;
  std::string
      escalate;  ///< the tier whose model is asked when references do not hold; may be empty
  std::optional<std::int64_t> max_pixels;
  std::int64_t max_tokens = 512;
  bool shared = false;  ///< one photo of a cluster answers for all

  /// Names all that shapes an answer: model, prompt, schema and budgets. 12 hexadecimal digits.
  std::string prompt_version() const;
};

/// When photos count as the same scene.
struct ClusterSettings {
  double burst_seconds = 20.0;        ///< between photos of a burst
  double burst_likeness = 0.90;       ///< cosine of their embeddings, at least
  double duplicate_likeness = 0.97;   ///< the same, however much time lies between
  int duplicate_distance = 6;         ///< bits between perceptual hashes, at most
  double duplicate_seconds = 3600.0;  ///< between near duplicates that both have a time, at most
};

struct Settings {
  std::vector<Tier> tiers;  ///< the first one is the import
  ClusterSettings clusters;

  const Tier* find(const std::string& name) const;
  /// Position in `tiers`; throws Error when there is none.
  std::size_t index_of(const std::string& name) const;
};

/// Throws Error with file, line and what is wrong; keys that mean nothing are an error.
Settings read_settings(const std::filesystem::path& path);
/// The same from a text; `where` names it.
Settings parse_settings(const std::string& text, const std::string& where);

/// What a new library's photos.toml says.
const char* default_settings();

}  // namespace saccade::photos
