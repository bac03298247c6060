// Writes tests/goldens/tokens/sentencepiece: small tokenizers of the kinds that come from
// SentencePiece, and what Hugging Face's tokenizers makes of texts with them.
//
//   npm install --prefix DIR tokenizers && node tools/goldens/sentencepiece_tokens.mjs DIR
//
// Vocabularies are made here, from the texts: merges by counting pairs, unigrams by counting
// substrings. They need not be good ones, only to have tokens that compete.

import { createRequire } from "node:module";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { charsmap } from "./charsmap.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const require = createRequire(join(resolve(process.argv[2]), "node_modules", "x.js"));
const { Tokenizer } = require("tokenizers");

const META = "\u2581";
const BYTES = Array.from({ length: 256 }, (_, b) =>
  `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);

const EXTRA = [
  "", " ", "  ", "   a", " a", "a ", "a  b", "\u2581a", "a\u2581b", "\u2581", " \u2581 ",
  "<s>a", "a<s>b", "a <s> b", "</s>", "<s></s>", "x</s> y", " <unk> ", "<|end|>\n\nnext",
  "<|end|>   a <|end|>", "<mask>", "a <mask> b", "<0x41>", "a\u0000b", "a\tb\r\nc", "\u0001\u200bz",
  "fi\uFB01n \u2460 \u2167 \uFF21\uFF22", "e\u0301 \u00e9 E\u0301", "A\u030A\u0327", "``quoted''",
  "\u{1F468}\u200D\u{1F469}\u200D\u{1F467}", "\u{10FFFF}\u{10FFFE}", "the the thethe", "12345 67.89",
];

const texts = readFileSync(join(root, "tests/goldens/tokens/texts.jsonl"), "utf8")
  .trimEnd().split("\n").map((line) => JSON.parse(line).text).filter((t) => t !== undefined);

/** Merges by the number of times a pair occurs in words, the smaller pair first among equals. */
function trainMerges(words, count) {
  const merges = [];
  const list = words.map((w) => [...w]);
  while (merges.length < count) {
    const pairs = new Map();
    for (const w of list) {
      for (let i = 0; i + 1 < w.length; ++i) {
        const key = `${w[i]}\n${w[i + 1]}`;
        pairs.set(key, (pairs.get(key) ?? 0) + 1);
      }
    }
    const best = [...pairs].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0];
    if (!best || best[1] < 2) break;
    const [left, right] = best[0].split("\n");
    merges.push([left, right]);
    for (const w of list) {
      for (let i = 0; i + 1 < w.length; ++i) {
        if (w[i] === left && w[i + 1] === right) w.splice(i, 2, left + right);
      }
    }
  }
  return merges;
}

const words = texts.slice(0, 900).flatMap((t) => t.split(" ")).filter((w) => !/[\n]/.test(w) && w)
  .map((w) => META + w);
const merges = trainMerges(words, 420);
const characters = [...new Set(words.slice(0, 1500).join("") + "0123456789.,!?'\"-")].sort();

function bpeModel(specials, options) {
  const tokens = [...specials, ...(options.byte_fallback ? BYTES : []), ...characters];
  for (const [a, b] of merges) tokens.push(a + b);
  tokens.push("\n\n", META + META, META.repeat(4));
  const more = [[META, META], [META + META, META + META], ["\n", "\n"]];
  if (!tokens.includes("\n")) tokens.push("\n");
  const unique = [...new Set(tokens)];
  const has = new Set(unique);
  const usable = [...merges, ...more].filter(([a, b]) => has.has(a) && has.has(b) && has.has(a + b));
  return {
    type: "BPE", dropout: null, unk_token: "<unk>", continuing_subword_prefix: null,
    end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false,
    ...options, vocab: Object.fromEntries(unique.map((t, i) => [t, i])), merges: usable,
  };
}

function unigramModel(specials, unkId, byteFallback, transform = (w) => w) {
  const counts = new Map();
  for (const word of words) {
    const chars = [...transform(word)];
    for (let i = 0; i < chars.length; ++i) {
      for (let n = 1; n <= 6 && i + n <= chars.length; ++n) {
        const s = chars.slice(i, i + n).join("");
        counts.set(s, (counts.get(s) ?? 0) + 1);
      }
    }
  }
  const ranked = [...counts].filter(([, c]) => c > 2)
    .sort((a, b) => b[1] * [...b[0]].length - a[1] * [...a[0]].length || (a[0] < b[0] ? -1 : 1))
    .slice(0, 700);
  const total = ranked.reduce((sum, [, c]) => sum + c, 0);
  const vocab = specials.map((s) => [s, 0]);
  if (byteFallback) for (const b of BYTES) vocab.push([b, 0]);
  for (const [s, c] of ranked) vocab.push([s, Number(Math.log(c / total).toFixed(5))]);
  return { type: "Unigram", unk_id: unkId, vocab, byte_fallback: byteFallback };
}

const added = (id, content, extra = {}) => ({
  id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true,
  ...extra });
const replaceSpace = { type: "Replace", pattern: { String: " " }, content: META };
const replaceMeta = { type: "Replace", pattern: { String: META }, content: " " };
const metaspace = (prepend_scheme, split) =>
  ({ type: "Metaspace", replacement: META, prepend_scheme, split });
const sequence = (key, ...steps) => ({ type: "Sequence", [key]: steps });
const template = (before, after) => ({
  type: "TemplateProcessing",
  single: [...before.map(([t]) => ({ SpecialToken: { id: t, type_id: 0 } })),
    { Sequence: { id: "A", type_id: 0 } },
    ...after.map(([t]) => ({ SpecialToken: { id: t, type_id: 0 } }))],
  pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
  special_tokens: Object.fromEntries([...before, ...after].map(([t, id]) =>
    [t, { id: t, ids: [id], tokens: [t] }])),
});
const llamaDecoder = sequence("decoders", replaceMeta, { type: "ByteFallback" }, { type: "Fuse" },
  { type: "Strip", content: " ", start: 1, stop: 0 });
const gemmaDecoder = sequence("decoders", replaceMeta, { type: "ByteFallback" }, { type: "Fuse" });
const three = ["<unk>", "<s>", "</s>"];
const addedThree = three.map((t, i) => added(i, t));
const charRules = [
  ["\r\n", " "], ["\n", " "], ["\r", " "], ["\t", " "], ["\u00a0", " "], ["\u3000", " "],
  ["\u200b", " "], ["\u0001", ""], ["\u0000", ""], ["\ufb01", "fi"], ["\u2460", "1"],
  ["\u2167", "VIII"], ["\uff21", "A"], ["\uff22", "B"], ["\u00bd", "1\u20442"], ["\u2026", "..."],
  ["e\u0301", "\u00e9"], ["\u00c5", "A\u030a"], ["\u212b", "\u00c5"], ["\u2122", "TM"],
  ["\uff08", "("], ["\uff09", ")"], ["\uff0c", ","], ["\u30ab\u3099", "\u30ac"],
].sort((a, b) => Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0])));
const precompiled = { type: "Precompiled", precompiled_charsmap: charsmap(charRules) };

const documents = {
  llama: {
    added_tokens: addedThree,
    normalizer: sequence("normalizers", { type: "Prepend", prepend: META }, replaceSpace),
    post_processor: template([["<s>", 1]], []), decoder: llamaDecoder,
    model: bpeModel(three, { byte_fallback: true, fuse_unk: true }),
  },
  phi3: {
    added_tokens: [added(0, "<unk>"), added(1, "<s>"),
      added(2, "</s>", { rstrip: true, special: false }), added(3, "<|end|>", { rstrip: true })],
    normalizer: sequence("normalizers", { type: "Prepend", prepend: META }, replaceSpace),
    post_processor: template([["<s>", 1]], [["</s>", 2]]), decoder: llamaDecoder,
    model: bpeModel([...three, "<|end|>"], { byte_fallback: true, fuse_unk: true }),
  },
  mistral: {
    added_tokens: addedThree, pre_tokenizer: metaspace("first", false),
    post_processor: template([["<s>", 1]], []), decoder: llamaDecoder,
    model: bpeModel(three, { byte_fallback: true, fuse_unk: true, ignore_merges: true }),
  },
  gemma: {
    added_tokens: [...addedThree, added(3, "\n\n", { special: false })],
    normalizer: replaceSpace,
    pre_tokenizer: { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious",
      invert: false },
    post_processor: template([["<s>", 1]], []), decoder: gemmaDecoder,
    model: bpeModel(three, { byte_fallback: true, fuse_unk: true }),
  },
  metaspace_bpe: {
    added_tokens: addedThree, pre_tokenizer: metaspace("always", true),
    post_processor: sequence("processors", { type: "ByteLevel", add_prefix_space: true,
      trim_offsets: false, use_regex: true }, template([["<s>", 1]], [])),
    decoder: metaspace("always", true), model: bpeModel(three, { fuse_unk: true }),
  },
  metaspace_never: {
    added_tokens: addedThree, pre_tokenizer: metaspace("never", true),
    post_processor: { type: "RobertaProcessing", sep: ["</s>", 2], cls: ["<s>", 1],
      trim_offsets: true, add_prefix_space: false },
    decoder: metaspace("never", true), model: bpeModel(three, { fuse_unk: false }),
  },
  t5: {
    added_tokens: [added(0, "<pad>"), added(1, "</s>"), added(2, "<unk>"),
      added(3, "<s>", { lstrip: true, rstrip: true })],
    normalizer: sequence("normalizers", precompiled, { type: "Strip", strip_left: false,
      strip_right: true }, { type: "Replace", pattern: { Regex: " {2,}" }, content: META }),
    pre_tokenizer: metaspace("always", true), post_processor: template([], [["</s>", 1]]),
    decoder: metaspace("always", true), model: unigramModel(["<pad>", "</s>", "<unk>", "<s>"], 2, false),
  },
  xlmr: {
    added_tokens: [added(0, "<s>"), added(1, "<pad>"), added(2, "</s>"), added(3, "<unk>"),
      added(4, "<mask>", { lstrip: true })],
    normalizer: precompiled,
    pre_tokenizer: sequence("pretokenizers", { type: "WhitespaceSplit" }, metaspace("always", true)),
    post_processor: template([["<s>", 0]], [["</s>", 2]]), decoder: metaspace("always", true),
    model: unigramModel(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], 3, false),
  },
  albert: {
    added_tokens: addedThree,
    normalizer: sequence("normalizers",
      { type: "Replace", pattern: { String: "``" }, content: '"' },
      { type: "Replace", pattern: { String: "''" }, content: '"' },
      { type: "NFKD" }, { type: "StripAccents" }, { type: "Lowercase" }, precompiled),
    pre_tokenizer: metaspace("always", true),
    post_processor: { type: "BertProcessing", sep: ["</s>", 2], cls: ["<s>", 1] },
    decoder: metaspace("always", true),
    model: unigramModel(three, 0, false, (w) => w.toLowerCase()),
  },
  unigram_bytes: {
    added_tokens: addedThree,
    normalizer: sequence("normalizers", { type: "Nmt" }, { type: "NFKC" }),
    pre_tokenizer: sequence("pretokenizers", { type: "Digits", individual_digits: true },
      { type: "Punctuation", behavior: "Isolated" }, metaspace("always", false)),
    post_processor: template([["<s>", 1]], []),
    decoder: sequence("decoders", { type: "ByteFallback" }, metaspace("first", true)),
    model: unigramModel(three, 0, true),
  },
};

async function write(name, parts, step) {
  const document = { version: "1.0", truncation: null, padding: null, added_tokens: [],
    normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...parts };
  const text = JSON.stringify(document);
  const tokenizer = Tokenizer.fromString(text);
  const chosen = [...EXTRA, ...texts.filter((_, i) => i % 10 === step)];
  const lines = [];
  for (const t of chosen) {
    const ids = (await tokenizer.encode(t, null, { addSpecialTokens: false })).getIds();
    const special = (await tokenizer.encode(t, null, { addSpecialTokens: true })).getIds();
    const cut = ids.slice(ids.length > 3 ? 1 : 0);
    lines.push(JSON.stringify({ text: t, ids, special,
      decoded: await tokenizer.decode(special, false),
      decoded_plain: await tokenizer.decode(special, true),
      decoded_cut: await tokenizer.decode(cut, true) }));
  }
  const out = join(root, "tests/goldens/tokens/sentencepiece");
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, `${name}.tokenizer.json`), text + "\n");
  writeFileSync(join(out, `${name}.jsonl`), lines.join("\n") + "\n");
  console.log(`${name}: ${lines.length} texts`);
}

let step = 0;
for (const [name, parts] of Object.entries(documents)) await write(name, parts, step++);
