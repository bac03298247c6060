"""Writes tests/goldens/templates: what Python's jinja2 renders (needs jinja2).

    python3 tools/goldens/templates.py FOLDER_OF_JINJA_FILES
    python3 tools/goldens/templates.py FOLDER_OF_JINJA_FILES --check

contexts.json: the chats of conversations.py by name, and the fixed time. chats/<template>.json:
one entry for each chat. snippets.json: the small templates of snippets.py. The templates of
FOLDER_OF_JINJA_FILES are not ours and are not copied.
"""

import argparse
import copy
import json
from datetime import datetime
from pathlib import Path

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from conversations import contexts
from paths import GOLDENS
from snippets import SNIPPETS

TEMPLATES = GOLDENS / "templates"
NOW = datetime(2026, 11, 21, 8, 5, 9)


class GenerationTag(jinja2.ext.Extension):
    """{% generation %} ... {% endgeneration %} renders its body, as in transformers."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("body_text"), [], [], body).set_lineno(line)

    def body_text(self, caller) -> str:
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


def environment() -> ImmutableSandboxedEnvironment:
    """The environment in which transformers renders chat templates, but with a fixed time."""
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, jinja2.ext.loopcontrols])
    env.filters["tojson"] = to_json
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


def rendered(env, template: str, context: dict) -> dict:
    """{"expected": text} or {"error": message, "error_type": class name}."""
    try:
        return {"expected": env.from_string(template).render(**copy.deepcopy(context))}
    except Exception as error:
        return {"error": str(error), "error_type": type(error).__name__}


def chat_results(path: Path) -> list[dict]:
    """What one template file makes of every chat."""
    template, env = path.read_text(encoding="utf-8"), environment()
    return [{"template": path.name, "context": name, **rendered(env, template, context)}
            for name, context in contexts().items()]


def snippet_results() -> list[dict]:
    env, results = environment(), []
    for name, template, context in SNIPPETS:
        results.append({"name": name, "template": template, "context": context,
                        **rendered(env, template, context)})
    return results


def as_lines(entries: list[dict]) -> str:
    lines = (json.dumps(entry, ensure_ascii=False) for entry in entries)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def all_files(folder: Path) -> dict[Path, str]:
    """Path -> content of everything this script writes."""
    shared = {"now": NOW.isoformat(), "contexts": contexts()}
    files = {TEMPLATES / "contexts.json": json.dumps(shared, ensure_ascii=False, indent=1) + "\n",
             TEMPLATES / "snippets.json": as_lines(snippet_results())}
    for path in sorted(folder.glob("*.jinja")):
        files[TEMPLATES / "chats" / f"{path.stem}.json"] = as_lines(chat_results(path))
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    for path, content in all_files(arguments.folder).items():
        if arguments.check:
            same = path.exists() and path.read_text(encoding="utf-8") == content
            print(f"{path.name}: {'reproduces' if same else 'DIFFERS'}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    print(f"jinja2 {jinja2.__version__}, {len(SNIPPETS)} snippets, {len(contexts())} chats")


if __name__ == "__main__":
    main()
