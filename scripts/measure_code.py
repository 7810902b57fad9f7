"""Print how the code reads and how it is cut: docstrings, the field's terms, modules, call sites, lines.

python -m scripts.measure_code
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TERMS = (
    "webhook", "idempoten", "dashboard", "mixin", "ssrf", "race", "deadlock", "transition", "circuit breaker",
    "deduplicat", "polling", "scheduler", "cron", "payload", "backoff", "heartbeat", "lease", "queryset", "retry",
)  # fmt: skip
NOUNS_FIRST = re.compile(
    r"(a|an|the|what|who|whose|how|why|when|where|which|whether|one|each|every|all|any|none|no|nothing|those|that|"
    r"these|this|its|it|in|of|for|from|with|without|as|at|on|by|if|true|false|some|somebody|everybody|everything|"
    r"only|not|more|most|two|many|seconds|rows|here|there|they|he|she|we|such|same)$"
)


def sources() -> list[Path]:
    """Return the application's Python files: no tests, no migrations."""
    found = [
        path for folder in ("recordings", "vobiz_portal") for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    return [path for path in found if "migrations" not in path.parts]


def public_functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions and methods whose name has no underscore in front, properties left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            decorators = {ast.unparse(one).rpartition(".")[2] for one in node.decorator_list}
            if not decorators & {"property", "cached_property"}:
                yield node


def imperative(docstring: str) -> bool:
    """Whether a docstring begins with what looks like a verb in the imperative."""
    first = docstring.split(maxsplit=1)[0] if docstring.split() else ""
    word = first.rstrip(".,:;").lower()
    if not first[:1].isupper() or not word.isalpha() or NOUNS_FIRST.match(word):
        return False
    return not (word.endswith("s") and not word.endswith("ss")) and not word.endswith(("ed", "ing"))


def words_of(path: Path) -> str:
    """Return a file's names, comments and docstrings as text, other strings left out."""
    text = path.read_text(encoding="utf-8")
    kept = [one.string for one in tokenize.generate_tokens(io.StringIO(text).readline)
            if one.type in {tokenize.NAME, tokenize.COMMENT}]  # fmt: skip
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    kept += [
        ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, documented)
    ]
    return "\n".join(kept)


def main() -> int:
    """Print each measure on a line of its own."""
    files = sources()
    docstrings = [
        ast.get_docstring(node) or ""
        for path in files
        for node in public_functions(ast.parse(path.read_text(encoding="utf-8")))
    ]
    said = [text for text in docstrings if text]
    begun = sum(imperative(text) for text in said)
    everything = "\n".join(words_of(path) for path in files).lower().replace("_", " ")
    missing = [term for term in TERMS if len(re.findall(rf"\b{term}", everything)) < 2]
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    calls = len(re.findall(r"(?<!def )\bretrieve_recording\(", source))
    lines = source.count("\n")
    for name, value in (
        ("public functions", len(docstrings)),
        ("with a docstring", len(said)),
        ("imperative docstrings", f"{begun / len(said):.0%}"),
        ("missing field terms", f"{len(missing)} of {len(TERMS)}: {', '.join(missing) or 'none'}"),
        ("modules under models/", len([*(ROOT / "recordings/models").rglob("*.py")])),
        ("modules under admin/", len([*(ROOT / "recordings/admin").rglob("*.py")])),
        ("retrieve_recording( call sites", calls),
        ("lines of the application", lines),
    ):
        sys.stdout.write(f"{name:32} {value}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
