#!/usr/bin/env python3
"""What transformers needs for the work that Saccade is measured with, on the same GPU.

    bench/gpu/transformers_bench.py                     everything but the decoding of many streams
    bench/gpu/transformers_bench.py vision prefill      some of it
    bench/gpu/transformers_bench.py --tiny              a few layers, to see that all of it runs

Models are built from their configurations with random weights on the GPU; nothing is downloaded. Attention is
PyTorch's (sdpa: flash attention where it may), weights and activations are bfloat16. Figures are medians over
--repeat runs after two that do not count. The counterparts, with the same shapes:

    vision            saccade bench --random tower --image 1008x1008
    prefill           saccade bench --random qwen2.5-vl-7b --prefill 3976
    long-prefill      saccade bench --random qwen2.5-vl-7b --prefill 18180
    decode, decode-compiled, decode-batch
                      saccade bench --random qwen2.5-vl-7b --decode 128 [--batch 16]

Needs a CUDA GPU with 24 GB, PyTorch, and transformers 5.
"""

import argparse
import json
import statistics
import time

import torch
import transformers
from transformers import Qwen2Config, Qwen2ForCausalLM, StoppingCriteria
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VisionTransformerPretrainedModel

WARM_UPS = 2
CONTEXT = 512  # tokens before the first that is timed; saccade bench has the same
ANSWER = 129  # tokens; the first one belongs to the prompt


def decoder_config(tiny):
    """The text model of Qwen2.5-VL 7B. As Qwen2 it has one position axis instead of three, which costs it less."""
    return Qwen2Config(hidden_size=3584, intermediate_size=18944, num_hidden_layers=2 if tiny else 28,
                       num_attention_heads=28, num_key_value_heads=4, vocab_size=152064, tie_word_embeddings=False,
                       max_position_embeddings=128000, rms_norm_eps=1e-6)


def tower_config(tiny):
    return Qwen2_5_VLVisionConfig(depth=8 if tiny else 32, hidden_size=1280, intermediate_size=3420, num_heads=16,
                                  out_hidden_size=2048, patch_size=14, spatial_merge_size=2, temporal_patch_size=2,
                                  window_size=112, fullatt_block_indexes=[7] if tiny else [7, 15, 23, 31])


def build(model_class, config):
    with torch.device("cuda"):
        model = model_class._from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa")
    return model.eval()


def median_ms(repeat, work):
    """Milliseconds of work(), which leaves nothing but kernels behind."""
    times = []
    for _ in range(WARM_UPS + repeat):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - begin))
    times = times[WARM_UPS:]
    return dict(median=statistics.median(times), min=min(times), max=max(times), unit="ms")


class StepTimes(StoppingCriteria):
    """Notes when each token is there. generate() looks at its own stopping criteria after each, so it waits anyway."""

    def __init__(self):
        self.times = []

    def __call__(self, input_ids, scores, **_):
        torch.cuda.synchronize()
        self.times.append(time.perf_counter())
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)

    def tokens_per_second(self, batch):
        return batch * (len(self.times) - 1) / (self.times[-1] - self.times[0])


class Measurements:
    def __init__(self, options):
        self.options = options
        self.decoder = None

    def shared_decoder(self):
        if self.decoder is None:
            self.decoder = build(Qwen2ForCausalLM, decoder_config(self.options.tiny))
            self.decoder.generation_config.eos_token_id = None
            self.decoder.generation_config.pad_token_id = 0
        return self.decoder

    def vision(self, side=1008):
        side = 112 if self.options.tiny else side
        tower = build(Qwen2_5_VisionTransformerPretrainedModel, tower_config(self.options.tiny))
        patches = side // 14
        pixels = torch.randn(patches * patches, 3 * 2 * 14 * 14, device="cuda", dtype=torch.bfloat16)
        grid = torch.tensor([[1, patches, patches]], device="cuda")
        return median_ms(self.options.repeat, lambda: tower(pixels, grid_thw=grid))

    def prefill(self, tokens=3976):
        tokens = 64 if self.options.tiny else tokens
        model = self.shared_decoder()
        ids = torch.randint(0, 150000, (1, tokens), device="cuda")
        return median_ms(self.options.repeat, lambda: model(input_ids=ids, use_cache=True, logits_to_keep=1))

    def long_prefill(self):
        return self.prefill(18180)

    def decode(self, batch=1, **generate_options):
        model = self.shared_decoder()
        ids = torch.randint(0, 150000, (batch, CONTEXT), device="cuda")
        answer = 17 if self.options.tiny else ANSWER
        rates = []
        for _ in range(WARM_UPS + self.options.repeat):
            steps = StepTimes()
            model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=answer, do_sample=False,
                           stopping_criteria=[steps], **generate_options)
            rates.append(steps.tokens_per_second(batch))
        rates = rates[WARM_UPS:]
        return dict(median=statistics.median(rates), min=min(rates), max=max(rates), unit="tokens/s")

    def decode_compiled(self):
        # With a static cache, generate() compiles the step by itself (mode "reduce-overhead": CUDA graphs).
        return self.decode(cache_implementation="static")

    def decode_batch(self):
        return self.decode(batch=16)


WORK = {
    "vision": ("vision encode 1008x1008, Qwen2.5-VL tower, bf16", Measurements.vision),
    "prefill": ("prefill 3,976 tokens, 7B bf16", Measurements.prefill),
    "long-prefill": ("prefill 18,180 tokens, 7B bf16", Measurements.long_prefill),
    "decode": ("decode 7B bf16, one stream", Measurements.decode),
    "decode-compiled": ("decode 7B bf16, one stream, static cache, compiled", Measurements.decode_compiled),
    "decode-batch": ("decode 7B bf16, 16 streams, all together", Measurements.decode_batch),
}
DEFAULT = [name for name in WORK if name != "decode-batch"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="*", metavar="WORK", help=", ".join(WORK))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="a few layers and short prompts; the figures mean nothing")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for name in options.work:
        if name not in WORK:
            parser.error(f"wanted one of {', '.join(WORK)}, found {name}")
    machine = dict(gpu=torch.cuda.get_device_name(), torch=torch.__version__, transformers=transformers.__version__)
    if not options.json:
        print(f"{machine['gpu']}, torch {machine['torch']}, transformers {machine['transformers']}")
        print("| work | median | min | max | |\n|---|---|---|---|---|", flush=True)
    measurements, rows = Measurements(options), []
    with torch.inference_mode():
        for name in options.work or DEFAULT:
            title, measure = WORK[name]
            row = measure(measurements)
            rows.append(dict(what=name, title=title, **row))
            if not options.json:
                print(f"| {title} | {row['median']:.1f} | {row['min']:.1f} | {row['max']:.1f} | {row['unit']} |",
                      flush=True)
    if options.json:
        print(json.dumps(dict(machine=machine, rows=rows)))


if __name__ == "__main__":
    main()
