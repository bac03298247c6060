"""Questions about a scene, with the one right answer each.

Every asker takes (scene, rng) and returns a QA or None when the question would not be well posed.
`literals` are the strings in the answer that were read off the picture: training spells them out letter by letter.
"""

import json
import random
from dataclasses import dataclass, field

import prompts
from scenes import COLUMN_NAMES, ROW_NAMES, Item, Pack, Scene
from things import COLORS, article, plural

NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
RELATIONS = {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below"}
OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}


@dataclass
class QA:
    task: str
    prompt: str
    answer: str
    facts: dict = field(default_factory=dict)   # what the evaluation scores by
    literals: tuple = ()


@dataclass
class Group:
    """The scene's items of one kind and colour."""
    kind: int
    name: str
    color: str | None
    items: list

    @property
    def full(self) -> str:
        return f"{self.color} {self.name}" if self.color else self.name

    @property
    def phrase(self) -> str:
        count = len(self.items)
        return article(self.full) if count == 1 else f"{NUMBERS[count]} {plural(self.full)}"


def place_words(row: int, column: int) -> str:
    if (row, column) == (1, 1):
        return "in the center"
    if row == 1:
        return "on the " + COLUMN_NAMES[column]
    if column == 1:
        return "at the " + ROW_NAMES[row]
    return f"in the {ROW_NAMES[row]} {COLUMN_NAMES[column]}"


def join(phrases: list[str]) -> str:
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]


def relation(a, b, clear: float = 1.0) -> str | None:
    """Where a is from b: left, right, above, below; None when neither direction dominates clearly."""
    dx, dy = a.x - b.x, a.y - b.y
    if max(abs(dx), abs(dy)) < 24 or max(abs(dx), abs(dy)) < clear * 1.35 * min(abs(dx), abs(dy)):
        return None
    if abs(dx) > abs(dy):
        return "left" if dx < 0 else "right"
    return "above" if dy < 0 else "below"


