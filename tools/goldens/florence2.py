"""Writes tests/goldens/florence2: an encoder-decoder with DaViT as its tower.

Runs as vlm_models.py does:

    python3 tools/goldens/florence2.py [--out DIRECTORY]

There is no chat template: a user's text is a task (<CAPTION> and others, which the processor turns
into a question, with or without a text of the user's), or itself. The decoder begins with
decoder_start_token_id alone; generation_config's forced first token and beams are not used here.
"""

import argparse
import shutil
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    Florence2Config, Florence2ForConditionalGeneration, Florence2Processor,
    PreTrainedTokenizerFast)
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from checkpoint import DTYPES, write_json
from model_specs import NOUNS
from models import NUM_GREEDY, CloseCall, cases_json, pick
from paths import GOLDENS, IMAGES
from tiny_tokenizer import train_plain
from vlm_specs import BICUBIC, IMAGENET_MEAN, IMAGENET_STD
from vlm_weights import randomize

NAMED = {"image_token": "<image>"}
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<image>", "<loc_0>", "<loc_500>", "<loc_999>"]
MIN_DISTINCT = 5  # a greedy path of fewer tokens says little; the next seed is tried
# name -> (picture, text for a noun)
CASES = {
    "grounding": ("odd_61x97", "<CAPTION_TO_PHRASE_GROUNDING>A {noun} beside the water."),
    "detection": ("wide_333x40", "<OPEN_VOCABULARY_DETECTION>{noun}"),
    "caption": ("large_150x201", "<CAPTION>"),
    "free": ("alpha_45x64", "Which colour does the {noun} have, 图片?"),
    "text": (None, "Tell me about the {noun}."),
}
SPECS = {
    "saved_f32": {
        "seed": 171, "dtype": "float32", "layout": "saved", "side": 64, "tokens": 5,
        "text": {"d_model": 24, "encoder_layers": 2, "decoder_layers": 2,
                 "encoder_attention_heads": 4, "decoder_attention_heads": 4,
                 "encoder_ffn_dim": 40, "decoder_ffn_dim": 48, "max_position_embeddings": 160},
        "vision": {"depths": [1, 2, 1, 2], "embed_dim": [8, 12, 16, 18], "num_heads": [1, 2, 2, 3],
                   "num_groups": [2, 2, 4, 3], "window_size": 3, "mlp_ratio": 2.0,
                   "projection_dim": 24, "max_position_embeddings": 6,
                   "max_temporal_embeddings": 4}},
    "published_bf16": {
        "seed": 172, "dtype": "bfloat16", "layout": "published", "side": 96, "tokens": 10,
        "text": {"d_model": 24, "encoder_layers": 3, "decoder_layers": 2,
                 "encoder_attention_heads": 3, "decoder_attention_heads": 2,
                 "encoder_ffn_dim": 32, "decoder_ffn_dim": 40, "max_position_embeddings": 160,
                 "scale_embedding": True},
        "vision": {"depths": [1, 1, 2, 1], "embed_dim": [8, 8, 16, 20], "num_heads": [2, 2, 4, 4],
                   "num_groups": [2, 4, 4, 5], "window_size": 4, "mlp_ratio": 3.0,
                   "qkv_bias": False, "projection_dim": 24, "max_position_embeddings": 5,
                   "max_temporal_embeddings": 6}},
}


def image_settings(spec: dict) -> dict:
    return {"size": {"height": spec["side"], "width": spec["side"]}, "do_center_crop": False,
            "crop_size": {"height": spec["side"], "width": spec["side"]}, "resample": BICUBIC,
            "image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD,
            "image_seq_length": spec["tokens"]}


