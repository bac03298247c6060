#include "saccade/tokenizer.h"

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_tokenizer.h"
#include "text/tokenizer.h"

namespace saccade {
namespace {

text::Tokenizer open_tokenizer(const std::string& model) {
  const std::filesystem::path path = checkpoint::resolve_model(model);
  if (path.extension() != ".gguf") return text::Tokenizer::from_file(path / "tokenizer.json");
  const checkpoint::GgufFile file(path);
  return text::Tokenizer::from_json(checkpoint::tokenizer_json(file), path.string());
}

}  // namespace

class Tokenizer::Impl {
 public:
  explicit Impl(const std::string& model) : tokenizer(open_tokenizer(model)) {}
  text::Tokenizer tokenizer;
};

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const std::string& model) {
  return Tokenizer(std::make_unique<const Impl>(model));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_special) const {
  return impl_->tokenizer.encode(text, {.parse_special = true, .add_special = add_special});
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0 && ids[i] < vocab_size()) continue;
    fail("token {} of {}: the id {} is not in the vocabulary, which has 0 to {}", i + 1, ids.size(),
         ids[i], vocab_size() - 1);
  }
  return impl_->tokenizer.decode(ids, false);
}

std::string Tokenizer::token_bytes(std::int32_t id) const {
  return std::string(impl_->tokenizer.token_bytes(id));
}

bool Tokenizer::is_special(std::int32_t id) const {
  return impl_->tokenizer.is_special(id);
}

std::int32_t Tokenizer::vocab_size() const {
  return impl_->tokenizer.vocab_size();
}

}  // namespace saccade
