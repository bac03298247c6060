"""Writes tests/goldens/<model_type> for the families of vlm_specs.py.

Runs on a machine with torch, torchvision and transformers, on its CPU, in f32:

    python3 tools/goldens/vlm_models.py [--out DIRECTORY] [--only NAME] [--family FAMILY]

As in models.py, all expected values come from the directory as it was written. The real processor of
each family makes ids and pixels, with the Pillow image processor put into it: AutoProcessor would take
the torchvision one, whose resizing differs (README, Findings).
"""

import argparse
import importlib
import json
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
from vlm_specs_gemma import GEMMAS, PLACES
from vlm_specs_tiled import TILED
from vlm_templates import TEMPLATES
from vlm_weights import randomize

FAMILIES = {  # model_type -> configuration, model, processor
    "llava": ("LlavaConfig", "LlavaForConditionalGeneration", "LlavaProcessor"),
    "idefics3": ("Idefics3Config", "Idefics3ForConditionalGeneration", "Idefics3Processor"),
    "smolvlm": ("SmolVLMConfig", "SmolVLMForConditionalGeneration", "SmolVLMProcessor"),
    "internvl": ("InternVLConfig", "InternVLForConditionalGeneration", "InternVLProcessor"),
    "gemma3": ("Gemma3Config", "Gemma3ForConditionalGeneration", "Gemma3Processor"),
    "mistral3": ("Mistral3Config", "Mistral3ForConditionalGeneration", "PixtralProcessor"),
    "pixtral": ("", "", "PixtralProcessor"),
    "llava_next": ("LlavaNextConfig", "LlavaNextForConditionalGeneration", "LlavaNextProcessor"),
    "llava_onevision": ("LlavaOnevisionConfig", "LlavaOnevisionForConditionalGeneration",
                        "LlavaOnevisionProcessor"),
    "idefics2": ("Idefics2Config", "Idefics2ForConditionalGeneration", "Idefics2Processor"),
    "paligemma": ("PaliGemmaConfig", "PaliGemmaForConditionalGeneration", "PaliGemmaProcessor"),
    "gemma4": ("Gemma4Config", "Gemma4ForConditionalGeneration", "Gemma4Processor"),
    "fast_vlm": ("FastVlmConfig", "FastVlmForConditionalGeneration", "LlavaProcessor"),
    "deepseek_ocr2": ("DeepseekOcr2Config", "DeepseekOcr2ForConditionalGeneration",
                      "DeepseekOcr2Processor"),
}
VIDEO_PROCESSORS = {"smolvlm": "SmolVLMVideoProcessor", "internvl": "InternVLVideoProcessor",
                    "llava_onevision": "LlavaOnevisionVideoProcessor",
                    "gemma4": "Gemma4VideoProcessor"}
# What get_image_features is given of a processor's output.
IMAGE_INPUTS = ("pixel_values", "image_sizes", "pixel_attention_mask", "batch_num_images",
                "image_position_ids", "pixel_values_local", "num_local_patches")
# Token types of an answer: in a prefix language model it is what follows the prefix.
ANSWER_TYPE = {"paligemma": 1}


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
    if spec.family == "paligemma":
        top["vocab_size"] = len(tokenizer)
    if spec.family == "gemma4":
        text["vocab_size_per_layer_input"] = len(tokenizer)
    return config_class(text_config=text, vision_config=dict(spec.vision), **top)


def make_images(spec: Vlm):
    module, name = spec.image_class.rsplit(".", 1)
    return getattr(importlib.import_module(f"transformers.models.{module}"), name)


def make_processor(spec: Vlm, tokenizer, images):
    name = FAMILIES["pixtral" if spec.vision["model_type"] == "pixtral" else spec.family][2]
    more = dict(spec.processor)
    if spec.family == "smolvlm":
        # Only for videos, and not installed everywhere.
        transformers.models.smolvlm.processing_smolvlm.num2words = str
    if spec.family == "paligemma":  # It would add all 1,152; the tokenizer has some of them.
        transformers.models.paligemma.processing_paligemma.EXTRA_TOKENS = PLACES
    if spec.family == "gemma4":
        more["feature_extractor"] = transformers.Gemma4AudioFeatureExtractor()
    if spec.family in VIDEO_PROCESSORS:
        more["video_processor"] = getattr(transformers, VIDEO_PROCESSORS[spec.family])()
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


