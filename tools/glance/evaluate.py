"""Measures glance on held-out scenes through the engine, and prints the table of assets/glance/README.md.

    python3 evaluate.py --pack ../../.glance/pack

Pictures are drawn with Pillow from fixed seeds; each question is one run of the engine. `--reference` answers with
the PyTorch model of this folder instead (slower; for checks where the engine is not built).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from compose_cpu import draw
from scenes import Pack
from scoring import held_out_questions, score

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SEED = 4242
ROWS = [("name", "object naming", 90), ("objects (F1)", "listing all objects, F1", None), ("count", "counting", 90),
        ("color", "colour", 95), ("where", "position in the picture", 90), ("relative", "relative position", 90),
        ("read (words)", "reading, words exact", 85), ("read (whole)", "reading, whole text exact", None),
        ("exists", "yes/no: is there a …", None), ("json (valid)", "JSON validity", 100),
        ("json (entity F1)", "JSON entity F1", 85), ("json (strict F1)", "JSON entity F1, with count and colour", None)]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", default=os.path.join(ROOT, ".glance", "pack"))
    parser.add_argument("--model", default=os.path.join(ROOT, "assets", "glance"))
    parser.add_argument("--engine", default=os.path.join(ROOT, "build", "release", "bin", "saccade"))
    parser.add_argument("--per-task", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="engine processes at a time, one thread each")
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--mistakes", type=int, default=0, help="wrong answers to print, per score")
    return parser.parse_args()


def engine_answer(args: argparse.Namespace, prompt: str, picture: str) -> str:
    """One run of the command line."""
    command = [args.engine, "run", args.model, prompt, "--image", picture, "--json", "--max-tokens", "400", "--threads", "1"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}: exit status {result.returncode}: {result.stderr.strip()}")
    return json.loads(result.stdout)["text"]


def reference_answers(args: argparse.Namespace, pack: Pack, questions: list) -> list[str]:
    import torch
    from generate import answers
    from parity import load_model, picture_arrays
    model, tokenizer = load_model(args.model, pack)
    found = []
    with torch.no_grad():
        for scene, qa in questions:
            cells = model.visual(**picture_arrays(draw(pack, scene)))
            found += answers(model, tokenizer, cells, [scene], [qa.prompt], "cpu", 400)
    return found


def engine_answers(args: argparse.Namespace, pack: Pack, questions: list) -> list[str]:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs) as pool:
        def ask(numbered):
            number, (scene, qa) = numbered
            path = os.path.join(folder, f"{number}.png")
            draw(pack, scene).save(path)
            return engine_answer(args, qa.prompt, path)
        return list(pool.map(ask, enumerate(questions)))


def main() -> None:
    args = parse()
    pack = Pack(args.pack)
    questions = list(held_out_questions(pack, SEED, args.per_task))
    found = (reference_answers if args.reference else engine_answers)(args, pack, questions)
    totals: dict[str, list] = {}
    for (_, qa), answer in zip(questions, found):
        for name, value in score(qa.task, qa.facts, answer).items():
            totals.setdefault(name, []).append(value)
            if value < 1 and sum(v < 1 for v in totals[name]) <= args.mistakes:
                print(f"{name}: {qa.prompt!r} -> {answer!r}, expected {qa.answer!r}")
    print("| measured on held-out scenes | questions | score | aim |\n|---|---:|---:|---:|")
    for name, label, aim in ROWS:
        values = totals[name]
        goal = "" if aim is None else "100 %" if aim == 100 else f">= {aim} %"
        print(f"| {label} | {len(values)} | {100 * sum(values) / len(values):.1f} % | {goal} |")


if __name__ == "__main__":
    main()