class Asker:
    """Everything that can be asked about one scene."""

    def __init__(self, pack: Pack, scene: Scene, rng: random.Random):
        self.pack, self.scene, self.rng = pack, scene, rng
        table: dict[tuple, list[Item]] = {}
        for item in scene.items:
            table.setdefault((item.kind, item.color), []).append(item)
        groups = [Group(kind, pack.kinds[kind], color, items) for (kind, color), items in table.items()]
        self.groups = sorted(groups, key=lambda g: min(item.x for item in g.items))
        self.texts = sorted(scene.texts, key=lambda t: t.y)
        self.kind_counts: dict[int, int] = {}
        for group in self.groups:
            self.kind_counts[group.kind] = self.kind_counts.get(group.kind, 0) + len(group.items)

    # -- phrases ------------------------------------------------------------------------------------

    def _ask(self, task, templates, answer, facts=None, literals=(), short=None, **words) -> QA:
        prompt = self.rng.choice(templates)
        for key, value in words.items():
            prompt = prompt.replace("{" + key + "}", value)
        prompt = prompts.vary(self.rng, prompt[0].upper() + prompt[1:])
        if short is not None and self.rng.random() < 0.12:
            prompt, answer = f"{prompt} {self.rng.choice(prompts.SHORT)}", short
        return QA(task, prompt, answer, facts or {}, tuple(literals))

    def _text_phrase(self, text) -> str:
        kind = "number" if text.string.replace(".", "").isdigit() else "word" if " " not in text.string else "text"
        return f'the {kind} "{text.string}"'

    def _ref(self, group: Group) -> str | None:
        """"the dog", or "the red dog" when colours tell dogs apart; None for several items."""
        if len(group.items) != 1:
            return None
        if self.kind_counts[group.kind] == 1:
            return "the " + (group.full if group.color and self.rng.random() < 0.3 else group.name)
        return "the " + group.full if group.color else None

    def _unique(self) -> list[Group]:
        return [g for g in self.groups if len(g.items) == 1 and (g.color or self.kind_counts[g.kind] == 1)]

    def _contents(self) -> str:
        return join([g.phrase for g in self.groups] + [self._text_phrase(t) for t in self.texts])

    def _background(self) -> str:
        scene = self.scene
        return f"a {scene.background} {scene.background_color + ' ' if scene.background_color else ''}background"

    def _literals(self) -> list[str]:
        return [t.string for t in self.texts]

    def _absent(self) -> int:
        while True:
            kind = self.rng.randrange(len(self.pack.kinds))
            if kind not in self.kind_counts:
                return kind

    # -- questions ----------------------------------------------------------------------------------

    def describe(self, templates=None) -> QA:
        answer = f"The picture shows {self._contents()} on {self._background()}."
        return self._ask("describe", templates or prompts.DESCRIBE, answer, {"groups": self._facts()}, self._literals())

    def odd(self) -> QA:
        return self.describe(prompts.ODD)

    def _facts(self) -> list:
        return [[g.name, len(g.items), g.color] for g in self.groups]

    def detail(self) -> QA:
        parts = [f"The picture shows {self._contents()} on {self._background()}."]
        for group in self.groups[:5]:
            if len(group.items) == 1 and (group.color or self.kind_counts[group.kind] == 1):
                item = group.items[0]
                parts.append(f"The {group.full} is {place_words(*self.scene.cell(item.x, item.y))}.")
        for text in self.texts[:2]:
            phrase = self._text_phrase(text)
            parts.append(f"{phrase[0].upper()}{phrase[1:]} is {place_words(*self.scene.cell(text.x, text.y))}.")
        return self._ask("detail", prompts.DETAIL, " ".join(parts), {"groups": self._facts()},
                         self._literals() + self._literals()[:2])

    def name(self) -> QA | None:
        if len(self.groups) != 1:
            return self.objects(prompts.NAME) if self.rng.random() < 0.15 else None
        group = self.groups[0]
        answer = group.phrase[0].upper() + group.phrase[1:] + "."
        return self._ask("name", prompts.NAME, answer, {"name": group.name}, short=group.name.capitalize())

    def objects(self, templates=None) -> QA | None:
        """Things only; a picture of nothing but text is answered with its text."""
        answer = join([g.phrase for g in self.groups] or [self._text_phrase(t) for t in self.texts])
        if not self.groups:
            return self._ask("objects_text", templates or prompts.OBJECTS, answer[0].upper() + answer[1:] + ".", {},
                             self._literals())
        return self._ask("objects", templates or prompts.OBJECTS, answer[0].upper() + answer[1:] + ".", {"groups": self._facts()})

    def at_cell(self) -> QA | None:
        cells: dict[tuple, list] = {}
        for group in self.groups:
            for item in group.items:
                near = not self.scene.clear_cell(item.x, item.y)
                cells.setdefault(self.scene.cell(item.x, item.y), []).append(None if near else group)
        for text in self.texts:
            cells.setdefault(self.scene.cell(text.x, text.y), []).append(None)
        clear = [(cell, members[0]) for cell, members in cells.items() if len(members) == 1 and members[0]]
        if not clear or any(None in members for members in cells.values()):
            return None
        cell, group = self.rng.choice(clear)
        answer = article(group.full)
        return self._ask("at_cell", prompts.AT_CELL, answer[0].upper() + answer[1:] + ".", {"name": group.name},
                         w=place_words(*cell), short=group.name.capitalize())

    def where(self) -> QA | None:
        choices = [(self._ref(g), g.items[0], ()) for g in self._unique()]
        choices += [("the " + ("number" if t.string.isdigit() else "text" if self.rng.random() < 0.5 else "word"), t, ())
                    for t in self.texts if len(self.texts) == 1]
        choices = [c for c in choices if c[0] and self.scene.clear_cell(c[1].x, c[1].y)]
        if not choices:
            return None
        ref, item, _ = self.rng.choice(choices)
        words = place_words(*self.scene.cell(item.x, item.y))
        short = words.removeprefix("in the ").removeprefix("at the ").removeprefix("on the ").capitalize()
        return self._ask("where", prompts.WHERE, f"{ref[0].upper()}{ref[1:]} is {words}.", {"place": words}, short=short,
                         x=ref)

    def _pair(self):
        refs = [(self._ref(g), g.items[0]) for g in self._unique()]
        refs = [r for r in refs if r[0]]
        if len(refs) < 2:
            return None
        (x, a), (y, b) = self.rng.sample(refs, 2)
        found = relation(a, b)
        return (x, y, a, b, found) if found else None

    def relative(self) -> QA | None:
        pair = self._pair()
        if not pair:
            return None
        x, y, a, b, found = pair
        templates = prompts.RELATIVE
        if self.rng.random() < 0.3:
            templates = prompts.CHOICE_X if found in ("left", "right") else prompts.CHOICE_Y
        answer = f"{x[0].upper()}{x[1:]} is {RELATIONS[found]} {y}."
        return self._ask("relative", templates, answer, {"relation": found}, x=x, y=y, short=found.capitalize())

    def is_relation(self) -> QA | None:
        pair = self._pair()
        if not pair:
            return None
        x, y, a, b, found = pair
        truth = self.rng.random() < 0.5
        asked = found if truth else OPPOSITE[found]
        words = {"left": ["to the left of", "left of", "on the left of"], "right": ["to the right of", "right of"],
                 "above": ["above", "over", "higher than"], "below": ["below", "under", "lower than"]}[asked]
        full = f"{x} is {RELATIONS[found]} {y}."
        answer = f"Yes, {full}" if truth else f"No, {full}"
        return self._ask("is_relation", prompts.IS_RELATION, answer, {"yes": truth}, x=x, y=y, r=self.rng.choice(words),
                         short="Yes" if truth else "No")

    def count(self) -> QA:
        if not self.groups or self.rng.random() < 0.1:
            name = self.pack.kinds[self._absent()]
            return self._counted(name, 0)
        group = self.rng.choice(self.groups)
        if group.color and self.rng.random() < (0.75 if self.kind_counts[group.kind] > len(group.items) else 0.3):
            return self._counted(group.full, len(group.items))
        return self._counted(group.name, self.kind_counts[group.kind])

    def _counted(self, name: str, number: int) -> QA:
        words = f"is 1 {name}" if number == 1 else f"are {number or 'no'} {plural(name)}"
        return self._ask("count", prompts.COUNT, f"There {words}.", {"count": number}, p=plural(name), short=str(number))

    def count_all(self) -> QA | None:
        number = len(self.scene.items)
        if not number:
            return None
        words = "is 1 object" if number == 1 else f"are {number} objects"
        return self._ask("count_all", prompts.COUNT_ALL, f"There {words}.", {"count": number}, short=str(number))

    def color(self) -> QA | None:
        kinds: dict[int, list[Group]] = {}
        for group in self.groups:
            kinds.setdefault(group.kind, []).append(group)
        choices = [g[0] for g in kinds.values() if len(g) == 1 and g[0].color]
        if self.texts and (not choices or self.rng.random() < 0.25) and len({t.color for t in self.texts}) == 1:
            ref = self.rng.choice(["the text", "the word"])
            color = self.texts[0].color
            return self._ask("color", prompts.COLOR, f"The {ref[4:]} is {color}.", {"color": color}, x=ref,
                             short=color.capitalize())
        if not choices:
            return None
        group = self.rng.choice(choices)
        if len(group.items) == 1:
            return self._ask("color", prompts.COLOR, f"The {group.name} is {group.color}.", {"color": group.color},
                             x="the " + group.name, short=group.color.capitalize())
        name = plural(group.name)
        return self._ask("color", prompts.COLOR_MANY, f"The {name} are {group.color}.", {"color": group.color},
                         x="the " + name, short=group.color.capitalize())

    def which_color(self) -> QA | None:
        if not self.groups or any(g.color is None for g in self.groups):
            return None
        colors = [g.color for g in self.groups]
        choices = [g for g in self.groups if colors.count(g.color) == 1 and len(g.items) == 1]
        if not choices:
            return None
        group = self.rng.choice(choices)
        return self._ask("which_color", prompts.WHICH_COLOR, f"The {group.name}.", {"name": group.name}, c=group.color,
                         short=group.name.capitalize())

    def background_color(self) -> QA | None:
        color = self.scene.background_color
        if color is None:
            return None
        return self._ask("background_color", prompts.BACKGROUND_COLOR, f"The background is {color}.", {"color": color},
                         short=color.capitalize())

    def background(self) -> QA:
        return self._ask("background", prompts.BACKGROUND, f"It is {self._background()}.", {"kind": self.scene.background})

    def read(self) -> QA | None:
        if not self.texts:
            return self._ask("read_none", prompts.READ, "There is no text in the picture.")
        text = "\n".join(t.string for t in self.texts)
        templates = prompts.READ
        if len(self.texts) == 1 and self.rng.random() < 0.4:
            digits = text.replace(".", "").isdigit()
            templates = prompts.READ_NUMBER if digits else prompts.READ_WORD if " " not in text else prompts.READ
        return self._ask("read", templates, text, {"text": text}, [t.string for t in self.texts])

    def has_text(self) -> QA:
        if not self.texts:
            return self._ask("has_text", prompts.HAS_TEXT, "No, there is no text.", {"yes": False}, short="No")
        phrase = join([self._text_phrase(t) for t in self.texts])
        return self._ask("has_text", prompts.HAS_TEXT, f"Yes, there is {phrase}.", {"yes": True}, self._literals(), short=None)

    def exists(self) -> QA:
        if not self.groups or self.rng.random() < 0.5:
            name = self.pack.kinds[self._absent()]
            if self.groups and self.rng.random() < 0.25:              # right thing, wrong colour
                group = self.rng.choice(self.groups)
                present = {g.color for g in self.groups if g.kind == group.kind}
                if None not in present:
                    name = f"{self.rng.choice([c for c in COLORS if c not in present])} {group.name}"
            return self._ask("exists", prompts.EXISTS, f"No, there is no {name}.", {"yes": False}, a=article(name), n=name,
                             p=plural(name), short="No")
        group = self.rng.choice(self.groups)
        number, name = self.kind_counts[group.kind], group.name
        if group.color and self.rng.random() < 0.35:
            number, name = len(group.items), group.full
        answer = f"is {article(name)}" if number == 1 else f"are {NUMBERS[number]} {plural(name)}"
        return self._ask("exists", prompts.EXISTS, f"Yes, there {answer}.", {"yes": True}, a=article(name), n=name,
                         p=plural(name), short="Yes")

    def missing(self) -> QA:
        name = self.pack.kinds[self._absent()]
        templates = prompts.WHERE if self.rng.random() < 0.6 else prompts.COLOR
        return self._ask("missing", templates, f"There is no {name} in the picture.", x="the " + name)

    def more(self) -> QA | None:
        if len(self.kind_counts) < 2:
            return None
        a, b = self.rng.sample(list(self.kind_counts), 2)
        first, second = self.kind_counts[a], self.kind_counts[b]
        words = [f"{n} {self.pack.kinds[k] if n == 1 else plural(self.pack.kinds[k])}" for n, k in ((first, a), (second, b))]
        answer = f"{'Yes' if first > second else 'No'}, there {'is' if first == 1 else 'are'} {words[0]} and {words[1]}."
        return self._ask("more", prompts.MORE, answer, {"yes": first > second}, p=plural(self.pack.kinds[a]),
                         q=plural(self.pack.kinds[b]), short="Yes" if first > second else "No")

    def bigger(self) -> QA | None:
        refs = [(self._ref(g), g.items[0]) for g in self._unique()]
        refs = [r for r in refs if r[0]]
        if len(refs) < 2:
            return None
        (x, a), (y, b) = self.rng.sample(refs, 2)
        if max(a.size, b.size) < 1.35 * min(a.size, b.size):
            return None
        answer = x if a.size > b.size else y
        return self._ask("bigger", prompts.BIGGER, answer[0].upper() + answer[1:] + ".", {"name": answer}, x=x, y=y)

    def json(self) -> QA:
        entities = []
        for group in self.groups:
            entity = {"name": group.name, "count": len(group.items)}
            if group.color:
                entity["color"] = group.color
            entities.append(entity)
        context = self._background()
        if self.texts:
            context = f"{join([self._text_phrase(t) for t in self.texts])} on {context}"
        value = {"entities": entities, "context": context, "relationships": self._relationships()}
        literals = self._literals()
        return self._ask("json", prompts.JSON, json.dumps(value), {"entities": entities}, literals)

    def _relationships(self) -> list:
        """Up to three clear relations between neighbours in the entity order."""
        found = []
        unique = self._unique()
        for a, b in zip(unique, unique[1:]):
            where = relation(a.items[0], b.items[0], clear=0.0)
            if where and len(found) < 3:
                words = {"left": "left of", "right": "right of"}.get(where, where)
                found.append({"subject": a.full, "relation": words, "object": b.full})
        return found

    WEIGHTS = {"describe": 9, "detail": 7, "odd": 1.5, "name": 12, "objects": 8, "at_cell": 5, "where": 9, "relative": 9,
               "is_relation": 4, "count": 13, "count_all": 3, "color": 10, "which_color": 4, "background_color": 3,
               "background": 1.5, "read": 18, "has_text": 1.5, "exists": 6, "missing": 1, "more": 1.5, "bigger": 1.5,
               "json": 13}
    _TASKS = list(WEIGHTS)
    _CHANCES = list(WEIGHTS.values())

    def random_question(self) -> QA:
        """One well-posed question, by the weights above."""
        while True:
            task = self.rng.choices(self._TASKS, self._CHANCES)[0]
            if task in ("read", "has_text") and not self.texts and self.rng.random() < 0.85:
                continue
            asked = getattr(self, task)()
            if asked is not None:
                return asked