def publish_config(spec: Vlm, path: Path) -> None:
    """What published files say in other words: Gemma 4's sizes of full layers."""
    config = json.loads(path.read_text(encoding="utf-8"))
    text = config["text_config"]
    if text.pop("per_layer_config", None):
        sizes = ("global_head_dim", "num_global_key_value_heads")
        text.update({key: spec.text[key] for key in sizes if key in spec.text})
        write_json(path, config)


def write_checkpoint(spec: Vlm, folder: Path) -> None:
    folder.mkdir(parents=True)
    tokenizer = make_tokenizer(spec)
    model_class = getattr(transformers, FAMILIES[spec.family][1])
    model = model_class(make_config(spec, tokenizer))
    randomize(model, spec.seed, spec.tied,
              [tokenizer.convert_tokens_to_ids(t) for t in special_tokens(spec)])
    model.to(DTYPES[spec.dtype]).save_pretrained(folder)
    if spec.layout == "published":
        publish_config(spec, folder / "config.json")
        if spec.vision["model_type"] in ("clip_vision_model", "siglip_vision_model"):
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
        for module in self.model.modules():
            if torch.is_tensor(getattr(module, "embed_scale", None)):
                module.embed_scale = module.embed_scale.to(DTYPES[spec.dtype]).float()
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
        if not images and self.spec.family in ("paligemma", "deepseek_ocr2"):
            return self.text_inputs(prompt)
        inputs = dict(self.processor(text=[prompt], images=[images] if images else None,
                                     return_tensors="pt", **self.spec.call))
        inputs.pop("labels", None)
        return inputs

    def text_inputs(self, prompt: str) -> dict:
        """Inputs without pictures of families whose processors refuse them."""
        tokenizer = self.processor.tokenizer
        if self.spec.family == "paligemma":  # as its processor writes what follows the pictures
            prompt = f"{tokenizer.bos_token}{prompt}\n"
        inputs = dict(tokenizer([prompt], add_special_tokens=False, return_tensors="pt"))
        inputs.pop("token_type_ids", None)
        if self.spec.family == "paligemma":
            inputs["token_type_ids"] = torch.zeros_like(inputs["input_ids"])
        return inputs

    def image_embeds(self, inputs: dict) -> torch.Tensor:
        """The projector's output, all pictures one after another: [tokens, hidden]."""
        found = self.model.get_image_features(
            **{key: inputs[key] for key in IMAGE_INPUTS if key in inputs})
        found = getattr(found, "pooler_output", found)
        found = found if torch.is_tensor(found) else torch.cat([part for part in found])
        return found.reshape(-1, found.shape[-1])


def stored_pixels(spec: Vlm, inputs: dict) -> torch.Tensor:
    """[tiles, 3, height, width], or Gemma 4's patches [patches, values], without padding."""
    pixels = inputs["pixel_values"]
    if spec.family == "gemma4":
        return pixels[(inputs["image_position_ids"] >= 0).all(-1)]
    return pixels.reshape(-1, *pixels.shape[-3:])


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
    for key in ("token_type_ids", "mm_token_type_ids"):
        if key in inputs:
            answer = torch.full((1, len(chosen)), ANSWER_TYPE.get(reference.spec.family, 0))
            whole[key] = torch.cat([inputs[key], answer.to(inputs[key].dtype)], dim=1)
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
            tensors[f"{name}.pixel_values"] = stored_pixels(reference.spec, inputs)
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
    parser.add_argument("--family", nargs="+", help="these families' configurations")
    arguments = parser.parse_args()
    specs = [spec for spec in VLMS + TILED + GEMMAS if arguments.only in (None, spec.name)
             and (not arguments.family or spec.family in arguments.family)]
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
