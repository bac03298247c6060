#include "server/openai_embeddings.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "server/base64.h"
#include "server/message_pictures.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

class EmbeddingsFormat : public AnswerFormat {
 public:
  EmbeddingsFormat(const ApiContext& context, bool base64)
      : model_(context.model_name), base64_(base64) {}

  Dialect dialect() const override { return Dialect::kOpenAi; }

  std::string whole(std::span<const Result> results) override {
    json::array data;
    std::int64_t tokens = 0;
    for (const Result& result : results) {
      data.push_back(json::object{{"object", "embedding"},
                                  {"index", data.size()},
                                  {"embedding", shown_embedding(result.embedding)}});
      tokens += result.usage.prompt_tokens;
    }
    return json::serialize(
        json::object{{"object", "list"},
                     {"data", std::move(data)},
                     {"model", model_},
                     {"usage", json::object{{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
  }

  // Embeddings are not streamed.
  std::string stream_prompt(int, const Usage&) override { return {}; }
  std::string stream_piece(int, const std::string&, std::span<const GeneratedLogprob>) override {
    return {};
  }
  std::string stream_choice_end(int, const Result&) override { return {}; }
  std::string stream_end(std::span<const Result>) override { return {}; }
  std::string stream_error(const ApiError&) override { return {}; }

 private:
  json::value shown_embedding(std::span<const float> values) const {
    static_assert(std::endian::native == std::endian::little, "clients read little-endian floats");
    if (base64_) return json::string(encode_base64(std::as_bytes(values)));
    return json::array(values.begin(), values.end());
  }

  const std::string model_;
  const bool base64_;
};

/// Reads "input": a text, the tokens of one, a picture, or a list of any of these.
class InputReader {
 public:
  InputReader(const ApiContext& context, const Request& like)
      : context_(context), pictures_(context), like_(like) {}

  std::vector<Request> read(Fields& fields) {
    const json::value& input = fields.need("input");
    const json::array* list = input.if_array();
    const bool several = list && !is_tokens(*list);
    if (several && list->empty()) refuse_field("input", "input: wanted at least one");
    // As many as may wait for their turn when nobody else does.
    const auto most = static_cast<std::size_t>(context_.options.service.max_waiting);
    if (several && list->size() > most) {
      refuse_field("input", "input: this server takes at most {} to a request, found {}", most,
                   list->size());
    }
    if (!several) add(input, "input");
    for (std::size_t i = 0; several && i < list->size(); ++i) {
      add((*list)[i], fmt::format("input[{}]", i));
    }
    for (Request& request : requests_) {
      if (request.embedding == Embedding::kPicture) pictures_.apply_budget(request);
    }
    return std::move(requests_);
  }

 private:
  static bool is_tokens(const json::array& list) {
    return !list.empty() && std::ranges::all_of(list, &json::value::is_number);
  }

  void add(const json::value& input, const std::string& where) {
    if (input.is_string()) return add_text(std::string(input.get_string()), where);
    if (input.is_array() && is_tokens(input.get_array())) {
      return add_tokens(input.get_array(), where);
    }
    if (!input.is_object()) {
      refuse_field(where, "{}: wanted a text, its token ids, or an object with a type, found {}",
                   where, shown(input));
    }
    Fields part(input, where, context_.options.lenient);
    const std::string type = part.need_text("type");
    if (type == "text") {
      add_text(part.need_text("text"), part.path("text"));
    } else if (type == "image_url") {
      add_picture(part);
    } else {
      refuse_field(part.path("type"), "{}: wanted text or image_url, found \"{}\"",
                   part.path("type"), type);
    }
    part.done();
  }

  void add_text(std::string text, const std::string& where) {
    if (text.empty()) refuse_field(where, "{}: wanted a text that is not empty", where);
    requests_.push_back(like_);
    requests_.back().prompt = std::move(text);
  }

  void add_tokens(const json::array& ids, const std::string& where) {
    requests_.push_back(like_);
    for (const json::value& token : ids) {
      const std::int64_t id = token.is_int64() ? token.get_int64() : -1;
      if (id < 0 || id >= context_.tokenizer.vocab_size()) {
        refuse_field(where, "{}: wanted token ids from 0 to {}, found {}", where,
                     context_.tokenizer.vocab_size() - 1, shown(token));
      }
      requests_.back().prompt_ids.push_back(static_cast<std::int32_t>(id));
    }
  }

  void add_picture(Fields& part) {
    requests_.push_back(like_);
    Request& request = requests_.back();
    if (request.embedding == Embedding::kLastToken) {
      refuse_field("pooling", "pooling: of pictures there is \"mean\" alone, and {} is one",
                   part.path("image_url"));
    }
    request.embedding = Embedding::kPicture;
    request.messages.push_back({"user", {pictures_.read_image_url(part)}});
  }

  const ApiContext& context_;
  MessagePictures pictures_;
  const Request& like_;
  std::vector<Request> requests_;
};

/// "pooling", a field of Saccade's own.
Embedding read_pooling(Fields& fields) {
  const std::string pooling = fields.text("pooling").value_or("mean");
  if (pooling == "last") return Embedding::kLastToken;
  if (pooling != "mean") {
    refuse_field("pooling", "pooling: wanted mean or last, found \"{}\"", pooling);
  }
  return Embedding::kMean;
}

bool read_encoding(Fields& fields) {
  const std::string format = fields.text("encoding_format").value_or("float");
  if (format != "float" && format != "base64") {
    refuse_field("encoding_format", "encoding_format: wanted float or base64, found \"{}\"",
                 format);
  }
  return format == "base64";
}

}  // namespace

Generation read_embeddings(const json::value& body, const ApiContext& context) {
  Fields fields(body, "", context.options.lenient);
  read_model(fields, context);
  Request request;
  request.embedding = read_pooling(fields);
  read_pixel_budget(fields, request);
  request.priority = static_cast<int>(fields.integer("priority", -1000, 1000).value_or(0));
  const bool base64 = read_encoding(fields);
  fields.only("dimensions", context.embedding_size,
              fmt::format("this model's embeddings have {} numbers", context.embedding_size));
  fields.ignore("user");
  Generation generation;
  generation.requests = InputReader(context, request).read(fields);
  fields.done();
  generation.format = std::make_unique<EmbeddingsFormat>(context, base64);
  return generation;
}

}  // namespace saccade::server
