#include "text/tokenizer_model.h"

#include "base/error.h"
#include "text/bpe.h"
#include "text/sentencepiece_bpe.h"
#include "text/unicode.h"
#include "text/unigram.h"

namespace saccade::text {

std::unique_ptr<TokenModel> TokenModel::from_json(const JsonObject& model) {
  // Files of early releases leave the type out; only BPE has merges.
  const std::string type = model.has("type") || !model.has("merges") ? model.string("type") : "BPE";
  if (type == "BPE") return std::make_unique<Bpe>(model);
  if (type == "Unigram") return std::make_unique<Unigram>(model);
  if (type == "SentencePieceBpe") return std::make_unique<SentencePieceBpe>(model);
  fail("{}: model {} is not supported; BPE, Unigram and SentencePieceBpe are", model.where(),
       in_quotes(type));
}

}  // namespace saccade::text
