#include "server/soak_questions.h"

#include "saccade/bench.h"
#include "saccade/engine.h"
#include "server/chat_requests.h"

namespace saccade::server {
namespace {

namespace json = boost::json;

constexpr const char* kChat = "/v1/chat/completions";
constexpr const char* kCompletions = "/v1/completions";
constexpr const char* kMessages = "/v1/messages";

std::string_view bytes_of(const ImageBytes& image) {
  return {reinterpret_cast<const char*>(image.bytes.data()), image.bytes.size()};
}

json::object anthropic_picture(const ImageBytes& image) {
  return {{"type", "image"},
          {"source", json::object{{"type", "base64"},
                                  {"media_type", "image/jpeg"},
                                  {"data", base64(bytes_of(image))}}}};
}

/// The same messages for a route as for the engine.
json::array messages_json(const std::string& path, const std::vector<Message>& messages) {
  json::array array;
  for (const Message& message : messages) {
    json::array content;
    for (const auto& part : message.content) {
      if (const auto* text = std::get_if<std::string>(&part)) {
        content.push_back(text_part(*text));
      } else {
        const ImageBytes& image = std::get<ImageBytes>(part);
        content.push_back(path == kMessages ? anthropic_picture(image)
                                            : picture_part(bytes_of(image)));
      }
    }
    array.push_back({{"role", message.role}, {"content", content}});
  }
  return array;
}

/// Collects questions, each written twice: as JSON and for the engine.
class Questions {
 public:
  void add(const std::string& path, const Request& request, json::object fields = {}) {
    json::object body = std::move(fields);
    if (request.prompt) {
      body["prompt"] = *request.prompt;
    } else {
      body["messages"] = messages_json(path, request.messages);
    }
    body["model"] = "glance";
    body["max_tokens"] = request.max_tokens;
    body["temperature"] = request.sampling.temperature.value();
    questions_.push_back({path, std::move(body), engine_.generate(request).text});
  }
  std::vector<SoakQuestion> take() { return std::move(questions_); }

 private:
  Engine engine_ = Engine::load(
      "glance", {.device = "cpu", .threads = 1, .prefix_cache = false, .vision_cache_bytes = 0});
  std::vector<SoakQuestion> questions_;
};

Request request_of(std::vector<Message> messages, std::int64_t max_tokens) {
  Request request;
  request.messages = std::move(messages);
  request.max_tokens = max_tokens;
  request.sampling.temperature = 0.0;
  return request;
}

void add_pictures(Questions& questions) {
  const std::string text = "Describe this image in detail.";
  std::uint32_t seed = 0;
  for (const PictureSize& size : {PictureSize{40, 30},
                                  {64, 64},
                                  {160, 120},
                                  {160, 120},
                                  {120, 160},
                                  {333, 77},
                                  {320, 240},
                                  {640, 480},
                                  {900, 600}}) {
    const Message message{"user", {bench_photo(size, ++seed), text}};
    questions.add(seed % 3 == 0 ? kMessages : kChat, request_of({message}, 24));
  }
  const Message both{"user",
                     {bench_photo({160, 120}, 1), std::string("Compare it with"),
                      bench_photo({100, 200}, 2), std::string("in a few words.")}};
  questions.add(kChat, request_of({both}, 16));
  // The same ones in the other order are another question.
  Message swapped = both;
  std::swap(swapped.content[0], swapped.content[2]);
  questions.add(kMessages, request_of({swapped}, 16));
}

void add_turns(Questions& questions) {
  std::vector<Message> messages = {
      {"user", {bench_photo({160, 120}, 3), std::string("What is in this picture?")}}};
  for (const char* next : {"And what else?", "Which colors are there?"}) {
    questions.add(kChat, request_of(messages, 12));
    messages.push_back({"assistant", {std::string("Something that is hard to say.")}});
    messages.push_back({"user", {std::string(next)}});
  }
  questions.add(kMessages, request_of(messages, 12));
}

void add_texts(Questions& questions) {
  const std::vector<Message> messages = {{"user", {std::string("Describe a beach in detail.")}}};
  questions.add(kChat, request_of(messages, 20));
  Request sampled = request_of(messages, 20);
  sampled.sampling = {.temperature = 1.2, .seed = 17};
  questions.add(kChat, sampled, {{"seed", 17}});
  Request stopped = request_of(messages, 20);
  stopped.stop = {"e"};
  questions.add(kChat, stopped, {{"stop", "e"}});
  Request chosen = request_of(messages, 20);
  chosen.constraint = {Constraint::Kind::kChoice, {"a beach", "a forest"}, ""};
  questions.add(
      kChat, chosen,
      {{"response_format", json::object{{"type", "choice"}, {"choice", {"a beach", "a forest"}}}}});
  Request held = request_of({{"user", {bench_photo({160, 120}, 4), std::string("As JSON.")}}}, 40);
  const std::string schema =
      R"({"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]})";
  held.constraint = {Constraint::Kind::kJsonSchema, {schema}, ""};
  json::object format = {
      {"type", "json_schema"},
      {"json_schema", json::object{{"name", "number"}, {"schema", json::parse(schema)}}}};
  questions.add(kChat, held, {{"response_format", std::move(format)}});
  Request prompt = request_of({}, 12);
  prompt.prompt = "The picture shows";
  questions.add(kCompletions, prompt);
  // Long enough that others come and go meanwhile, and that memory runs out.
  Request large = request_of({{"user", {bench_photo({320, 240}, 5), std::string("More?")}}}, 400);
  large.ignore_end = true;
  questions.add(kChat, large, {{"ignore_eos", true}});
}

}  // namespace

std::vector<SoakQuestion> soak_questions() {
  Questions questions;
  add_pictures(questions);
  add_turns(questions);
  add_texts(questions);
  return questions.take();
}

std::string answer_in(const std::string& path, const json::value& response) {
  if (path == kMessages) return std::string(response.at("content").at(0).at("text").as_string());
  const json::value& choice = response.at("choices").at(0);
  if (path == kCompletions) return std::string(choice.at("text").as_string());
  return std::string(choice.at("message").at("content").as_string());
}

std::string piece_in(const std::string& path, const json::value& event) {
  const json::value* text = nullptr;
  boost::system::error_code absent;
  if (path == kMessages) {
    text = event.find_pointer("/delta/text", absent);
  } else if (path == kCompletions) {
    text = event.find_pointer("/choices/0/text", absent);
  } else {
    text = event.find_pointer("/choices/0/delta/content", absent);
  }
  return text && text->is_string() ? std::string(text->as_string()) : std::string();
}

}  // namespace saccade::server
