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
// Letters with case, as far as the Unicode version that the model's authors had knows them.
constexpr std::string_view kDeepseekLetters =
    R"(\s?[A-Za-z)"
    R"(\x{00B5}\x{00C0}-\x{00D6}\x{00D8}-\x{00F6}\x{00F8}-\x{01BA}\x{01BC}-\x{01BF})"
    R"(\x{01C4}-\x{0293}\x{0295}-\x{02AF}\x{0370}-\x{0373}\x{0376}-\x{0377}\x{037B}-\x{037D})"
    R"(\x{037F}\x{0386}\x{0388}-\x{038A}\x{038C}\x{038E}-\x{03A1}\x{03A3}-\x{03F5})"
    R"(\x{03F7}-\x{0481}\x{048A}-\x{052F}\x{0531}-\x{0556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5})"
    R"(\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77})"
    R"(\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D})"
    R"(\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4})"
    R"(\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3})"
    R"(\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107})"
    R"(\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D})"
    R"(\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}-\x{2184})"
    R"(\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}-\x{2CF3}\x{A640}-\x{A66D})"
    R"(\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF})"
    R"(\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F})"
    R"(\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2})"
    R"(\x{118A0}-\x{118DF}\x{1E900}-\x{1E943})"
    R"(]+)";
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
using Names = std::initializer_list<std::string_view>;

/// Models whose rules are one pattern, perhaps behind one for digits or line breaks.
void put_common(Table& table) {
  const auto put = [&](Names names, const GgufPretokenizer& rules) {
    for (const std::string_view name : names) table.emplace(name, rules);
  };
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
}

/// Models that cut in several steps.
void put_sequences(Table& table) {
  const auto put = [&](Names names, const GgufPretokenizer& rules) {
    for (const std::string_view name : names) table.emplace(name, rules);
  };
  put({"default"}, {{R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"}});
  put({"falcon"}, {{R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2, "[0-9][0-9][0-9]"}});
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
}

const Table& table() {
  static const Table rules = [] {
    Table all;
    put_common(all);
    put_sequences(all);
    return all;
  }();
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
