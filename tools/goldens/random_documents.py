"""Random values that mostly follow a schema, and texts of them."""

import json
import random

WORDS = ["", "a", "b", "ab", "abb", "abc", "cab", "12", "-3.5", "é", "x", "é😀", "ax42", "abab",
         "2024-02-29", "2023-02-29", "1999-13-01", "10.0.0.1", "10.0.0.256", "::1", "fe80::1:2",
         "12345::", "123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000",
         "line\n\"x\"", "\u0001", "\\"]
KEYS = ["a", "b", "id", "x1", "tag", "é", "long name", "q\"t", "xy", "g7", "Z", "next"]


def number(schema, rng):
    values = [schema[key] for key in
              ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
              if isinstance(schema.get(key), (int, float))]
    base = rng.choice(values) if values else rng.choice([0, 1, -7, 13, 2.5])
    shift = rng.choice([0, 0, 1, -1, 0.5, 0.01, -0.1, 10, 3])
    value = round(base + shift, 4)
    return int(value) if value == int(value) and rng.random() < 0.8 else value


def string(schema, rng):
    length = rng.randrange(0, 6)
    return rng.choice([rng.choice(WORDS), "".join(rng.choice("abcx19é") for _ in range(length))])


def array(schema, root, rng, depth):
    prefix = schema.get("prefixItems", [])
    least = schema.get("minItems", 0)
    size = max(0, rng.choice([least, least, len(prefix), least + 1]) + rng.choice([0, 0, 0, 1, -1]))
    items = schema.get("items", True)
    return [document(prefix[i] if i < len(prefix) else items, root, rng, depth + 1)
            for i in range(size)]


def objekt(schema, root, rng, depth):
    names = dict(schema.get("properties", {}))
    keys = [name for name in names if rng.random() < 0.5]
    keys += [name for name in schema.get("required", []) if rng.random() < 0.95]
    for needed in schema.get("dependentRequired", {}).values():
        keys += [name for name in needed if rng.random() < 0.7]
    if rng.random() < 0.3:
        keys.append(rng.choice(KEYS))
    patterns = list(schema.get("patternProperties", {}).values())
    others = schema.get("additionalProperties", True)
    others = rng.choice(patterns) if patterns and rng.random() < 0.6 else others
    return {key: document(names.get(key, others), root, rng, depth + 1) for key in keys}


def anything(rng, depth):
    kinds = [None, True, False, 3, -2.5, "a", "ab"] + ([[], [1], {}, {"a": 1}] if depth < 4 else [])
    return rng.choice(kinds)


def document(schema, root, rng: random.Random, depth: int = 0):
    """A value that `schema` likely accepts."""
    if not isinstance(schema, dict) or rng.random() < 0.04 or depth > 6:
        return anything(rng, depth)
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            value = document(rng.choice(schema[key]), root, rng, depth)
            other = document(rng.choice(schema[key]), root, rng, depth)
            both = isinstance(value, dict) and isinstance(other, dict)
            return {**value, **other} if both else value
    if "$ref" in schema:
        return document(root["$defs"]["node"], root, rng, depth)
    if "if" in schema:
        branches = [schema[key] for key in ("if", "then", "else") if key in schema]
        return document(rng.choice(branches), root, rng, depth)
    if "not" in schema:
        return document(schema["not"] if rng.random() < 0.4 else True, root, rng, depth)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type", "object")
    kind = rng.choice(kind) if isinstance(kind, list) else kind
    if kind in ("number", "integer"):
        return number(schema, rng)
    if kind == "string":
        return string(schema, rng)
    if kind == "array":
        return array(schema, root, rng, depth)
    if kind == "object":
        return objekt(schema, root, rng, depth)
    return None if kind == "null" else rng.random() < 0.5


def space(rng) -> str:
    return rng.choice(["", "", "", " ", "\n", "\t ", "\r\n"])


def spelled(text: str, rng) -> str:
    """A JSON string; some characters as \\u escapes, beyond the first plane as pairs."""
    parts = []
    for c in text:
        plain = json.dumps(c, ensure_ascii=rng.random() < 0.5)[1:-1]
        parts.append(f"\\u{ord(c):04{rng.choice('xX')}}" if ord(c) < 0x10000 and rng.random() < 0.1
                     else "\\/" if c == "/" and rng.random() < 0.5 else plain)
    return f'"{"".join(parts)}"'


def spelled_number(value, rng) -> str:
    plain = json.dumps(value)
    roll = rng.random()
    if roll < 0.75 or "e" in plain:
        return plain
    if roll < 0.85:
        return plain + ("0" if "." in plain else ".0")
    if roll < 0.93:
        return plain + rng.choice(["e0", "E+0", "e-00"])
    digits = plain.replace(".", "").lstrip("-").lstrip("0") or "0"
    places = len(plain.partition(".")[2])
    return ("-" if plain.startswith("-") else "") + f"{digits}e-{places}"


def text_of(value, rng) -> str:
    """`value` as JSON, written in one of its many ways."""
    around = lambda text: space(rng) + text + space(rng)
    if isinstance(value, str):
        return spelled(value, rng)
    if isinstance(value, list):
        return "[" + (",".join(around(text_of(item, rng)) for item in value) or space(rng)) + "]"
    if isinstance(value, dict):
        entries = list(value.items())
        rng.shuffle(entries)
        members = (around(spelled(key, rng)) + ":" + around(text_of(item, rng))
                   for key, item in entries)
        return "{" + (",".join(members) or space(rng)) + "}"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return spelled_number(value, rng)


def broken_text(text: str, rng) -> str:
    """A text with one character gone, doubled or another one: hardly ever still the same value."""
    at = rng.randrange(len(text))
    instead = rng.choice(["", text[at] * 2, rng.choice("{}[]\",:0.x \n")])
    return text[:at] + instead + text[at + 1:]
