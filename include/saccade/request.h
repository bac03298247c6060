// What is asked of a model, and what comes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace saccade {

/// An encoded picture: the bytes of a JPEG, PNG, WebP, GIF, TIFF, HEIC or AVIF file.
struct ImageBytes {
  std::vector<std::byte> bytes;
  std::string name;  ///< how errors call it, such as its path
};

/// Reads a picture file, or standard input for "-". Throws Error.
ImageBytes read_image(const std::string& path);

/// One turn of a conversation: texts and pictures in the order the model shall see them.
struct Message {
  std::string role;  ///< "system", "user" or "assistant"
  std::vector<std::variant<std::string, ImageBytes>> content;
  /// Further members of the message that the chat template may read, a JSON object:
  /// {"tool_calls": [...]}, {"name": "..."}; empty: none.
  std::string fields = {};
};

/// How the next token is chosen. What is not given comes from the checkpoint's
/// generation_config.json, and what that leaves open is greedy: temperature 0.
struct Sampling {
  std::optional<double> temperature;         ///< >= 0; 0 takes the likeliest token
  std::optional<double> top_p;               ///< (0, 1]
  std::optional<std::int64_t> top_k;         ///< >= 0; 0: all
  std::optional<double> min_p;               ///< [0, 1], relative to the likeliest token
  std::optional<double> repetition_penalty;  ///< > 0; 1: none
  std::optional<double> presence_penalty;    ///< taken from the logit of each token answered with
  std::optional<double> frequency_penalty;   ///< likewise, times the number of its occurrences
  std::vector<std::pair<std::int32_t, float>> logit_bias = {};  ///< added to these tokens' logits
  std::optional<std::uint64_t> seed;                            ///< fresh randomness without
};

/// What an answer must be, or a part of it; docs/grammar.md says what is supported.
struct Constraint {
  enum class Kind {
    kJsonSchema,  ///< `texts` holds the schema, JSON
    kJsonObject,  ///< any JSON object; `texts` is empty
    kRegex,       ///< `texts` holds the expression
    kChoice,      ///< one of `texts`
    kGbnf,        ///< `texts` holds the rules
  };
  Kind kind = Kind::kJsonObject;
  std::vector<std::string> texts;
  /// Empty: the whole answer. Otherwise what comes after this text, whenever the answer writes it;
  /// before it and afterwards the answer is free.
  std::string after;
  /// Not with `if_begins`: what comes first of all, such as a line's end; the answer is made to.
  std::string opening = {};
  /// With `after`: the answer ends where what it is held to does.
  bool ends_answer = false;
  /// In place of `after`: the whole answer, special tokens and white space before it aside, if it
  /// begins with this text, with which what it must be begins as well; otherwise it is free.
  std::string if_begins = {};
};

/// A vector that stands for what was asked, in place of an answer: of length 1, so that the product
/// of two of them is the cosine of their angle.
enum class Embedding {
  kMean,       ///< the mean of the prompt's tokens: hidden states after the decoder's last norm
  kLastToken,  ///< that of the prompt's last token
  /// The mean of what the vision tower and its projector make of one picture, which is all that the
  /// request holds; the decoder does not run.
  kPicture,
};

/// How a model writes down what it thinks before it answers, and how long it may.
struct Reasoning {
  std::string begin;  ///< "<think>"; the answer reasons if it begins with this, white space aside
  std::string end;    ///< "</think>"
  bool open = false;  ///< the prompt has the beginning already
  /// Tokens between the two; then `closing` comes, whatever the model would have written. At least
  /// 1 where it is open. None: all that it takes. An answer to be constrained does not end there.
  std::optional<std::int64_t> budget;
  std::string closing = {};  ///< "\n</think>\n\n"
};

struct Request {
  std::vector<Message> messages;
  /// In place of messages: the text that the model goes on with, no template around it.
  std::optional<std::string> prompt;
  /// In place of either: tokens, read as they are.
  std::vector<std::int32_t> prompt_ids = {};
  /// Nothing is generated: the result holds the embedding. What is said of answers, such as
  /// sampling, is not used. Models of an encoder and a decoder have kPicture alone.
  std::optional<Embedding> embedding = {};
  std::string tools;  ///< for the chat template, a JSON array of tools; empty: none
  /// With messages: what the answer begins with. The model goes on with it; the result is without.
  std::string answer_begin;
  /// Further variables of the chat template, each a name and a JSON value.
  std::vector<std::pair<std::string, std::string>> template_variables;
  Sampling sampling;
  std::int64_t max_tokens = 1024;
  std::vector<std::string> stop;  ///< texts that end the answer and are not part of it
  bool ignore_end = false;        ///< generate max_tokens tokens whatever they are
  /// Special tokens that are part of the answer's text, such as "[TOOL_CALLS]"; others are left out
  /// of it. Texts that are no token of the model change nothing.
  std::vector<std::string> visible_tokens;
  /// Log-probabilities of each token and of this many likeliest ones besides; none without.
  std::optional<int> logprobs;
  std::optional<std::int64_t> min_pixels;  ///< pixel budget of each picture
  std::optional<std::int64_t> max_pixels;
  std::optional<Constraint> constraint;  ///< one on the whole answer holds behind its reasoning
  std::optional<Reasoning> reasoning;    ///< without, nothing of an answer counts as reasoning
  /// A service gives requests of a higher priority their turn first.
  int priority = 0;
  std::string name = {};  ///< what traces call it
};

enum class FinishReason {
  kStop,       ///< an end token or a stop text
  kLength,     ///< max_tokens or the context's end
  kCancelled,  ///< the listener asked for it
};

/// A token of the unmodified distribution (before temperature, penalties and cuts).
struct TokenLogprob {
  std::int32_t id = 0;
  double logprob = 0.0;  ///< natural logarithm
};

struct GeneratedLogprob {
  TokenLogprob token;
  std::vector<TokenLogprob> top;  ///< likeliest first
};

struct Usage {
  std::int64_t prompt_tokens = 0;  ///< image tokens included
  std::int64_t image_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t reasoning_tokens = 0;  ///< those of them between the marks of Request::reasoning
  /// Prompt tokens whose keys and values were there already, so that nothing was computed for them.
  std::int64_t cached_tokens = 0;
  /// Pictures for which the vision tower did not run.
  std::int64_t cached_images = 0;
};

/// Milliseconds of wall time.
struct Timings {
  double load_ms = 0.0;     ///< opening and packing the checkpoint
  double queue_ms = 0.0;    ///< waiting for other requests
  double media_ms = 0.0;    ///< decoding and resizing pictures
  double vision_ms = 0.0;   ///< vision tower
  double prefill_ms = 0.0;  ///< prompt through the decoder
  double decode_ms = 0.0;   ///< from the first token to the last
  double ttft_ms = 0.0;     ///< from the request to the first token
  double prefill_tokens_per_second = 0.0;
  double decode_tokens_per_second = 0.0;
};

struct Result {
  std::string text;
  std::vector<std::int32_t> token_ids;  ///< with the end token, if one came
  FinishReason finish_reason = FinishReason::kStop;
  std::string stop_text;  ///< of Request::stop, that which ended the answer; empty: none
  Usage usage;
  Timings timings;
  std::vector<GeneratedLogprob> logprobs;  ///< one a token when asked for
  std::vector<float> embedding;            ///< [hidden_size] where one was asked for
};

/// What asks for the embedding of a text, or of a picture: Service::generate(...).embedding.
Request text_embedding(std::string text, Embedding embedding = Embedding::kMean);
Request picture_embedding(ImageBytes picture);

}  // namespace saccade
