"""Every word that people read goes through gettext: in templates, and in the modules whose words reach a page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted(ROOT.glob("templates/**/*.html"))
# The wire knows no Django; `provider.explain` puts its errors into words. Commands, their doctor, system checks and
# metrics speak English, as Django's do.
UNREAD = (
    "recordings/vobiz/",
    "recordings/management/",
    "recordings/migrations/",
    "recordings/checks",
    "recordings/doctor/",
    "recordings/monitoring/",
)
MODULES = sorted(
    path for path in ROOT.glob("recordings/**/*.py") if not str(path.relative_to(ROOT)).startswith(UNREAD)
)

# In templates
NOT_SHOWN = re.compile(
    r"\{#.*?#\}|<!--.*?-->"
    r"|\{%\s*comment\b.*?%\}.*?\{%\s*endcomment\s*%\}"
    r"|\{%\s*blocktrans(?:late)?\b.*?%\}.*?\{%\s*endblocktrans(?:late)?\s*%\}"
    r"|<(?:script|style|kbd|code)\b[^>]*>.*?</(?:script|style|kbd|code)>",
    re.DOTALL,
)
CLASSES = re.compile(r"\{%\s*block (?:coltype|bodyclass)\s*%\}.*?\{%\s*endblock\b.*?%\}", re.DOTALL)
TAG = re.compile(r"\{%(.*?)%\}|\{\{(.*?)\}\}", re.DOTALL)
SAID_BY_A_FILTER = re.compile(r"\|(?:default|default_if_none|yesno|pluralize|add|join)\s*:\s*\"([^\"]*)\"")
SPOKEN = re.compile(r"\b(?:title|alt|placeholder|label|summary|aria-label|data-words)=\"([^\"]*)\"")
MARKUP = re.compile(r"<[^>]*>", re.DOTALL)
WORD = re.compile(r"[^\W\d_]{2,}")
OUR_NAMES = re.compile(r"&\w+;|Vobiz Portal|SHA-256|XML|UTC|MA-V[23]")

# In Python
GETTEXT = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
FOR_DEVELOPERS = {
    "ImproperlyConfigured", "RuntimeError", "TypeError", "AssertionError", "ValueError", "KeyError",
    "NotImplementedError", "UndecipherableError",
}  # fmt: skip
LOGGED = {"debug", "info", "warning", "error", "exception", "critical"}
SHOWN_BY_NAME = {
    "label", "help_text", "verbose_name", "verbose_name_plural", "description", "empty_label", "title", "words",
    "log", "hint", "search_help_text", "empty_words", "list_words", "subtitle",
}  # fmt: skip
SHOWN_BY_CALL = {
    "ValidationError": 0, "Fact": 0, "Section": 0, "message_user": 1, "success": 1, "warning": 1, "error": 1,
}  # fmt: skip
SENTENCE = re.compile(r"^(?:\{\}|[A-Z])[\w'’,;:()…–-]*( [\w'’“”\"%(){},;:.!?/…–-]+){2,}$")

SQL = re.compile(
    r"(?:AFTER|ALTER|COMMENT ON|COPY|CREATE|DROP|SELECT|INSERT|UPDATE|DELETE|FOR (?:EACH|KEY SHARE)|NOT|REINDEX|WHEN)\b"
)


def bare_words(source: str) -> Iterator[str]:
    """The words of a template that no translation can change."""
    shown = CLASSES.sub(" ", NOT_SHOWN.sub(" ", source))
    for tag in TAG.finditer(shown):
        yield from SAID_BY_A_FILTER.findall(tag.group(0))
    shown = TAG.sub(" ", shown)
    yield from SPOKEN.findall(shown)
    yield from MARKUP.sub("\n", shown).splitlines()


def name_of(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def text_of(node: ast.AST | None) -> str:
    """The literal text of a string, also of one that is put together."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "{}" for part in node.values)
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    return ""