def write_checkpoint(spec: dict, folder: Path) -> None:
    folder.mkdir(parents=True)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=train_plain(40, SPECIAL), bos_token="<s>", eos_token="</s>",
        pad_token="<pad>", extra_special_tokens=NAMED, clean_up_tokenization_spaces=False,
        model_max_length=160)
    text = {"model_type": "bart", **spec["text"], "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id, "forced_eos_token_id": tokenizer.eos_token_id,
            "decoder_start_token_id": tokenizer.eos_token_id}
    model = Florence2ForConditionalGeneration(Florence2Config(
        text_config=text, vision_config=dict(spec["vision"]),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"), tie_word_embeddings=True))
    randomize(model, spec["seed"], True, tokenizer.convert_tokens_to_ids(SPECIAL))
    model.to(DTYPES[spec["dtype"]]).save_pretrained(folder)
    write_json(folder / "generation_config.json", {
        "decoder_start_token_id": tokenizer.eos_token_id, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id})
    images = CLIPImageProcessorPil(**image_settings(spec))
    if spec["layout"] == "saved":
        Florence2Processor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
        return
    tokenizer.save_pretrained(folder)
    write_json(folder / "preprocessor_config.json", {**images.to_dict(), **image_settings(spec)})
    write_json(folder / "processor_config.json", {"processor_class": "Florence2Processor"})


def greedy(model, encoded, start: torch.Tensor, banned: set[int]) -> tuple[torch.Tensor, list[int]]:
    """The first step's logits [vocab], and NUM_GREEDY tokens after the start token."""
    chosen, cache, token, logits = [], None, start, None
    while len(chosen) < NUM_GREEDY:
        step = model(encoder_outputs=encoded, decoder_input_ids=token, past_key_values=cache,
                     use_cache=True)
        logits = step.logits[0, -1] if logits is None else logits
        chosen.append(pick(step.logits[0, -1], banned))
        cache, token = step.past_key_values, torch.tensor([[chosen[-1]]])
    whole = torch.cat([start, torch.tensor([chosen])], dim=1)
    again = model(encoder_outputs=encoded, decoder_input_ids=whole, use_cache=False).logits[0, :-1]
    assert again.argmax(-1).tolist() == chosen
    return logits, chosen


def run_case(model, processor, name: str, noun: str) -> tuple[dict, dict]:
    """One entry of cases.json and its tensors."""
    picture, text = CASES[name][0], CASES[name][1].format(noun=noun)
    images = [Image.open(IMAGES / f"{picture}.png").convert("RGB")] if picture else None
    inputs = dict(processor(text=[text], images=images, return_tensors="pt"))
    start = torch.tensor([[model.config.text_config.decoder_start_token_id]])
    first = model(**inputs, decoder_input_ids=start, use_cache=False)
    encoded = BaseModelOutput(last_hidden_state=first.encoder_last_hidden_state)
    special = set(processor.tokenizer.convert_tokens_to_ids(SPECIAL))
    logits, chosen = greedy(model, encoded, start, special)
    assert torch.allclose(logits, first.logits[0, -1], atol=1e-5)
    tensors = {f"{name}.logits": logits, f"{name}.encoder": encoded[0][0]}
    content = [{"type": "text", "text": text}]
    if images:
        content.insert(0, {"type": "image", "image": f"{picture}.png"})
        tensors[f"{name}.image_embeds"] = model.get_image_features(
            inputs["pixel_values"]).pooler_output[0]
        if name == "free" and inputs["pixel_values"].shape[-1] <= 64:
            tensors[f"{name}.pixel_values"] = inputs["pixel_values"]
    case = {"name": name, "messages": [{"role": "user", "content": content}],
            "input_ids": inputs["input_ids"][0].tolist(), "decoder_input_ids": start[0].tolist(),
            "greedy": chosen}
    return case, {key: value.float().clone() for key, value in tensors.items()}


def run_cases(model, processor, seed: int) -> tuple[list[dict], dict, int]:
    """cases.json, its tensors, how many nouns were tried; CloseCall where no noun helps."""
    cases, tensors, tries = [], {}, 0
    for number, name in enumerate(CASES):
        nouns = [NOUNS[(number * 7 + seed + attempt) % len(NOUNS)] for attempt in range(len(NOUNS))]
        for noun in nouns if "{noun}" in CASES[name][1] else nouns[:1]:
            tries += 1
            try:
                case, values = run_case(model, processor, name, noun)
            except CloseCall:
                continue
            cases.append(case)
            tensors.update(values)
            break
        else:
            raise CloseCall
    return cases, tensors, tries


@torch.no_grad()
def write_model(name: str, spec: dict, out: Path) -> str:
    """The checkpoint, cases.json and expected.safetensors of one spec; returns a report line."""
    folder = out / "florence2" / name
    for seed in range(spec["seed"], spec["seed"] + 40):  # the first with clear margins
        shutil.rmtree(folder, ignore_errors=True)
        write_checkpoint({**spec, "seed": seed}, folder)
        model, report = Florence2ForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        assert not report["missing_keys"] and not report["unexpected_keys"], report
        model.eval()
        processor = Florence2Processor(
            image_processor=CLIPImageProcessorPil.from_pretrained(folder),
            tokenizer=PreTrainedTokenizerFast.from_pretrained(folder))
        try:
            cases, tensors, tries = run_cases(model, processor, seed)
        except CloseCall:
            continue
        if min(len(set(case["greedy"])) for case in cases) >= MIN_DISTINCT:
            break
    else:
        raise RuntimeError(f"florence2/{name}: no seed gives clear and varied paths")
    (folder / "cases.json").write_text(cases_json(cases), encoding="utf-8")
    save_file(tensors, folder / "expected.safetensors", metadata={"format": "pt"})
    size = sum(path.stat().st_size for path in folder.iterdir())
    return (f"florence2/{name}: {size} bytes, seed {seed}, {tries} tries for {len(cases)} cases, "
            f"logits std {tensors['text.logits'].std():.2f}, distinct greedy "
            f"{[len(set(case['greedy'])) for case in cases]}, tokens "
            f"{[len(case['input_ids']) for case in cases]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=GOLDENS)
    parser.add_argument("--only", choices=SPECS, help="one configuration's name")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name, spec in SPECS.items():
        if arguments.only in (None, name):
            print(write_model(name, spec, arguments.out), flush=True)


if __name__ == "__main__":
    main()
