"""Writes tests/goldens/grammar/schemas.jsonl: which documents Python's jsonschema accepts.

    python3 tools/goldens/schemas.py            (needs jsonschema 4.26)
    python3 tools/goldens/schemas.py --check

A line is {"schema": ..., "valid": [...], "invalid": [...]}, the documents as texts. Schemas are drawn
at random from the keywords that docs/grammar.md promises (random_schemas.py), documents along their
schema and then broken in places (random_documents.py), with any white space, order of properties,
escapes and spelling of numbers. A schema is only kept if it has documents of both kinds.
"""

import argparse
import json
import random
from decimal import Decimal

from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from paths import GOLDENS
from random_documents import broken_text, document, text_of
from random_schemas import random_schema

GOLDEN = GOLDENS / "grammar" / "schemas.jsonl"
SCHEMAS = 420
DRAWS = 60  # documents tried for a schema
KEPT = 7  # of each kind


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def unique(members):
    if len(dict(members)) < len(members):
        raise ValueError("a key is there twice")
    return dict(members)


def parse(text: str):
    """JSON with exact numbers; ValueError also for what I-JSON (RFC 7493) forbids: duplicate keys and
    half surrogate pairs."""
    value = json.loads(text, parse_float=Decimal, parse_constant=refuse_constant,
                       object_pairs_hook=unique)
    json.dumps(value, ensure_ascii=False, default=str).encode()
    return value


def is_integer(_, value) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, Decimal) and value == value.to_integral_value())


Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer))


def is_valid(validator, text: str) -> bool:
    try:
        value = parse(text)
    except ValueError:
        return False
    return validator.is_valid(value)


def line_of(schema, rng) -> str | None:
    validator = Validator(parse(json.dumps(schema)),
                          format_checker=Draft202012Validator.FORMAT_CHECKER)
    kinds = {True: [], False: []}
    for _ in range(DRAWS):
        text = text_of(document(schema, schema, rng), rng)
        if rng.random() < 0.1:
            text = broken_text(text, rng)
        texts = kinds[is_valid(validator, text)]
        if len(text) < 400 and len(texts) < KEPT and text not in texts:
            texts.append(text)
    if not kinds[True] or not kinds[False]:
        return None
    entry = {"schema": schema, "valid": kinds[True], "invalid": kinds[False]}
    return json.dumps(entry, ensure_ascii=False)


def lines() -> list[str]:
    rng = random.Random(2026)
    result = []
    while len(result) < SCHEMAS:
        line = line_of(random_schema(rng), rng)
        if line:
            result.append(line)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    text = "\n".join(lines()) + "\n"
    if arguments.check:
        if GOLDEN.read_text(encoding="utf-8") != text:
            raise SystemExit(f"{GOLDEN} differs")
    else:
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