class Reader(ast.NodeVisitor):
    """Collects, of a module, what is shown without gettext: in a place that is shown, or a whole sentence."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        self.visit(node.test)

    def visit_Call(self, node: ast.Call) -> None:
        name = name_of(node)
        if name in GETTEXT | FOR_DEVELOPERS | {"__init__"} or (name in LOGGED and _is_of(node, "logger")):
            return
        place = SHOWN_BY_CALL.get(name)
        if place is not None and len(node.args) > place:
            self._shown(node.args[place])
        if name.endswith("Field") and node.args and _is_of(node, "models"):
            self._shown(node.args[0])
        if name == "format_html" and node.args:
            self._shown(node.args[0], MARKUP.sub(" ", text_of(node.args[0])))
        for keyword in node.keywords:
            if keyword.arg in SHOWN_BY_NAME:
                self._shown(keyword.value)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(getattr(target, "id", "") in SHOWN_BY_NAME for target in node.targets):
            self._shown(node.value)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Of choices, what each is called."""
        is_choices = any("Choices" in ast.unparse(base) for base in node.bases)
        for line in node.body if is_choices else []:
            if isinstance(line, ast.Assign) and isinstance(line.value, ast.Tuple):
                self._shown(line.value.elts[-1])
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and is_sentence(node.value):
            self._shown(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        if is_sentence(text_of(node)):
            self._shown(node)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part)

    def _shown(self, node: ast.AST, text: str | None = None) -> None:
        text = text_of(node) if text is None else text
        said = (getattr(node, "lineno", 0), text)
        words = OUR_NAMES.sub("", re.sub(r"%\(\w+\)\w|\{\w*\}", "", text))
        if WORD.search(words) and said not in self.found:
            self.found.append(said)


def _is_of(call: ast.Call, owner: str) -> bool:
    """It is `owner.something(…)`."""
    return isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == owner


