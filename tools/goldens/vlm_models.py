"""Writes tests/goldens/<model_type> for the families of vlm_specs.py.

Runs on a machine with torch, torchvision and transformers, on its CPU, in f32:

    python3 tools/goldens/vlm_models.py [--out DIRECTORY] [--only NAME] [--family FAMILY]

As in models.py, all expected values come from the directory as it was written. The real processor of
each family makes ids and pixels, with the Pillow image processor put into it: AutoProcessor would take
the torchvision one, whose resizing differs (README, Findings).
"""

import argparse
import importlib
import multiprocessing
import shutil
import traceback
from pathlib import Path

import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import processors
from transformers import PreTrainedTokenizerFast

from checkpoint import DTYPES, write_json
from model_specs import CASES, NOUNS
from models import CloseCall, NUM_GREEDY, cases_json, pick
from paths import GOLDENS, IMAGES
from tiny_tokenizer import train_plain
from vlm_specs import VLMS, Vlm
from vlm_templates import TEMPLATES

FAMILIES = {  # model_type -> configuration, model, processor
    "llava": ("LlavaConfig", "LlavaForConditionalGeneration", "LlavaProcessor"),
    "idefics3": ("Idefics3Config", "Idefics3ForConditionalGeneration", "Idefics3Processor"),
    "smolvlm": ("SmolVLMConfig", "SmolVLMForConditionalGeneration", "SmolVLMProcessor"),
    "internvl": ("InternVLConfig", "InternVLForConditionalGeneration", "InternVLProcessor"),
    "gemma3": ("Gemma3Config", "Gemma3ForConditionalGeneration", "Gemma3Processor"),
    "mistral3": ("Mistral3Config", "Mistral3ForConditionalGeneration", "PixtralProcessor"),
    "pixtral": ("", "", "PixtralProcessor"),
}


def special_tokens(spec: Vlm) -> list[str]:
    tokens = spec.tokens
    named = [tokens[role] for role in ("bos", "eos", "pad", "image")]
    found = named + tokens.get("extra", []) + list(tokens.get("named", {}).values())
    return list(dict.fromkeys(found))


def make_tokenizer(spec: Vlm) -> PreTrainedTokenizerFast:
    """The tiny byte-level tokenizer with the family's special tokens."""
    tokens = spec.tokens
    tokenizer = train_plain(spec.num_merges, special_tokens(spec))
    if spec.add_bos:
        bos = tokens["bos"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=tokens["bos"], eos_token=tokens["eos"], pad_token=tokens["pad"],
        extra_special_tokens=tokens.get("named", tokens.get("extra", [])),
        clean_up_tokenization_spaces=False, model_max_length=2048)


