"""Small Jinja templates, one feature each, for templates.py: (name, template, context)."""

import re

from snippets_errors import ERRORS
from snippets_language import OPERATORS, OUTPUT, STATEMENTS, WHITE_SPACE
from snippets_library import FILTERS, JSON, METHODS, TESTS

PEOPLE = [
    {"name": "Ann", "age": 31, "team": "red", "active": True},
    {"name": "Bob", "age": 25, "team": "blue", "active": False},
    {"name": "Cid", "age": 31, "team": "red", "active": None},
    {"name": "dan", "age": 8, "team": "Blue", "active": True, "nick": "D"},
]
CONTEXT = {
    "s": "Hello, World", "empty": "", "pad": "  x y \n", "uni": "größe 图片 😀",
    "html": "<a href='x'>&\"</a>", "n": 7, "neg": -7, "zero": 0, "f": 2.5, "big": 12345678901,
    "t": True, "no": False, "none": None, "list": [3, 1, 2],
    "words": ["pear", "Apple", "fig", "apple"], "nested": [[1, 2], [3, [4]]],
    "table": {"b": 1, "a": 2, "C": 3}, "people": PEOPLE, "items_key": {"items": 1, "keys": 2},
    "deep": {"x": {"y": [{"z": "found"}]}},
}
GROUPS = {
    "output": OUTPUT, "operators": OPERATORS, "statements": STATEMENTS, "white_space": WHITE_SPACE,
    "filters": FILTERS, "json": JSON, "tests": TESTS, "methods": METHODS, "errors": ERRORS}


def used(template: str) -> dict:
    """The part of CONTEXT whose names occur in the template, so that an entry stands alone."""
    words = set(re.findall(r"\w+", template))
    return {name: value for name, value in CONTEXT.items() if name in words}


SNIPPETS = [(f"{group}/{name}", template, used(template))
            for group, templates in GROUPS.items() for name, template in templates.items()]
