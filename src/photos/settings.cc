#include "photos/settings.h"

#include <toml++/toml.h>

#include <algorithm>
#include <initializer_list>
#include <set>
#include <sstream>

#include "base/checksum.h"
#include "base/error.h"
#include "base/json.h"

namespace saccade::photos {
namespace {

constexpr std::int64_t kMaxConcurrency = 64;
constexpr std::int64_t kVisionCacheBytes = std::int64_t{32} << 20;

/// A table that knows where it stands, for errors.
class Table {
 public:
  Table(const toml::table& table, std::string where) : table_(table), where_(std::move(where)) {}

  /// Throws unless every key is one of `known`.
  void allow(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, value] : table_) {
      if (std::find(known.begin(), known.end(), key.str()) == known.end()) {
        fail("{}: line {}: there is no setting \"{}\" here; known are {}", where_,
             value.source().begin.line, key.str(), fmt::join(known, ", "));
      }
    }
  }
  template <typename Value>
  std::optional<Value> get(std::string_view key, std::string_view wanted) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return std::nullopt;
    const auto value = node->value<Value>();
    if (!value) wrong(*node, key, wanted);
    return value;
  }
  std::string text(std::string_view key, const std::string& otherwise = {}) const {
    return get<std::string>(key, "a text").value_or(otherwise);
  }
  std::string required_text(std::string_view key) const {
    const std::string value = text(key);
    if (value.empty()) {
      fail("{}: line {}: {} is missing", where_, table_.source().begin.line, key);
    }
    return value;
  }
  bool flag(std::string_view key) const { return get<bool>(key, "true or false").value_or(false); }
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t low,
                                      std::int64_t high) const {
    const std::string wanted = fmt::format("an integer from {} to {}", low, high);
    const auto value = get<std::int64_t>(key, wanted);
    if (value && (*value < low || *value > high)) wrong(*table_.get(key), key, wanted);
    return value;
  }
  double number(std::string_view key, double low, double high, double otherwise) const {
    const std::string wanted = fmt::format("a number from {} to {}", low, high);
    const auto value = get<double>(key, wanted);
    if (value && !(*value >= low && *value <= high)) wrong(*table_.get(key), key, wanted);
    return value.value_or(otherwise);
  }
  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> values;
    const toml::node* node = table_.get(key);
    if (node == nullptr) return values;
    const toml::array* array = node->as_array();
    if (array == nullptr) wrong(*node, key, "a list of texts");
    for (const toml::node& element : *array) {
      const auto value = element.value<std::string>();
      if (!value) wrong(element, key, "a list of texts");
      values.push_back(*value);
    }
    return values;
  }
  [[noreturn]] void wrong(const toml::node& node, std::string_view key,
                          std::string_view wanted) const {
    fail("{}: line {}: {} must be {}", where_, node.source().begin.line, key, wanted);
  }
  std::int64_t line() const { return table_.source().begin.line; }
  const std::string& where() const { return where_; }

 private:
  const toml::table& table_;
  std::string where_;
};

Tier::Kind read_kind(const Table& table) {
  const std::string kind = table.required_text("kind");
  if (kind == "import") return Tier::Kind::kImport;
  if (kind == "vision") return Tier::Kind::kVision;
  if (kind == "vlm") return Tier::Kind::kVlm;
  fail("{}: line {}: kind is \"{}\"; it must be import, vision or vlm", table.where(), table.line(),
       kind);
}

/// "relationships.subject -> people.name, objects.name": one for each path behind the arrow would
/// say that all of them hold it; they are alternatives, so they stay together in `to`.
Reference read_reference(const Table& table, const std::string& text) {
  const auto arrow = text.find(" -> ");
  if (arrow == std::string::npos) {
    fail(
        "{}: line {}: the reference \"{}\" must read \"path -> path\", such as "
        "\"relationships.subject -> entities.name\"",
        table.where(), table.line(), text);
  }
  return {.from = text.substr(0, arrow), .to = text.substr(arrow + 4)};
}

