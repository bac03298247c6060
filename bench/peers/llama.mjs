// One measurement of llama.cpp through node-llama-cpp: node llama.mjs '{"model", "threads", "prefill", "decode", "runs"}'.
//
// Prints {"prefill": [tokens/s of each run], "decode": [...], "systemInfo"}. A run is a prompt of random tokens into an
// empty context, timed to its first token, and the tokens after it, chosen greedily; one run before does not count.
import process from "node:process";
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const wanted = JSON.parse(process.argv[2]);
const llama = await getLlama({build: "never", gpu: false, maxThreads: wanted.threads, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: wanted.model, gpuLayers: 0});
// The whole prompt is one batch: smaller ones are slower.
const context = await model.createContext({
  contextSize: wanted.prefill + wanted.decode + 16, batchSize: wanted.prefill, threads: wanted.threads
});
const sequence = context.getSequence();

/** A fixed sequence that looks random, of plain tokens of Qwen2.5's vocabulary. */
function prompt(seed) {
  let state = seed >>> 0;
  return Array.from({length: wanted.prefill}, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % 150000;
  });
}

async function once(seed) {
  await sequence.clearHistory();
  const tokens = prompt(seed);
  const times = [performance.now()];
  for await (const _ of sequence.evaluate(tokens, {temperature: 0, yieldEogToken: true})) {
    times.push(performance.now());
    if (times.length === wanted.decode + 2) break;
  }
  return {
    prefill: (1000 * wanted.prefill) / (times[1] - times[0]),
    decode: (1000 * wanted.decode) / (times.at(-1) - times[1])
  };
}

await once(0);
const runs = [];
for (let i = 1; i <= wanted.runs; ++i) runs.push(await once(i));
console.log(JSON.stringify({
  prefill: runs.map((run) => run.prefill), decode: runs.map((run) => run.decode), systemInfo: llama.systemInfo.trim()
}));
process.exit(0); // the library's own ending waits for its threads
