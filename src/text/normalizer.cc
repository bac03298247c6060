#include "text/normalizer.h"

#include <fmt/format.h>

#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "text/normalizer_filters.h"
#include "text/normalizer_precompiled.h"
#include "text/normalizer_unicode.h"
#include "text/pretokenizer_byte_level.h"
#include "text/pretokenizer_regex.h"
#include "text/tokenizer_config.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

constexpr int kMaxDepth = 16;

class UnicodeForm final : public Normalizer {
 public:
  explicit UnicodeForm(NormalizationForm form) : form_(form) {}
  void apply(std::string& text) const override { text = normalize(text, form_); }

 private:
  NormalizationForm form_;
};

/// A function of the whole text.
class Rewrite final : public Normalizer {
 public:
  using Function = std::string (*)(std::string_view text);
  explicit Rewrite(Function function) : function_(function) {}
  void apply(std::string& text) const override { text = function_(text); }

 private:
  Function function_;
};

class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(PrecompiledCharsmap charsmap) : charsmap_(std::move(charsmap)) {}
  void apply(std::string& text) const override { text = charsmap_.apply(text); }

 private:
  PrecompiledCharsmap charsmap_;
};

/// Takes white space off either end.
class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}

  void apply(std::string& text) const override {
    std::string_view rest = text;
    std::size_t begin = 0;
    std::size_t end = 0;  // behind the last character that is no white space
    bool leading = true;
    for (std::size_t at = 0; at < rest.size();) {
      const DecodedChar decoded = decode_utf8(rest.substr(at));
      const bool space = is_whitespace(decoded.value);
      leading = leading && space;
      at += decoded.size;
      if (leading) begin = at;
      if (!space) end = at;
    }
    if (!left_) begin = 0;
    if (!right_) end = text.size();
    text = end > begin ? text.substr(begin, end - begin) : std::string();
  }

 private:
  bool left_;
  bool right_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(std::string& text) const override {
    if (!text.empty()) text.insert(0, prefix_);
  }

 private:
  std::string prefix_;
};

class Replace final : public Normalizer {
 public:
  Replace(Regex regex, std::string content)
      : regex_(std::move(regex)), content_(std::move(content)) {}

  void apply(std::string& text) const override { text = replace_matches(regex_, text, content_); }

 private:
  Regex regex_;
  std::string content_;
};

class ByteLevelForm final : public Normalizer {
 public:
  void apply(std::string& text) const override {
    std::string mapped;
    append_byte_level(mapped, text);
    text = std::move(mapped);
  }
};

class Sequence final : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Normalizer>> steps) : steps_(std::move(steps)) {}
  void apply(std::string& text) const override {
    for (const auto& step : steps_) step->apply(text);
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

std::unique_ptr<Normalizer> build(const boost::json::value& value, const std::string& where,
                                  int depth);

std::unique_ptr<Normalizer> build_sequence(const JsonObject& object, int depth) {
  const boost::json::value& list = object.at("normalizers");
  if (!list.is_array()) fail("{}: \"normalizers\" must be a list", object.where());
  std::vector<std::unique_ptr<Normalizer>> steps;
  for (const boost::json::value& step : list.get_array()) {
    steps.push_back(
        build(step, fmt::format("{}: normalizers[{}]", object.where(), steps.size()), depth + 1));
  }
  return std::make_unique<Sequence>(std::move(steps));
}

std::unique_ptr<Normalizer> build(const boost::json::value& value, const std::string& where,
                                  int depth) {
  if (depth > kMaxDepth) fail("{}: sequences are nested more than {} deep", where, kMaxDepth);
  const JsonObject object(value, where);
  const std::string type = object.string("type");
  if (type == "NFC") return std::make_unique<UnicodeForm>(NormalizationForm::kNfc);
  if (type == "NFD") return std::make_unique<UnicodeForm>(NormalizationForm::kNfd);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(NormalizationForm::kNfkc);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(NormalizationForm::kNfkd);
  if (type == "Lowercase") return std::make_unique<Rewrite>(&to_lowercase);
  if (type == "StripAccents") return std::make_unique<Rewrite>(&strip_accents);
  if (type == "Nmt") return std::make_unique<Rewrite>(&normalize_nmt);
  if (type == "Precompiled") {
    const std::string charsmap = object.string_or("precompiled_charsmap", "");
    return std::make_unique<Precompiled>(
        PrecompiledCharsmap(decode_base64(charsmap, where), where));
  }
  if (type == "Strip") {
    return std::make_unique<Strip>(object.boolean("strip_left"), object.boolean("strip_right"));
  }
  if (type == "Prepend") return std::make_unique<Prepend>(object.string("prepend"));
  if (type == "Replace") {
    return std::make_unique<Replace>(regex_of_replace(object), object.string("content"));
  }
  if (type == "ByteLevel") return std::make_unique<ByteLevelForm>();
  if (type == "Sequence") return build_sequence(object, depth);
  fail("{}: normalizer \"{}\" is not supported", where, type);
}

}  // namespace

std::unique_ptr<Normalizer> Normalizer::from_json(const boost::json::value* value,
                                                  std::string_view where) {
  if (!value || value->is_null()) return nullptr;
  return build(*value, std::string(where), 0);
}

}  // namespace saccade::text