void read_vlm(const Table& table, Tier& tier) {
  tier.vlm.url = table.text("url");
  // A server may have one model and no name for it.
  tier.vlm.model = tier.vlm.url.empty() ? table.required_text("model") : table.text("model");
  tier.vlm.key_variable = table.text("key_variable");
  tier.vlm.timeout_ms = table.integer("timeout_seconds", 1, 86'400).value_or(120) * 1000;
  // A photo is asked about by each tier once, its embedding and its description one after the
  // other.
  tier.vlm.engine.vision_cache_bytes = kVisionCacheBytes;
  // Of twelve megapixels a model sees a hundredth: decoding the rest takes most of the time.
  tier.vlm.engine.fast_decode = true;
  tier.vlm.engine.device = table.text("device", tier.vlm.engine.device);
  tier.prompt = table.required_text("prompt");
  tier.schema = table.required_text("schema");
  const auto schema =
      parse_json(tier.schema, fmt::format("{}: tier {}: schema", table.where(), tier.name));
  if (!schema.is_object()) {
    fail("{}: tier {}: the schema must be a JSON object", table.where(), tier.name);
  }
  for (const std::string& text : table.texts("references")) {
    tier.references.push_back(read_reference(table, text));
  }
  tier.escalate = table.text("escalate");
  tier.max_pixels = table.integer("max_pixels", 784, std::int64_t{1} << 28);
  tier.max_tokens = table.integer("max_tokens", 1, 65'536).value_or(512);
  tier.shared = table.flag("shared");
}

Tier read_tier(const Table& table) {
  Tier tier;
  tier.name = table.required_text("name");
  tier.title = table.text("title", tier.name);
  tier.kind = read_kind(table);
  if (tier.kind == Tier::Kind::kVlm) {
    table.allow({"name", "title", "kind", "concurrency", "background", "attempts", "model", "url",
                 "key_variable", "timeout_seconds", "device", "prompt", "schema", "references",
                 "escalate", "max_pixels", "max_tokens", "shared"});
    read_vlm(table, tier);
  } else {
    table.allow({"name", "title", "kind", "concurrency", "background", "attempts"});
  }
  tier.concurrency = static_cast<int>(table.integer("concurrency", 1, kMaxConcurrency).value_or(1));
  tier.background = table.flag("background");
  tier.attempts = static_cast<int>(table.integer("attempts", 1, 100).value_or(4));
  return tier;
}

void check_tiers(const Settings& settings, const std::string& where) {
  if (settings.tiers.empty() || settings.tiers[0].kind != Tier::Kind::kImport) {
    fail("{}: the first [[tier]] must be of kind import", where);
  }
  std::set<std::string> names;
  for (const Tier& tier : settings.tiers) {
    if (!names.insert(tier.name).second) fail("{}: two tiers are called {}", where, tier.name);
    if (&tier != &settings.tiers[0] && tier.kind == Tier::Kind::kImport) {
      fail("{}: tier {}: only the first tier can be of kind import", where, tier.name);
    }
  }
  for (const Tier& tier : settings.tiers) {
    if (tier.escalate.empty()) continue;
    const Tier* larger = settings.find(tier.escalate);
    if (larger == nullptr || larger->kind != Tier::Kind::kVlm) {
      fail("{}: tier {}: escalate names {}, which is no tier of kind vlm", where, tier.name,
           tier.escalate);
    }
  }
}

ClusterSettings read_clusters(const Table& table) {
  table.allow({"burst_seconds", "burst_likeness", "duplicate_likeness", "duplicate_distance",
               "duplicate_seconds"});
  ClusterSettings clusters;
  clusters.burst_seconds = table.number("burst_seconds", 0.0, 86'400.0, clusters.burst_seconds);
  clusters.burst_likeness = table.number("burst_likeness", 0.0, 1.0, clusters.burst_likeness);
  clusters.duplicate_likeness =
      table.number("duplicate_likeness", 0.0, 1.0, clusters.duplicate_likeness);
  clusters.duplicate_distance = static_cast<int>(
      table.integer("duplicate_distance", 0, 64).value_or(clusters.duplicate_distance));
  constexpr double kCentury = 3.2e9;
  clusters.duplicate_seconds =
      table.number("duplicate_seconds", 0.0, kCentury, clusters.duplicate_seconds);
  return clusters;
}

}  // namespace

std::string Tier::prompt_version() const {
  Checksum checksum;
  checksum.add(fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}", vlm.model, vlm.url, prompt.size(), prompt,
                           schema, max_pixels.value_or(0), max_tokens));
  return checksum.hex().substr(0, 12);
}

const Tier* Settings::find(const std::string& name) const {
  const auto found = std::ranges::find(tiers, name, &Tier::name);
  return found == tiers.end() ? nullptr : &*found;
}

std::size_t Settings::index_of(const std::string& name) const {
  const Tier* tier = find(name);
  if (tier == nullptr) fail("photos.toml has no tier {}", name);
  return static_cast<std::size_t>(tier - tiers.data());
}

Settings parse_settings(const std::string& text, const std::string& where) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail("{}: line {}: {}", where, error.source().begin.line, error.description());
  }
  const Table table(root, where);
  table.allow({"clusters", "tier"});
  Settings settings;
  if (const toml::node* node = root.get("clusters")) {
    if (!node->is_table()) table.wrong(*node, "clusters", "a table");
    settings.clusters = read_clusters(Table(*node->as_table(), where));
  }
  if (const toml::node* node = root.get("tier")) {
    if (!node->is_array_of_tables()) table.wrong(*node, "tier", "a list of tables: [[tier]]");
    for (const toml::node& element : *node->as_array()) {
      settings.tiers.push_back(read_tier(Table(*element.as_table(), where)));
    }
  }
  check_tiers(settings, where);
  return settings;
}

Settings read_settings(const std::filesystem::path& path) {
  return parse_settings(read_text_file(path), path.string());
}

}  // namespace saccade::photos
