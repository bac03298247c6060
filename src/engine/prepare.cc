#include "engine/prepare.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"

namespace saccade {

namespace {

// Larger than any picture that is meant to be looked at, small enough that a wrong file, such as a
// device that never ends, is an error and not all of the memory.
constexpr std::size_t kMaxImageBytes = std::size_t{512} << 20;

/// Everything `stream` holds. Throws Error when it is more than a picture can be.
std::vector<std::byte> read_all(std::istream& stream, const std::string& name) {
  std::vector<std::byte> bytes;
  constexpr std::size_t kStep = std::size_t{1} << 20;
  for (bool more = true; more;) {
    const std::size_t size = bytes.size();
    if (size > kMaxImageBytes) {
      fail("{}: more than {} MiB; wanted a picture", name, kMaxImageBytes >> 20);
    }
    bytes.resize(size + kStep);
    more = static_cast<bool>(stream.read(reinterpret_cast<char*>(bytes.data() + size), kStep));
    bytes.resize(size + static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) fail("{}: cannot be read: {}", name, std::strerror(errno));
  return bytes;
}

}  // namespace

Request text_embedding(std::string text, Embedding embedding) {
  Request request;
  request.prompt = std::move(text);
  request.embedding = embedding;
  return request;
}

Request picture_embedding(ImageBytes picture) {
  Request request;
  request.messages.push_back({"user", {std::move(picture)}});
  request.embedding = Embedding::kPicture;
  return request;
}

ImageBytes read_image(const std::string& path) {
  if (path == "-") {
    const std::string name = "standard input";
    ImageBytes image{read_all(std::cin, name), name};
    if (image.bytes.empty()) fail("{}: wanted a picture, found nothing", name);
    return image;
  }
  std::error_code status;
  if (std::filesystem::is_directory(path, status)) {
    fail("{}: wanted a picture, found a directory", path);
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("{}: cannot be opened: {}", path, std::strerror(errno));
  return {read_all(file, path), path};
}

namespace engine {
namespace {

media::DecodeOptions decoding(const EngineOptions& options) {
  return {{.max_pixels = options.max_image_pixels}, options.fast_decode};
}

/// A picture's patches, under a digest that tells by how much the decoder shrank it.
media::Patches process(const models::Processor& processor, const media::Picture& picture,
                       const Request& request, bool alone) {
  media::Patches patches =
      processor.process_image(picture, {request.min_pixels, request.max_pixels}, alone);
  if (picture.shrink() > 1) {
    Digester digester;
    digester.add(std::as_bytes(std::span(&patches.digest, 1)));
    digester.add_number(std::int64_t{picture.shrink()});
    patches.digest = digester.finish();
  }
  return patches;
}

/// Decodes and cuts a picture, and adds its name to errors that do not tell it.
PictureIndex::Entry read_picture(const models::Processor& processor, const Request& request,
                                 const ImageBytes& image, bool alone,
                                 const EngineOptions& options) {
  const media::Picture picture(image.bytes, image.name, decoding(options));
  try {
    return {process(processor, picture, request, alone), {picture.height(), picture.width()}};
  } catch (const Error& error) {
    // Errors of decoding name the picture already.
    if (std::string_view(error.what()).starts_with(image.name + ":")) throw;
    throw Error(fmt::format("{}: {}", image.name, error.what()), error.kind());
  }
}

/// Names a file's bytes and everything that its patches depend on beside them.
Digest file_digest(const ImageBytes& image, const Request& request, bool alone,
                   const EngineOptions& options) {
  Digester digester;
  digester.add(image.bytes);
  digester.add_number(static_cast<std::int64_t>(image.bytes.size()));
  for (const auto& pixels : {request.min_pixels, request.max_pixels}) {
    digester.add_number(pixels.value_or(-1));
  }
  digester.add_number(std::int64_t{alone});
  digester.add_number(std::int64_t{options.fast_decode});
  return digester.finish();
}

/// Collects the pictures of all messages, decoding each that is not known.
void prepare_images(PreparedPrompt& prepared, const models::Processor& processor,
                    const Request& request, const EngineOptions& options, Listener* listener,
                    PictureIndex* index) {
  const std::vector<const ImageBytes*> images = pictures_of(request);
  const auto total = static_cast<std::int64_t>(images.size());
  for (std::int64_t i = 0; i < total; ++i) {
    if (listener) listener->on_progress(Stage::kMedia, i, total);
    const bool alone = total == 1;
    Digest file;
    std::optional<PictureIndex::Entry> entry;
    if (index) {
      file = file_digest(*images[i], request, alone, options);
      entry = index->find(file);
    }
    if (!entry) {
      entry = read_picture(processor, request, *images[i], alone, options);
      if (index) index->insert(file, entry->patches, entry->decoded_size);
    }
    prepared.patches.push_back(std::move(entry->patches));
    prepared.image_names.push_back(images[i]->name);
    prepared.image_sizes.push_back(entry->decoded_size);
    prepared.order.push_back(static_cast<int>(i));
  }
}

/// JSON that a caller gave as text.
boost::json::value parse_part(const std::string& text, const std::string& name) {
  try {
    return parse_json(text, name);
  } catch (const Error& error) {
    throw Error(error.what(), ErrorKind::kUsage);
  }
}

std::vector<models::ChatMessage> chat_messages(const Request& request) {
  std::vector<models::ChatMessage> messages;
  int images = 0;
  for (const Message& message : request.messages) {
    models::ChatMessage chat{message.role, {}};
    for (const auto& part : message.content) {
      if (const auto* text = std::get_if<std::string>(&part)) {
        chat.content.push_back({*text, -1});
      } else {
        chat.content.push_back({"", images++});
      }
    }
    if (!message.fields.empty()) {
      const boost::json::value fields = parse_part(message.fields, "fields of a message");
      if (!fields.is_object()) fail_usage("fields of a message: wanted a JSON object");
      chat.fields = fields.get_object();
    }
    messages.push_back(std::move(chat));
  }
  return messages;
}

boost::json::object template_variables(const Request& request) {
  boost::json::object variables{{"add_generation_prompt", true}};
  if (!request.tools.empty()) variables["tools"] = parse_part(request.tools, "tools");
  for (const auto& [name, value] : request.template_variables) {
    variables[name] = parse_part(value, "template variable " + name);
  }
  return variables;
}

/// A text that no template surrounds, with the token before it that the tokenizer puts there.
std::string with_first_token(const text::Tokenizer& tokenizer, const std::string& text) {
  const std::vector<std::int32_t> plain = tokenizer.encode(text);
  const std::vector<std::int32_t> framed = tokenizer.encode(text, {.add_special = true});
  const bool has_first = !framed.empty() && (plain.empty() || framed[0] != plain[0]);
  return has_first ? std::string(tokenizer.token_bytes(framed[0])) + text : text;
}

void check_budget(const Request& request) {
  const auto positive = [](const std::optional<std::int64_t>& pixels, std::string_view name) {
    if (pixels && *pixels < 1) fail_usage("{}: wanted a positive number, found {}", name, *pixels);
  };
  positive(request.min_pixels, "min-pixels");
  positive(request.max_pixels, "max-pixels");
  if (request.min_pixels && request.max_pixels && *request.min_pixels > *request.max_pixels) {
    fail_usage("min-pixels {} is larger than max-pixels {}", *request.min_pixels,
               *request.max_pixels);
  }
}

void check_ids(std::span<const std::int32_t> ids, const text::Tokenizer& tokenizer) {
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= tokenizer.vocab_size() || tokenizer.token_bytes(id).empty()) {
      fail_usage("prompt: {} is no token of this model", id);
    }
  }
}

}  // namespace

std::vector<const ImageBytes*> pictures_of(const Request& request) {
  std::vector<const ImageBytes*> images;
  for (const Message& message : request.messages) {
    for (const auto& part : message.content) {
      if (const auto* image = std::get_if<ImageBytes>(&part)) images.push_back(image);
    }
  }
  return images;
}

media::Patches process_picture(const models::Processor& processor, const Request& request,
                               const ImageBytes& image, const EngineOptions& options) {
  const bool alone = pictures_of(request).size() == 1;
  return read_picture(processor, request, image, alone, options).patches;
}

PreparedPrompt prepare_prompt(const models::Processor& processor, const Request& request,
                              const EngineOptions& options, Listener* listener,
                              PictureIndex* index) {
  check_budget(request);
  PreparedPrompt prepared;
  const bool has_ids = !request.prompt_ids.empty();
  if (request.prompt || has_ids) {
    if (!request.messages.empty()) fail_usage("prompt: wanted either a prompt or messages");
    if (request.prompt && has_ids) fail_usage("prompt: wanted either a text or token ids");
    if (!request.answer_begin.empty()) fail_usage("answer begin: a prompt ends with it already");
  }
  if (has_ids) {
    check_ids(request.prompt_ids, processor.tokenizer());
    prepared.prompt = processor.place_tokens(request.prompt_ids, {}, {});
    return prepared;
  }
  if (request.prompt) {
    const text::Tokenizer& tokenizer = processor.tokenizer();
    prepared.prompt = processor.tokenize(*request.prompt, {}, {});
    prepared.rendered = *request.prompt;
    // Families whose templates say it all leave out the token that begins a text.
    if (prepared.prompt.token_ids == tokenizer.encode(*request.prompt)) {
      prepared.rendered = with_first_token(tokenizer, *request.prompt);
      prepared.prompt = processor.tokenize(prepared.rendered, {}, {});
    }
    return prepared;
  }
  prepare_images(prepared, processor, request, options, listener, index);
  if (request.embedding == Embedding::kPicture) return prepared;
  prepared.messages = chat_messages(request);
  prepared.rendered =
      processor.render(prepared.messages, template_variables(request)) + request.answer_begin;
  std::vector<media::PatchGrid> grids;
  for (const media::Patches& patches : prepared.patches) grids.push_back(patches.grid);
  prepared.prompt = processor.tokenize(prepared.rendered, prepared.order, grids);
  return prepared;
}

SamplingParams default_sampling(const checkpoint::Checkpoint& checkpoint) {
  SamplingParams params;
  const auto document = checkpoint.optional_json("generation_config.json");
  if (!document) return params;
  const std::string where = checkpoint.where("generation_config.json");
  const JsonObject config(*document, where);
  params.repetition_penalty = config.number_or("repetition_penalty", 1.0);
  if (config.boolean_or("do_sample", false)) {
    params.temperature = config.number_or("temperature", 1.0);
    params.top_p = config.number_or("top_p", 1.0);
    params.top_k = config.integer_or("top_k", 50);  // transformers' own default
    params.min_p = config.number_or("min_p", 0.0);
  }
  try {
    check_sampling(params);
  } catch (const Error& error) {
    fail("{}: {}", where, error.what());
  }
  return params;
}

std::vector<std::string> generation_notes(const checkpoint::Checkpoint& checkpoint) {
  std::vector<std::string> notes;
  const auto document = checkpoint.optional_json("generation_config.json");
  if (!document) return notes;
  const JsonObject config(*document, checkpoint.where("generation_config.json"));
  if (const std::int64_t beams = config.integer_or("num_beams", 1); beams > 1) {
    notes.push_back(
        fmt::format("generation_config.json asks for beam search (num_beams {}); answers here are "
                    "the likeliest "
                    "token each, or sampled",
                    beams));
  }
  if (const std::int64_t size = config.integer_or("no_repeat_ngram_size", 0); size > 0) {
    notes.push_back(
        fmt::format("generation_config.json forbids that {} tokens come again "
                    "(no_repeat_ngram_size); here they "
                    "may",
                    size));
  }
  return notes;
}

SamplingParams merged_sampling(const SamplingParams& defaults, const Sampling& request) {
  SamplingParams params = defaults;
  params.temperature = request.temperature.value_or(params.temperature);
  params.top_p = request.top_p.value_or(params.top_p);
  params.top_k = request.top_k.value_or(params.top_k);
  params.min_p = request.min_p.value_or(params.min_p);
  params.repetition_penalty = request.repetition_penalty.value_or(params.repetition_penalty);
  check_sampling(params);
  return params;
}

std::vector<PromptPart> prompt_parts(const models::Processor& processor,
                                     const PreparedPrompt& prepared) {
  std::vector<PromptPart> parts;
  const auto total = static_cast<std::int64_t>(prepared.prompt.token_ids.size());
  std::int64_t counted = 0;
  const auto add = [&](std::string name, std::string detail, std::int64_t tokens) {
    parts.push_back({std::move(name), std::move(detail), tokens});
    counted += tokens;
  };
  for (const models::ChatMessage& message : prepared.messages) {
    for (const models::ContentPart& part : message.content) {
      if (part.image < 0) {
        add(message.role + " prompt", "",
            static_cast<std::int64_t>(
                processor.tokenizer().encode(processor.prompt_text(part.text)).size()));
        continue;
      }
      const media::Patches& patches = prepared.patches[part.image];
      const media::Size& size = prepared.image_sizes[part.image];
      add(fmt::format("image {} ({})", part.image + 1, prepared.image_names[part.image]),
          fmt::format("{}x{} -> {}x{}", size.width, size.height, patches.resized_width,
                      patches.resized_height),
          processor.image_tokens(patches.grid));
    }
  }
  // Role markers, image borders and what the template adds of its own, such as a default system
  // prompt.
  add("chat template", "", total - counted);
  return parts;
}

}  // namespace engine
}  // namespace saccade
