"""Scores of an answer against a question's facts; shared by training and evaluation."""

import json
import re
from collections import Counter

from questions import NUMBERS, RELATIONS
from things import COLORS, plural

TASKS = ["name", "objects", "count", "color", "where", "relative", "read", "exists", "json"]


def bare(phrase: str) -> str:
    """A noun phrase without article, number word and colour."""
    words = phrase.lower().strip(" .").split()
    while len(words) > 1 and (words[0] in ("a", "an", "the", *NUMBERS) or words[0].isdigit()):
        words = words[1:]
    if len(words) > 1 and words[0] in COLORS:
        words = words[1:]
    return " ".join(words)


def _f1(got: Counter, want: Counter) -> float:
    hits = sum((got & want).values())
    total = sum(got.values()) + sum(want.values())
    return 2 * hits / total if total else 1.0


def score(task: str, facts: dict, answer: str) -> dict[str, float]:
    """Named scores in 0..1 of one answer."""
    low = answer.lower().strip().rstrip(".")
    if task == "name":
        return {"name": float(bare(answer) in (facts["name"], plural(facts["name"])))}
    if task == "objects":
        parts = re.split(r", | and (?=a |an |%s)" % "|".join(n + " " for n in NUMBERS[2:]), low)
        names = Counter(bare(part) for part in parts)
        want = Counter(n if c == 1 else plural(n) for n, c, _ in facts["groups"])
        return {"objects (F1)": _f1(names, want)}
    if task == "count":
        found = re.search(r"\d+", low)
        number = int(found.group()) if found else 0 if "no " in low else -1
        return {"count": float(number == facts["count"])}
    if task == "color":
        return {"color": float(low.split()[-1:] == [facts["color"]])}
    if task == "where":
        short = facts["place"].split(" the ")[-1]                     # "the dog is in the top left", or just "top left"
        return {"where": float(low.endswith(facts["place"]) or low == short)}
    if task == "relative":
        return {"relative": float(RELATIONS[facts["relation"]] in low or low == facts["relation"])}
    if task == "read":
        want, got = Counter(facts["text"].split()), Counter(answer.split())
        return {"read (words)": sum((want & got).values()) / sum(want.values()), "read (whole)": float(answer == facts["text"])}
    if task == "exists":
        return {"exists": float(low.startswith("yes") == facts["yes"])}
    return _score_json(facts, answer)


def _score_json(facts: dict, answer: str) -> dict[str, float]:
    try:
        value = json.loads(answer)
        entities = [(e["name"], e["count"], e.get("color")) for e in value["entities"]]
        valid = isinstance(value["context"], str) and isinstance(value["relationships"], list)
    except (ValueError, KeyError, TypeError):
        entities, valid = [], False
    want = [(e["name"], e["count"], e.get("color")) for e in facts["entities"]]
    return {"json (valid)": float(valid), "json (entity F1)": _f1(Counter(e[0] for e in entities), Counter(w[0] for w in want)),
            "json (strict F1)": _f1(Counter(entities), Counter(want))}


def held_out_questions(pack, seed: int, per_task: int):
    """Yields (scene, QA) of the held-out side, `per_task` of every task, each about its own scene."""
    import random
    from questions import Asker
    from scenes import SceneMaker
    styles = {"name": ["single"], "count": ["count"], "read": ["text", "text", "mixed"]}
    for number, task in enumerate(TASKS):
        rng = random.Random(seed * 100 + number)
        maker = SceneMaker(pack, seed * 100 + number, held_out=True)
        done = 0
        while done < per_task:
            scene = maker.make(rng.choice(styles.get(task, ["few", "few", "mixed", "count"])))
            if task == "read" and not scene.texts:
                continue
            if task == "json" and not scene.items:
                continue
            qa = getattr(Asker(pack, scene, rng), task)()
            if qa is None or qa.task != task:
                continue
            if task == "color" and "text" in qa.prompt.lower() and rng.random() < 0.7:
                continue
            done += 1
            yield scene, qa
