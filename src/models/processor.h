// Turning a conversation with pictures into what a model reads.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "media/patches.h"
#include "text/tokenizer.h"

namespace saccade::models {

/// One piece of a message: text, or the index of a picture in the request.
struct ContentPart {
  std::string text;
  int image = -1;  ///< >= 0: this part is a picture
};

struct ChatMessage {
  std::string role;  ///< "system", "user", "assistant"
  std::vector<ContentPart> content;
  boost::json::object fields = {};  ///< what else templates may read, such as tool_calls
};

/// A pixel budget that replaces the checkpoint's.
struct PixelBudget {
  std::optional<std::int64_t> min_pixels;
  std::optional<std::int64_t> max_pixels;
};

/// Where embeddings of a picture stand in the prompt, one after the other. A picture whose tokens
/// are parted by others has several of these.
struct MediaSpan {
  int image = 0;           ///< index in the request
  std::int64_t begin = 0;  ///< first token
  std::int64_t count = 0;  ///< tokens
  std::int64_t first = 0;  ///< of the picture's embeddings, that of the first token
};

/// Tokens that see each other, those after them too, where all others see what came before.
struct TokenRun {
  std::int64_t begin = 0;
  std::int64_t count = 0;
  /// In every layer, its window notwithstanding, they see the whole run and nothing before it.
  bool past_windows = false;
};

/// One past the last token that each of `count` tokens from `begin` on sees:
/// SequenceSpan::end_keys.
std::vector<std::int64_t> end_keys(const std::vector<TokenRun>& mutual, std::int64_t begin,
                                   std::int64_t count);

/// The first key of each of these tokens, SequenceSpan::first_keys; empty where windows say it for
/// all of them.
std::vector<std::int64_t> first_keys(const std::vector<TokenRun>& mutual, std::int64_t begin,
                                     std::int64_t count);

/// A prompt as the model reads it.
struct Prompt {
  std::vector<std::int32_t> token_ids;  ///< [tokens]
  std::vector<std::int32_t> positions;  ///< [axes, tokens]
  int axes = 1;
  /// Position, on every axis, of the first token after the prompt.
  std::int32_t next_position = 0;
  /// Of an encoder-decoder: so many of the first tokens are its encoder's, the rest its decoder's.
  /// 0: the model is a decoder alone.
  std::int64_t encoder_tokens = 0;
  std::vector<MediaSpan> media;  ///< in order of appearance
  std::vector<TokenRun> mutual;  ///< likewise; no step may part one
};

/// What a decoder reads of a prompt: all, but for an encoder's part.
inline std::span<const std::int32_t> decoder_tokens(const Prompt& prompt) {
  return std::span(prompt.token_ids).subspan(prompt.encoder_tokens);
}

/// Text and picture handling of one model family. Const and thread-safe.
class Processor {
 public:
  virtual ~Processor() = default;

  virtual const text::Tokenizer& tokenizer() const = 0;
  /// Tokens after which generation ends, from the checkpoint's files.
  virtual const std::vector<std::int32_t>& end_tokens() const = 0;

  /// Decodes, resizes, normalizes and cuts a picture; some families read one that is `alone` in its
  /// request more closely. Throws Error when its shape cannot be handled.
  virtual media::Patches process_image(const media::Picture& picture, const PixelBudget& budget,
                                       bool alone) const = 0;
  /// Tokens the picture will take.
  virtual std::int64_t image_tokens(const media::PatchGrid& grid) const = 0;

  /// What stands in a prompt for the text of a message, where a family puts something in its place.
  virtual std::string prompt_text(const std::string& text) const { return text; }
  /// Renders the chat template with these variables beside the messages: add_generation_prompt,
  /// tools, ... A part with a picture becomes the family's placeholder. Throws Error for what a
  /// family without a template has no use for.
  virtual std::string render(const std::vector<ChatMessage>& messages,
                             const boost::json::object& variables) const = 0;
  /// The same without further variables.
  std::string render(const std::vector<ChatMessage>& messages, bool add_generation_prompt) const {
    return render(messages, boost::json::object{{"add_generation_prompt", add_generation_prompt}});
  }
  /// Tokens and positions of a rendered prompt; grids[i] is the picture that ContentPart names i,
  /// order[k] the picture at the k-th placeholder.
  virtual Prompt tokenize(const std::string& rendered, const std::vector<int>& order,
                          const std::vector<media::PatchGrid>& grids) const = 0;
  /// The same of a prompt that is tokens already; each is one that tokenizer() has.
  virtual Prompt place_tokens(std::vector<std::int32_t> token_ids, const std::vector<int>& order,
                              const std::vector<media::PatchGrid>& grids) const = 0;
};

}  // namespace saccade::models
