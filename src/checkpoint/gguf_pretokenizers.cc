#include "checkpoint/gguf_pretokenizers.h"

#include <map>

namespace saccade::checkpoint {
namespace {

// The patterns are facts of the models: what their own tokenizer.json says where that is known (of
// some llama.cpp has an approximation, in a syntax without \p{Lu}), else what llama.cpp splits by.

// clang-format off
#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
#define UPPER_NOT_HAN R"((?:(?!\p{Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]))"
#define LOWER_NOT_HAN R"((?:(?!\p{Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}]))"
#define LETTERS R"([^\r\n\p{L}\p{N}]?\p{L}+)"
#define BLANKS R"(\s*[\r\n]+|\s+(?!\S)|\s+)"
#define MARKS R"( ?[^\s\p{L}\p{N}]+[\r\n]*)"
#define MARKS_AND_SLASHES R"( ?[^\s\p{L}\p{N}]+[\r\n/]*)"

constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 = CONTRACTIONS "|" LETTERS R"(|\p{N}{1,3}|)" MARKS "|" BLANKS;
constexpr std::string_view kQwen2 = CONTRACTIONS "|" LETTERS R"(|\p{N}|)" MARKS "|" BLANKS;
constexpr std::string_view kQwen35 =
    CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" BLANKS;
constexpr std::string_view kGpt4o =
    R"([^\r\n\p{L}\p{N}]?)" UPPER "*" LOWER "+" CONTRACTIONS "?|"
    R"([^\r\n\p{L}\p{N}]?)" UPPER "+" LOWER "*" CONTRACTIONS R"(?|\p{N}{1,3}|)"
    MARKS_AND_SLASHES "|" BLANKS;
constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?)" UPPER "*" LOWER "+|"
    R"([^\r\n\p{L}\p{N}]?)" UPPER "+" LOWER R"(*|\p{N}|)" MARKS_AND_SLASHES "|" BLANKS;
constexpr std::string_view kYoutu =
    R"([^\r\n\p{L}\p{N}]?)" UPPER "*" LOWER "+" CONTRACTIONS "?|"
    R"([^\r\n\p{L}\p{N}]?)" UPPER "+" LOWER "*" CONTRACTIONS R"(?|\p{N}|)"
    MARKS_AND_SLASHES "|" BLANKS;
constexpr std::string_view kKimiK2 =
    R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?)" UPPER_NOT_HAN "*" LOWER_NOT_HAN "+" CONTRACTIONS "?|"
    R"([^\r\n\p{L}\p{N}]?)" UPPER_NOT_HAN "+" LOWER_NOT_HAN "*" CONTRACTIONS R"(?|\p{N}{1,3}|)"
    MARKS "|" BLANKS;
constexpr std::string_view kJais2 = CONTRACTIONS "|" LETTERS R"(|\p{N}{1,3}|)" MARKS
    R"(|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S))"
    R"(|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})";
constexpr std::string_view kBailing =
    R"('(?i:[sdmt]|ll|ve|re)|)" LETTERS R"(|\p{N}|)" MARKS R"(|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kSeedCoder =
    CONTRACTIONS "|" LETTERS R"(|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|)" BLANKS;
constexpr std::string_view kExaoneMoe =
    CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kBloom = R"( ?[^(\s|.,!?…。，、।۔،)]+)";
constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kThreeDigits = R"(\p{N}{1,3})";
constexpr std::string_view kCjk = "[一-龥\u3040-ゟ゠-ヿ]+";
constexpr std::string_view kDeepseekV3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+[\r\n]*|)" BLANKS;
constexpr std::string_view kSpark3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)";
// Letters with case, of the Unicode version that the model's authors had.
constexpr std::string_view kDeepseekLetters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅ)"
    R"(ὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎ)"
    R"(ꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr std::string_view kDeepseekMarks = "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+";
constexpr std::string_view kDeepseekCjk = "[一-龥\u0800-一가-\uD7FF]+";
// clang-format on

#undef CONTRACTIONS
#undef UPPER
#undef LOWER
#undef UPPER_NOT_HAN
#undef LOWER_NOT_HAN
#undef LETTERS
#undef BLANKS
#undef MARKS
#undef MARKS_AND_SLASHES

using Table = std::map<std::string_view, GgufPretokenizer>;

Table make_table() {
  Table table;
  const auto put = [&](std::initializer_list<std::string_view> names,
                       const GgufPretokenizer& rules) {
    for (const std::string_view name : names) table.emplace(name, rules);
  };
  put({"default"}, {{R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"}});
  put({"falcon"}, {{R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2, "[0-9][0-9][0-9]"}});
  put({"gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en",
       "jina-v2-code", "roberta-bpe", "gigachat", "a.x-4.0", "mellum", "modern-bert", "mpt", "olmo",
       "jais", "trillion", "granite-docling", "exaone4"},
      {{kGpt2}});
  put({"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b",
       "mellum2"},
      {{kDigit, kGpt2}});
  put({"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
       "jina-v5-nano"},
      {{kLlama3}, true, true});
  put({"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, {{kLlama3}});
  put({"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan",
       "solar-open", "grok-2"},
      {{kQwen2}});
  put({"qwen35"}, {{kQwen35}});
  put({"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, {{kGpt4o}});
  put({"granite-embed-multi-97m"}, {{kGpt4o}, true});
  put({"tekken"}, {{kTekken}, true, true});
  put({"youtu"},
      {{R"([가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+)",
        kYoutu},
       true});
  put({"kimi-k2"}, {{kKimiK2}});
  put({"jais-2"}, {{kJais2}});
  put({"bailingmoe", "bailingmoe2", "llada-moe"}, {{kBailing}});
  put({"seed-coder"}, {{kSeedCoder}});
  put({"exaone-moe"}, {{kExaoneMoe}});
  put({"poro-chat", "bloom", "gpt3-finnish"}, {{kBloom}});
  put({"viking"}, {{kBloom, kDigit}});
  put({"deepseek-llm"},
      {{"[\r\n]", kDeepseekLetters, kDeepseekMarks, R"(\s+$)", kDeepseekCjk, R"(\p{N}+)"}});
  put({"deepseek-coder"}, {{"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepseekCjk, kDigit}});
  put({"deepseek-v3", "hunyuan-dense", "joyai-llm"}, {{kThreeDigits, kCjk, kDeepseekV3}});
  put({"spark3"}, {{kThreeDigits, kCjk, kSpark3, kDigit}});
  put({"minicpm5"}, {{kThreeDigits, kLlama3}, true});
  put({"laguna"}, {{R"([^\n]+|[\n]+)", kQwen2}});
  put({"superbpe"}, {{R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"}});
  put({"chameleon"}, {{"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
                       R"(([\t\n]|    |  ))", kDigit, R"([\p{P}!-/:-@\[-`{-~])", kGpt2},
                      false,
                      true});
  return table;
}

const Table& table() {
  static const Table rules = make_table();
  return rules;
}

}  // namespace

const GgufPretokenizer* find_gguf_pretokenizer(std::string_view name) {
  const auto found = table().find(name);
  return found == table().end() ? nullptr : &found->second;
}

std::string gguf_pretokenizer_names() {
  std::string names;
  for (const auto& [name, rules] : table()) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

}  // namespace saccade::checkpoint
