"""Writes tests/goldens/<family> of the text models: tiny checkpoints and what transformers computes.

Runs on a machine with torch and transformers installed, on its CPU, in f32:

    python3 tools/goldens/text_models.py [--out DIRECTORY] [--only FAMILY]

All expected values come from the directory as it was written: it is loaded back with
from_pretrained(dtype=float32), so bf16 weights are upcast and computed with in f32. One constant
keeps the storage's precision, as it does when transformers computes in it: the factor of Gemma's
embeddings.
"""

import argparse
import json
import multiprocessing
import shutil
import traceback
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

import tiny_tokenizer
from checkpoint import DTYPES, MAX_POSITIONS, TEMPLATE, scale_of, special_ids, write_json
from model_specs import NOUNS
from models import NUM_GREEDY, CloseCall, cases_json, check_greedy, pick
from paths import GOLDENS
from text_specs import TEXT_CASES, TINY_TEXTS, TinyText

UNIT_OFFSET_NORMS = ("gemma2", "gemma3_text")


def randomize(model, spec: TinyText) -> None:
    """Fills every parameter so that attention is far from uniform, norms not 1, biases not 0."""
    generator = torch.Generator().manual_seed(spec.seed)
    tied = model.config.tie_word_embeddings
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith("embed_tokens.weight") and tied:
            parameter.copy_(noise * spec.embedding_std)
        elif parameter.ndim == 3:  # experts, each a matrix of its own
            parameter.copy_(noise * scale_of(name, parameter.shape[1:], tied))
        elif parameter.ndim > 1:
            parameter.copy_(noise * scale_of(name, parameter.shape, tied))
        elif name.endswith("bias"):
            parameter.copy_(noise * 0.2)
        else:
            parameter.copy_((0.0 if spec.family in UNIT_OFFSET_NORMS else 1.0) + noise * 0.25)


def publish_config(spec: TinyText, path: Path) -> None:
    """Turns a config.json that transformers 5 wrote into one as published before it."""
    config = json.loads(path.read_text(encoding="utf-8"))
    parameters = config.pop("rope_parameters")
    if "full_attention" not in parameters:
        config["rope_theta"] = parameters.pop("rope_theta")
        config["rope_scaling"] = None
        if parameters.get("rope_type", "default") != "default":
            config["rope_scaling"] = parameters
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.49.0"
    for key in spec.left_out:
        config.pop(key, None)
    config.update(spec.published)
    write_json(path, config)


def write_text_checkpoint(spec: TinyText, folder: Path) -> None:
    """A whole Hugging Face directory for one spec."""
    folder.mkdir(parents=True)
    tokenizer = tiny_tokenizer.train(40)
    ids = special_ids(tokenizer)
    config = AutoConfig.for_model(
        spec.family, **spec.config, vocab_size=tokenizer.get_vocab_size() + spec.padded_vocab,
        max_position_embeddings=MAX_POSITIONS, bos_token_id=ids["bos_token_id"],
        eos_token_id=ids["eos_token_id"], pad_token_id=ids["bos_token_id"])
    model = AutoModelForCausalLM.from_config(config)
    randomize(model, spec)
    model.to(DTYPES[spec.dtype]).save_pretrained(folder)
    if spec.layout == "published":
        publish_config(spec, folder / "config.json")
    (folder / "tokenizer.json").write_text(
        tiny_tokenizer.tokenizer_json(tokenizer, True), encoding="utf-8")
    write_json(folder / "tokenizer_config.json",
               tiny_tokenizer.tokenizer_config(tokenizer, MAX_POSITIONS))
    shutil.copy(TEMPLATE, folder / "chat_template.jinja")
    write_json(folder / "generation_config.json", {
        "bos_token_id": ids["bos_token_id"], "do_sample": False,
        "eos_token_id": [ids["eos_token_id"], ids["bos_token_id"]]})