def is_sentence(text: str) -> bool:
    """Words for people, rather than a key, a pattern or SQL."""
    spoken = WORD.findall(OUR_NAMES.sub("", text))
    return len(spoken) > 1 and SENTENCE.match(text) is not None and SQL.match(text) is None


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_says_nothing_that_cannot_be_translated(path: Path) -> None:
    said = (OUR_NAMES.sub("", text) for text in bare_words(path.read_text(encoding="utf-8")))
    assert [text.strip() for text in said if WORD.search(text)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_nothing_that_cannot_be_translated(path: Path) -> None:
    reader = Reader()
    reader.visit(ast.parse(path.read_text(encoding="utf-8")))
    assert reader.found == []


@pytest.mark.parametrize("source", [
    "<p>Hello</p>", '<a title="Open it">{{ name }}</a>', '{{ name|default:"nobody" }}', "{% if a %}yes{% endif %}",
    '<input aria-label="Number">', "{% translate 'No' %} calls",
])  # fmt: skip
def test_words_in_a_template_are_found(source: str) -> None:
    assert [text for text in bare_words(source) if WORD.search(text)]


@pytest.mark.parametrize("source", [
    "{% blocktranslate count n=n %}{{ n }} call{% plural %}{{ n }} calls{% endblocktranslate %}", "<kbd>esc</kbd>",
    '<a class="button" href="{% url "admin:index" %}">{% translate "Home" %}</a>', "{# a comment #}",
])  # fmt: skip
def test_what_a_template_has_translated_is_not(source: str) -> None:
    assert [text for text in bare_words(source) if WORD.search(text)] == []


@pytest.mark.parametrize("source", [
    'messages.success(request, "Done.")', 'raise ValidationError(f"{n} is too much")', 'Fact("From", number)',
    'models.CharField("number", max_length=3)', 'field(label="Number")', 'words = "It is over"',
    'format_html("<b>since</b> {}", at)', 'event.error = "Nobody knows it here."',
    'class State(models.TextChoices):\n    LIVE = "live", "live"',
])  # fmt: skip
def test_words_in_a_module_are_found(source: str) -> None:
    reader = Reader()
    reader.visit(ast.parse(source))
    assert reader.found


@pytest.mark.parametrize("source", [
    'messages.success(request, _("Done."))', 'logger.info("A call is shown without details: %s", e)',
    'def f():\n    """Say what it does here."""', 'cursor.execute("SELECT the rows FROM there")',
    'words = ngettext("%d call", "%d calls", n) % n', 'raise TypeError("Nobody reads this one.")',
])  # fmt: skip
def test_what_a_module_translates_or_nobody_reads_is_not(source: str) -> None:
    reader = Reader()
    reader.visit(ast.parse(source))
    assert reader.found == []


# Sentences and labels that the product said once and no longer says.
FORMER_SENTENCES = (
    "Vobiz was asked to stop the recording", "There was nothing to stop", "and the recording goes on",
    "so it may still be recording. Press Stop", "asked to stop it at", "Somebody at the command line",
    "It cannot be stopped alone", "As Vobiz said it", "What happened, oldest first", "Who, or where it is from",
    "Nothing is known of its past", "Vobiz is said to", "It cannot be cured", "Archive those ticked", "Seen: those",
    "ahead of its turn and keeps it", "It ended at its time limit", "gone before the first sync", "leave Vobiz within",
    "leaves Vobiz within", "at last week's rate", "Nothing waits to be settled", "Nothing needs you now",
    "Opening the live calls looks again", "None that was started here", "only calls being recorded",
    "Vobiz's answer to a start was lost, so it", "Start another anyway", "None of the live calls is like that",
    "this account's usual", "Cuts at %s", "Say of what", "one side each", "English only, from 0.5 s",
    "meanwhile another recording of this call", "This form had been sent before", "Please correct what is marked",
    "No call was ticked", "What became of each", "Every attempt to record it", "known to be recorded",
    "recorded from one end to the other", "not known yet: the call goes on", "None came. This recording",
    "Vobiz heard no words", "A switched-off account", "Only where Vobiz cannot be reached", "ends it at once",
    "Its calls are also recorded", "keep it to yourself", "Refused callbacks processed again",
    "no such recording here yet", "nothing of it was applied", "Ten tries to fetch", "Nobody has done anything to it",
    "Nothing was chosen that this is for", "tick Staff status", "Each look is written",
    "Bring every Recording object", "also settle which", "settles what callbacks left open: ",
    "found by sync only", "recording started here", "recordings started here", "not started here", "last started here",
    "ended without a callback: Vobiz", "synced, settled", "to be settled", "recordings settled", "settles what is open",
    "asked to stop %d", "mark as seen what", "read from Vobiz's API", "going well", "not looked at yet",
    "tick to record",
    "This portal has not answered", "Load it again to see", "What is recorded\" %}",
    "You see no account that is switched on", "It says the connection works",
)  # fmt: skip
FORMER_LABELS = {
    "How it came here", "Last news from the API", "What Vobiz says", "Kept", "Inside", "True length", "Ticked",
    "Last found unaltered", "Leaves Vobiz", "Save unchecked", "Keep the former token for", "Switched on",
    "Days Vobiz keeps audio", "Last callback here", "Another time limit", "another:", "Seen",
}  # fmt: skip


def said_in(source: str) -> Iterator[str]:
    """Yield the texts of a module that are no docstrings."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = {id(node.body[0].value) for node in ast.walk(tree)
             if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in first:
            yield node.value


def former_words(texts: Iterator[str], whole: str) -> list[str]:
    """Return what of the former words is in a file: labels as whole texts, sentences anywhere."""
    flat = " ".join(whole.split())
    return [one for one in FORMER_SENTENCES if one in flat] + [one for one in texts if one in FORMER_LABELS]


def test_former_sentences_and_labels_are_gone_from_templates_python_and_documents() -> None:
    found = {}
    for path in TEMPLATES:
        source = path.read_text()
        found[path] = former_words(iter(re.findall(r"translate \"([^\"]*)\"", source)), source)
    for path in (*ROOT.glob("recordings/**/*.py"), *ROOT.glob("vobiz_portal/**/*.py")):
        if "migrations" not in path.parts:
            texts = list(said_in(path.read_text()))
            found[path] = former_words(iter(texts), "\n".join(texts))
    for path in (*ROOT.glob("docs/*.md"), ROOT / "README.md"):
        source = path.read_text()
        found[path] = former_words(iter(re.findall(r"\*([^*\n]+)\*", source)), source)
    assert {str(path.relative_to(ROOT)): words for path, words in found.items() if words} == {}


def test_a_former_sentence_is_found_where_it_is_broken_over_lines() -> None:
    assert former_words(iter(["Kept"]), "Vobiz was asked\n  to stop the recording.") == [
        "Vobiz was asked to stop the recording", "Kept",
    ]  # fmt: skip
