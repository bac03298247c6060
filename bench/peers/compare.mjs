// Runs Saccade and llama.cpp in turn on one GGUF file and prints the ratio of each pair: see bench/peers/run.
//
// A round starts each program anew, the other one first every second time, so that a machine that slows down or
// speeds up hits both. Either reads a prompt of --prefill tokens to its first token, and then --decode tokens more,
// --runs times after one run that does not count; the pair is of their medians.
import {execFileSync} from "node:child_process";
import {readFileSync} from "node:fs";
import {availableParallelism, cpus} from "node:os";
import {dirname, join} from "node:path";
import process from "node:process";
import {fileURLToPath} from "node:url";
import {parseArgs} from "node:util";

const folder = dirname(fileURLToPath(import.meta.url));
const number = (text, name) => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`bench/peers/run: --${name}: wanted a positive number, found "${text}"`);
  process.exit(2);
};
const {values: options} = parseArgs({
  options: {
    saccade: {type: "string"},
    model: {type: "string"},
    threads: {type: "string", default: String(availableParallelism())},
    prefill: {type: "string", default: "512"},
    decode: {type: "string", default: "32"},
    rounds: {type: "string", default: "3"},
    runs: {type: "string", default: "1"}
  }
});
const [threads, prefill, decode, rounds, runs] = ["threads", "prefill", "decode", "rounds", "runs"].map(
  (name) => number(options[name], name)
);

const run = (program, args) =>
  JSON.parse(execFileSync(program, args, {encoding: "utf8", stdio: ["ignore", "pipe", "inherit"]}).trim().split("\n").at(-1));
const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

function saccade() {
  const report = run(options.saccade, [
    "bench", options.model, "--device", "cpu", "--threads", threads, "--prefill", prefill, "--decode", decode,
    "--context", prefill, "--repeat", runs, "--json"
  ].map(String));
  const row = (what) => report.rows.find((candidate) => candidate.what === what).median;
  return {prefill: row("prefill"), decode: row("decode"), name: report.machine.instruction_set};
}

function llama() {
  const wanted = JSON.stringify({model: options.model, threads, prefill, decode, runs});
  const report = run(process.execPath, [join(folder, "llama.mjs"), wanted]);
  return {prefill: median(report.prefill), decode: median(report.decode), name: instructionSets(report.systemInfo)};
}

/** Of "CPU : SSE3 = 1 | AVX512 = 1 | ...", the names: what the backend that was chosen may use. */
function instructionSets(systemInfo) {
  return systemInfo.split(/[|:]/).map((word) => word.trim()).filter((word) => word.endsWith("= 1"))
    .map((word) => word.split(" ")[0]).join(" ");
}

const version = JSON.parse(readFileSync(join(folder, "node_modules/node-llama-cpp/package.json"))).version;
console.log(`${options.model}, ${threads} threads, ${cpus()[0].model}`);
console.log(`prompts of ${prefill} tokens, ${decode} tokens more; tokens/s\n`);
console.log("round  prefill: Saccade  llama.cpp  ratio   decode: Saccade  llama.cpp  ratio");
const pairs = [];
const cell = (value, width, digits) => value.toFixed(digits).padStart(width);
for (let round = 1; round <= rounds; ++round) {
  let ours, theirs;
  if (round % 2) {
    ours = saccade();
    theirs = llama();
  } else {
    theirs = llama();
    ours = saccade();
  }
  pairs.push({ours, theirs, prefill: ours.prefill / theirs.prefill, decode: ours.decode / theirs.decode});
  const {prefill: a, decode: b} = pairs.at(-1);
  console.log(
    String(round).padEnd(5) + cell(ours.prefill, 18, 1) + cell(theirs.prefill, 11, 1) + cell(a, 7, 2) +
      cell(ours.decode, 18, 2) + cell(theirs.decode, 11, 2) + cell(b, 7, 2)
  );
}
const middle = (name) => median(pairs.map((pair) => pair[name]));
console.log(`\nmedian ratios: prefill ${middle("prefill").toFixed(2)}, decode ${middle("decode").toFixed(2)}`);
console.log(`Saccade: ${pairs[0].ours.name}; llama.cpp (node-llama-cpp ${version}): ${pairs[0].theirs.name}`);