class TextReference:
    """A checkpoint directory as transformers reads it."""

    def __init__(self, folder: Path, dtype: str):
        self.model, report = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        assert not report["missing_keys"] and not report["unexpected_keys"], report
        self.model.eval()
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        embed = self.model.get_input_embeddings()
        if hasattr(embed, "embed_scale"):
            embed.embed_scale = embed.embed_scale.to(DTYPES[dtype]).float()

    def logits(self, ids: torch.Tensor, pixels: dict, **more):
        """With the signature that models.check_greedy expects; a text model has no pixels."""
        return self.model(input_ids=ids, attention_mask=torch.ones_like(ids), **more)


def greedy(reference: TextReference, first) -> list[int]:
    """NUM_GREEDY argmax tokens after a prompt, with a key/value cache."""
    chosen, cache = [pick(first.logits[0, -1], set())], first.past_key_values
    while len(chosen) < NUM_GREEDY:
        step = reference.model(input_ids=torch.tensor([[chosen[-1]]]), past_key_values=cache,
                               use_cache=True)
        chosen.append(pick(step.logits[0, -1], set()))
    return chosen


def run_case(reference: TextReference, spec: TinyText, name: str, noun: str) -> tuple[dict, dict]:
    """One entry of cases.json and its tensors."""
    messages = TEXT_CASES[name](noun)
    prompt = reference.tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True)
    ids = reference.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    tensor = torch.tensor([ids])
    first = reference.logits(tensor, {}, use_cache=True)
    chosen = greedy(reference, first)
    check_greedy(reference, tensor, {}, chosen)
    tensors = {f"{name}.logits": first.logits[0, -1]}
    if spec.all_logits and name == "text":
        tensors[f"{name}.all_logits"] = first.logits[0]
    case = {"name": name, "messages": messages, "prompt": prompt, "input_ids": ids,
            "greedy": chosen}
    return case, {key: value.float().clone() for key, value in tensors.items()}


@torch.no_grad()
def write_model(spec: TinyText, out: Path) -> str:
    """The checkpoint, cases.json and expected.safetensors of one spec; returns a report line."""
    torch.set_num_threads(1)
    folder = out / spec.family / spec.name
    shutil.rmtree(folder, ignore_errors=True)
    write_text_checkpoint(spec, folder)
    reference = TextReference(folder, spec.dtype)
    cases, tensors, tries = [], {}, 0
    for number, name in enumerate(TEXT_CASES):
        for attempt in range(len(NOUNS)):
            tries += 1
            noun = NOUNS[(number * 7 + spec.seed + attempt) % len(NOUNS)]
            try:
                case, values = run_case(reference, spec, name, noun)
            except CloseCall:
                continue
            cases.append(case)
            tensors.update(values)
            break
        else:
            raise RuntimeError(f"{folder}/{name}: no noun gives clear margins; change the seed")
    (folder / "cases.json").write_text(cases_json(cases), encoding="utf-8")
    save_file(tensors, folder / "expected.safetensors", metadata={"format": "pt"})
    size = sum(path.stat().st_size for path in folder.iterdir())
    spread = tensors["text.logits"]
    return (f"{spec.family}/{spec.name}: {size} bytes, {tries} tries, prompts "
            f"{[len(case['input_ids']) for case in cases]}, logits std {spread.std():.2f}, "
            f"distinct greedy {[len(set(case['greedy'])) for case in cases]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=GOLDENS)
    parser.add_argument("--only", help="one family's model_type")
    arguments = parser.parse_args()
    specs = [spec for spec in TINY_TEXTS if arguments.only in (None, spec.family)]
    failed = 0
    with multiprocessing.get_context("spawn").Pool(min(16, len(specs))) as pool:
        pending = [(spec, pool.apply_async(write_model, (spec, arguments.out))) for spec in specs]
        for spec, result in pending:
            try:
                print(result.get(), flush=True)
            except Exception:
                failed += 1
                print(f"{spec.family}/{spec.name} FAILED\n{traceback.format_exc()}", flush=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