def make_config(spec: Vlm, tokenizer):
    def ids(values: dict) -> dict:
        return {key: tokenizer.convert_tokens_to_ids(value) if key.endswith(
            ("token_id", "token_index")) else value for key, value in values.items()}

    text = {**spec.text, "vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config_class = getattr(transformers, FAMILIES[spec.family][0])
    top = {"tie_word_embeddings": spec.tied, **ids(spec.top)}
    return config_class(text_config=text, vision_config=dict(spec.vision), **top)


def scale_of(name: str, shape: torch.Size, tied: bool, gemma: bool) -> float:
    """As checkpoint.scale_of, for the names of these families."""
    if "mm_input_projection" in name:
        return 1.0 / shape[0]**0.5
    if "position" in name or "class_embedding" in name or "cls_token" in name:
        return 0.5
    gain = 1.0
    if "q_proj" in name or "k_proj" in name:
        gain = 1.8
    elif "lm_head" in name:
        gain = 2.5
    elif "language_model" in name or "text_model" in name:
        if "o_proj" in name or "down_proj" in name:
            gain = 1.5
        elif "embed_tokens" in name:
            # Gemma multiplies embeddings by the root of the hidden size.
            return (0.25 if tied else 1.0) / (shape[1]**0.5 if gemma else 1.0)
    return gain / shape[1:].numel()**0.5


def randomize(model, spec: Vlm, quiet_rows: list[int]) -> None:
    generator = torch.Generator().manual_seed(spec.seed)
    # Gemma's RMS norms store how far the factor is from 1.
    offset = {f"{name}.weight" for name, module in model.named_modules()
              if type(module).__name__ == "Gemma3RMSNorm"}
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1 or "class_embedding" in name:
                parameter.copy_(noise * scale_of(name, parameter.shape, spec.tied, bool(offset)))
            elif name.endswith("bias"):
                parameter.copy_(noise * 0.2)
            else:
                parameter.copy_((0.0 if name in offset else 1.0) + noise * 0.25)
        model.get_output_embeddings().weight[quiet_rows] *= 0.1


def make_images(spec: Vlm):
    module, name = spec.image_class.rsplit(".", 1)
    return getattr(importlib.import_module(f"transformers.models.{module}"), name)


def make_processor(spec: Vlm, tokenizer, images):
    name = FAMILIES["pixtral" if spec.vision["model_type"] == "pixtral" else spec.family][2]
    more = dict(spec.processor)
    if spec.family == "smolvlm":
        # Only for videos, and not installed everywhere.
        transformers.models.smolvlm.processing_smolvlm.num2words = str
    if spec.family in ("smolvlm", "internvl"):
        video = {"smolvlm": "SmolVLMVideoProcessor", "internvl": "InternVLVideoProcessor"}
        more["video_processor"] = getattr(transformers, video[spec.family])()
    return getattr(transformers, name)(image_processor=images, tokenizer=tokenizer,
                                       chat_template=TEMPLATES[spec.template], **more)


def rename_tower(folder: Path) -> None:
    """The tower's tensors as vision_tower.vision_model.*, as the published files have them."""
    path = folder / "model.safetensors"
    tensors = {name.replace("vision_tower.", "vision_tower.vision_model.", 1): tensor
               for name, tensor in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def write_processor(spec: Vlm, processor, folder: Path) -> None:
    if spec.layout == "saved":
        processor.save_pretrained(folder)
        return
    processor.tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(TEMPLATES[spec.template], encoding="utf-8")
    settings = {**processor.image_processor.to_dict(), **spec.images}
    write_json(folder / "preprocessor_config.json", settings)
    write_json(folder / "processor_config.json",
               {"processor_class": type(processor).__name__, **spec.processor})


def write_checkpoint(spec: Vlm, folder: Path) -> None:
    folder.mkdir(parents=True)
    tokenizer = make_tokenizer(spec)
    model_class = getattr(transformers, FAMILIES[spec.family][1])
    model = model_class(make_config(spec, tokenizer))
    randomize(model, spec, [tokenizer.convert_tokens_to_ids(t) for t in special_tokens(spec)])
    model.to(DTYPES[spec.dtype]).save_pretrained(folder)
    if spec.layout == "published" and spec.vision["model_type"] in (
            "clip_vision_model", "siglip_vision_model"):
        rename_tower(folder)
    write_json(folder / "generation_config.json", {
        "eos_token_id": [tokenizer.eos_token_id], "pad_token_id": tokenizer.pad_token_id})
    write_processor(spec, make_processor(spec, tokenizer, make_images(spec)(**spec.images)), folder)


class Reference:
    """A checkpoint directory as transformers reads it."""

    def __init__(self, spec: Vlm, folder: Path):
        model_class = getattr(transformers, FAMILIES[spec.family][1])
        self.model, report = model_class.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        assert not report["missing_keys"] and not report["unexpected_keys"], report
        self.model.eval()
        # Gemma's embedding scale is rounded to the dtype that a model runs in; as it is for us.
        embedding = self.model.get_input_embeddings()
        if hasattr(embedding, "embed_scale"):
            embedding.embed_scale = embedding.embed_scale.to(DTYPES[spec.dtype]).float()
        self.spec = spec
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        self.processor = make_processor(spec, tokenizer, make_images(spec).from_pretrained(folder))
        self.banned = {tokenizer.convert_tokens_to_ids(token) for token in special_tokens(spec)}

    def prompt(self, messages: list) -> str:
        return self.processor.tokenizer.apply_chat_template(
            messages, chat_template=TEMPLATES[self.spec.template], tokenize=False,
            add_generation_prompt=True)

    def inputs(self, messages: list, prompt: str) -> dict:
        """What the processor hands to the model."""
        files = [part["image"] for message in messages if isinstance(message["content"], list)
                 for part in message["content"] if part["type"] == "image"]
        images = [Image.open(IMAGES / file).convert("RGB") for file in files]
        return dict(self.processor(text=[prompt], images=[images] if images else None,
                                   return_tensors="pt", **self.spec.call))

    def image_embeds(self, inputs: dict) -> torch.Tensor:
        """The projector's output, all pictures one after another: [tokens, hidden]."""
        wanted = ("pixel_values", "image_sizes", "pixel_attention_mask")
        found = self.model.get_image_features(**{k: inputs[k] for k in wanted if k in inputs})
        found = getattr(found, "pooler_output", found)
        found = found if torch.is_tensor(found) else torch.cat([part for part in found])
        return found.reshape(-1, found.shape[-1])


def greedy(reference: Reference, first) -> list[int]:
    chosen, cache = [pick(first.logits[0, -1], reference.banned)], first.past_key_values
    while len(chosen) < NUM_GREEDY:
        step = reference.model(input_ids=torch.tensor([[chosen[-1]]]), past_key_values=cache,
                               use_cache=True)
        chosen.append(pick(step.logits[0, -1], reference.banned))
    return chosen


def check_greedy(reference: Reference, inputs: dict, chosen: list[int]) -> None:
    """One pass over prompt and answer, without a cache, must choose the same tokens."""
    whole, count = dict(inputs), inputs["input_ids"].shape[1]
    whole["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([chosen])], dim=1)
    whole["attention_mask"] = torch.ones_like(whole["input_ids"])
    if "token_type_ids" in inputs:
        zeros = torch.zeros(1, len(chosen), dtype=inputs["token_type_ids"].dtype)
        whole["token_type_ids"] = torch.cat([inputs["token_type_ids"], zeros], dim=1)
    logits = reference.model(**whole, use_cache=False).logits[0, count - 1:-1]
    assert logits.argmax(-1).tolist() == chosen


def run_case(reference: Reference, name: str, noun: str) -> tuple[dict, dict]:
    """One entry of cases.json and its tensors."""
    messages = CASES[name][0](noun)
    prompt = reference.prompt(messages)
    inputs = reference.inputs(messages, prompt)
    first = reference.model(**inputs, use_cache=True)
    chosen = greedy(reference, first)
    check_greedy(reference, inputs, chosen)
    tensors = {f"{name}.logits": first.logits[0, -1]}
    if "pixel_values" in inputs:
        tensors[f"{name}.image_embeds"] = reference.image_embeds(inputs)
        if name in reference.spec.pixels:
            pixels = inputs["pixel_values"]
            tensors[f"{name}.pixel_values"] = pixels.reshape(-1, *pixels.shape[-3:])
    case = {"name": name, "messages": messages, "prompt": prompt,
            "input_ids": inputs["input_ids"][0].tolist(), "greedy": chosen}
    return case, {key: value.float().clone() for key, value in tensors.items()}


@torch.no_grad()
def write_model(spec: Vlm, out: Path) -> str:
    """The checkpoint, cases.json and expected.safetensors of one spec; returns a report line."""
    torch.set_num_threads(1)
    folder = out / spec.family / spec.name
    shutil.rmtree(folder, ignore_errors=True)
    write_checkpoint(spec, folder)
    reference = Reference(spec, folder)
    cases, tensors, tries = [], {}, 0
    for number, name in enumerate(spec.cases):
        for attempt in range(len(NOUNS)):
            tries += 1
            noun = NOUNS[(number * 7 + spec.seed + attempt) % len(NOUNS)]
            try:
                case, values = run_case(reference, name, noun)
            except CloseCall:
                continue
            cases.append(case)
            tensors.update(values)
            break
        else:
            raise RuntimeError(f"{spec.name}/{name}: no noun gives clear margins; change the seed")
    (folder / "cases.json").write_text(cases_json(cases), encoding="utf-8")
    save_file(tensors, folder / "expected.safetensors", metadata={"format": "pt"})
    size = sum(path.stat().st_size for path in folder.iterdir())
    spread = tensors[f"{cases[0]['name']}.logits"]
    distinct = [len(set(case["greedy"])) for case in cases]
    lengths = [len(case["input_ids"]) for case in cases]
    return (f"{spec.family}/{spec.name}: {size} bytes, {tries} tries for {len(cases)} cases, "
            f"logits std {spread.std():.2f}, distinct greedy {distinct}, tokens {lengths}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=GOLDENS)
    parser.add_argument("--only", help="one configuration's name")
    parser.add_argument("--family", help="one family's configurations")
    arguments = parser.parse_args()
    specs = [spec for spec in VLMS if arguments.only in (None, spec.name)
             and arguments.family in (None, spec.family)]
    with multiprocessing.get_context("spawn").Pool(min(len(specs), 16)) as pool:
        pending = [(spec, pool.apply_async(write_model, (spec, arguments.out))) for spec in specs]
        failed = 0
        for spec, result in pending:
            try:
                print(result.get(), flush=True)
            except Exception:
                failed += 1
                print(f"{spec.family}/{spec.name} FAILED\n{traceback.format_exc()}", flush=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
