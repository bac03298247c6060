"""Random JSON Schemas from the keywords that Saccade's grammars support."""

import random

NAMES = ["a", "b", "id", "x1", "tag", "é", "long name", "q\"t"]
PATTERNS = ["^[a-c]+$", "b", "^a?b{1,3}$", "^(ab|c)*$", "[0-9]{2}$", "^[^x]*$", "^.{2,4}$",
            "^-?[0-9]+(\\.[0-9]+)?$", "é|x"]
FORMATS = ["date", "ipv4", "ipv6", "uuid"]
KEY_PATTERNS = ["^x", "^[ab]$", "[0-9]$", "g"]


def number(rng, fractions=True):
    if fractions and rng.random() < 0.4:
        return rng.choice([0.5, -1.25, 2.75, 0.1, 10.01, -0.3, 99.9])
    return rng.choice([0, 1, -1, 2, 3, 5, 7, 10, 12, 42, 100, -10, 250])


def scalar(rng):
    return rng.choice([None, True, False, number(rng), "a", "ab", "", "é😀", "line\n\"x\"", "12"])


def of_number(rng, negatable):
    schema = {"type": "number" if negatable else rng.choice(["number", "integer", "number"])}
    if rng.random() < 0.6:
        schema[rng.choice(["minimum", "exclusiveMinimum"])] = number(rng)
    if rng.random() < 0.6:
        schema[rng.choice(["maximum", "exclusiveMaximum"])] = number(rng)
    if not negatable and rng.random() < 0.3:
        schema["multipleOf"] = rng.choice([2, 3, 7, 0.5, 0.25, 0.1, 1.5, 10, 0.01])
    return schema


def of_string(rng):
    schema = {"type": "string"}
    if rng.random() < 0.4:
        schema["minLength"] = rng.randrange(0, 4)
    if rng.random() < 0.4:
        schema["maxLength"] = rng.randrange(1, 7)
    if rng.random() < 0.4:
        schema["pattern"] = rng.choice(PATTERNS)
    elif rng.random() < 0.15:
        schema = {"type": "string", "format": rng.choice(FORMATS)}
    return schema


def of_array(rng, depth, negatable):
    schema = {"type": "array"}
    if rng.random() < 0.4:
        schema["prefixItems"] = [draw(rng, depth - 1, negatable)
                                 for _ in range(rng.randrange(1, 4))]
    if not negatable and rng.random() < 0.7:
        schema["items"] = draw(rng, depth - 1, False)
    elif rng.random() < 0.2:
        schema["items"] = False
    if rng.random() < 0.4:
        schema["minItems"] = rng.randrange(0, 4)
    if rng.random() < 0.4:
        schema["maxItems"] = rng.randrange(1, 5)
    return schema


def of_object(rng, depth, negatable):
    names = rng.sample(NAMES, rng.randrange(1, 5))
    schema = {"type": "object"}
    if rng.random() < 0.9:
        schema["properties"] = {name: draw(rng, depth - 1, negatable) for name in names}
    if rng.random() < 0.6:
        schema["required"] = rng.sample(names, rng.randrange(0, len(names) + 1))
    if not negatable:
        if rng.random() < 0.5:
            schema["additionalProperties"] = rng.choice([False, True, draw(rng, 0, False)])
        if rng.random() < 0.2:
            schema["patternProperties"] = {rng.choice(KEY_PATTERNS): draw(rng, depth - 1, False)}
        if rng.random() < 0.15:
            schema["propertyNames"] = rng.choice(
                [{"maxLength": 2}, {"pattern": "^[a-z]"}, {"enum": NAMES[:5]}, {"minLength": 2}])
    if rng.random() < 0.2:
        schema["minProperties"] = rng.randrange(0, 3)
        schema["maxProperties"] = rng.randrange(2, 5)
    elif rng.random() < 0.2:
        schema["dependentRequired"] = {names[0]: rng.sample(NAMES, rng.randrange(0, 3))}
    return schema


def combined(rng, depth, negatable):
    """Schemas put together; `not`, `if` and `oneOf` get what has an opposite."""
    kind = rng.choice(["allOf", "anyOf", "oneOf", "not", "if"])
    if kind == "not":
        return {"not": draw(rng, depth - 1, True)}
    if kind == "if":
        schema = {"if": draw(rng, depth - 1, True)}
        for branch in rng.choice([["then"], ["else"], ["then", "else"]]):
            schema[branch] = draw(rng, depth - 1, negatable)
        return schema
    if kind == "oneOf" and negatable:
        kind = "anyOf"
    inner = negatable or kind == "oneOf"
    return {kind: [draw(rng, depth - 1, inner) for _ in range(rng.randrange(2, 4))]}


def draw(rng: random.Random, depth: int, negatable: bool):
    roll = rng.random()
    if roll < 0.04:
        return True
    if roll < 0.10:
        return {"type": rng.choice(["null", "boolean", "string", "number"])}
    if roll < 0.14:
        return {"type": rng.sample(["null", "boolean", "string", "number", "object"], 2)}
    if roll < 0.22:
        values = [scalar(rng) for _ in range(rng.randrange(1, 5))]
        if not negatable and rng.random() < 0.3:
            values.append(rng.choice([[1, "a"], {"a": None}, [], {"b": [True]}]))
        return rng.choice([{"enum": values}, {"const": values[-1]}])
    if depth > 0 and roll < 0.45:
        return of_object(rng, depth, negatable)
    if depth > 0 and roll < 0.6:
        return of_array(rng, depth, negatable)
    if depth > 0 and roll < 0.75:
        return combined(rng, depth, negatable)
    return of_number(rng, negatable) if rng.random() < 0.5 else of_string(rng)


def recursive(rng):
    """A tree by reference."""
    node = of_object(rng, 1, False)
    node.setdefault("properties", {})["next"] = {"$ref": "#/$defs/node"}
    return {"$defs": {"node": node}, "$ref": "#/$defs/node"}


def random_schema(rng: random.Random):
    if rng.random() < 0.05:
        return recursive(rng)
    schema = draw(rng, 3, False)
    if isinstance(schema, dict) and rng.random() < 0.1 and "type" not in schema:
        schema["type"] = rng.choice(["object", "string", "array"])
    return schema
