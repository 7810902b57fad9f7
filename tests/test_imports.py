"""Imports go down only, one thing is done in one place, and no file or function outgrows its reader."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Highest first: a module may import its own layer and what stands below it. What is not named here is a service.
ABOVE = (
    ("vobiz_portal",),
    ("recordings.admin", "recordings.management", "recordings.forms", "recordings.user_forms",
     "recordings.templatetags", "recordings.apps", "recordings.migrations", "recordings.monitoring",
     "recordings.webhooks", "recordings.signin"),
    ("recordings.worker", "recordings.doctor"),
    ("recordings.tasks",),
    ("recordings.reconcile",),
)  # fmt: skip
BELOW = (
    ("recordings.mirror",),
    ("recordings.provider", "recordings.storage"),
    ("recordings.models", "recordings.shared_cache"),
    ("recordings.choices", "recordings.numbers", "recordings.tokens", "recordings.encryption", "recordings.roles",
     "recordings.checks", "recordings.audio", "recordings.clock", "recordings.lease", "recordings.bulk_insert",
     "recordings.compiled_query", "recordings.database_waits", "recordings.declarations", "recordings.problem",
     "recordings.smtp"),
    ("recordings.vobiz",),
)  # fmt: skip
NOT_SERVICES = {package for packages in ABOVE + BELOW for package in packages}
WIRE_MEANS = {
    f"recordings.vobiz.{name}" for name in ("client", "transport", "connection", "media", "replies")
}
OURS = ("recordings", "vobiz_portal")
REFUSED_NAMES = {"services", "utils", "helpers", "managers", "common", "service", "util", "helper"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, and for `from x import y` both `x` and `x.y` where that is a module."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield str(node.module)
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                folder = ROOT / inner.replace(".", "/")
                if folder.is_dir() or folder.with_suffix(".py").is_file():
                    yield inner


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def service(module: str) -> str | None:
    """The service a module belongs to: `recordings.sync` for `recordings.sync.pagination`."""
    package = ".".join(module.split(".")[:2])
    return (
        None
        if package == "recordings" or not is_in(module, "recordings") or package in NOT_SERVICES
        else package
    )


SERVICES = sorted({found for path in sources("recordings") if (found := service(module_of(path)))})
LAYERS = (*ABOVE, tuple(SERVICES), *BELOW)


def layer(module: str) -> int | None:
    for at, packages in enumerate(LAYERS):
        if any(is_in(module, package) for package in packages):
            return at
    return None


def test_the_portals_services_are_modules_named_after_them() -> None:
    services = {one.removeprefix("recordings.") for one in SERVICES}
    assert {"callbacks", "connect", "control", "live", "sync"} <= services


def test_imports_go_down_only() -> None:
    upward = []
    for path in sources(*OURS):
        module = module_of(path)
        for imported in imports(path):
            here, there = layer(module), layer(imported)
            if here is not None and there is not None and there < here:
                upward.append(f"{module} imports {imported}")
    allowed = {"recordings.checks"}  # registered by the app, it reads the settings of every layer
    assert [line for line in upward if line.split(" ", 1)[0] not in allowed] == []


def edges(path: Path) -> Iterator[str]:
    """Every module that a file needs: for `from x import y`, `x.y` where that is a module, else `x`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                folder = ROOT / inner.replace(".", "/")
                is_module = folder.is_dir() or folder.with_suffix(".py").is_file()
                yield inner if is_module else str(node.module)


def cycles(graph: Mapping[str, Collection[str]]) -> list[str]:
    """Return the cycles of a graph, one for each node that closes one, as `a → b → a`."""
    found, done = [], set()

    def walk(node: str, way: tuple[str, ...]) -> None:
        if node in way:
            found.append(" → ".join((*way[way.index(node) :], node)))
        elif node not in done:
            for other in sorted(graph.get(node, ())):
                walk(other, (*way, node))
            done.add(node)

    for node in sorted(graph):
        walk(node, ())
    return found


def import_graph(*, depth: int | None = None) -> dict[str, set[str]]:
    """Return which module under `recordings` imports which; with `depth`, which package of so many parts."""
    graph: dict[str, set[str]] = {}
    for path in sources("recordings"):
        importer = ".".join(module_of(path).split(".")[:depth])
        for edge in edges(path):
            imported = ".".join(edge.split(".")[:depth])
            if is_in(imported, "recordings") and imported != importer:
                graph.setdefault(importer, set()).add(imported)
    return graph


def test_a_cycle_is_found_however_long_it_is() -> None:
    assert cycles({"a": ["b"], "b": ["c"], "c": ["d"], "d": ["b"], "e": ["a"]}) == ["b → c → d → b"]
    assert cycles({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}) == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = import_graph()
    assert "recordings.models.account" in graph["recordings.models.call"]
    assert cycles(graph) == []


# `callbacks` is below `tasks`, and its HTTP side, `webhooks`, above: a webhook queues tasks, a service is run by them.
def test_no_package_imports_itself_by_way_of_others() -> None:
    assert cycles(import_graph(depth=2)) == []
    assert cycles(import_graph(depth=3)) == []


def test_services_never_import_each_other() -> None:
    crossing = [
        f"{module_of(path)} imports {imported}"
        for path in sources("recordings")
        for imported in imports(path)
        if service(module_of(path)) and service(imported) and service(module_of(path)) != service(imported)
    ]
    assert crossing == []


def test_models_see_what_vobiz_said_and_never_the_means_of_asking() -> None:
    for path in sources("recordings/models"):
        assert not WIRE_MEANS & set(imports(path)), path


def test_the_wire_knows_neither_django_nor_the_portal() -> None:
    for path in sources("recordings/vobiz"):
        for imported in imports(path):
            assert not is_in(imported, "django"), path
            assert is_in(imported, "recordings.vobiz") or not is_in(imported, "recordings"), path
            assert not is_in(imported, "vobiz_portal"), path


def test_the_app_does_not_know_what_is_composed_of_it() -> None:
    for path in sources("recordings"):
        assert not [one for one in imports(path) if is_in(one, "vobiz_portal")], path


def test_the_sandbox_takes_only_the_signatures_and_the_form_of_help_from_the_app() -> None:
    taken = {
        imported
        for path in sources("vobiz_portal/sandbox")
        for imported in imports(path)
        if is_in(imported, "recordings")
    }
    assert taken <= {
        "recordings.vobiz",
        "recordings.vobiz.signature",
        "recordings.management.documented_command",
    }


def test_requests_leave_from_the_wire_alone() -> None:
    means = ("requests", "urllib3", "urllib.request", "http.client", "httpx", "aiohttp", "socket")
    # a pair of sockets, of which a process of ours has the other end
    allowed = {f"recordings.audio.{name}": {"socket"} for name in ("child", "reader", "wire")}
    allowed["recordings.alerts.wire"] = {
        "requests"
    }  # to build a request; the guarded adapter sends it (ADR 0014)
    for path in sources("recordings"):
        module = module_of(path)
        if not is_in(module, "recordings.vobiz"):
            found = {one for one in imports(path) if any(is_in(one, name) for name in means)}
            assert found <= allowed.get(module, set()), path


def test_a_tenants_address_is_asked_by_the_alerts_wire_alone() -> None:
    using = {
        module_of(path) for path in sources("recordings") if "GuardedAdapter(" in path.read_text("utf-8")
    }
    assert {one for one in using if not is_in(one, "recordings.vobiz")} == {"recordings.alerts.wire"}


def test_a_recording_is_requested_by_the_mirror_and_the_player_alone() -> None:
    asking = {
        module_of(path) for path in sources("recordings") if ".retrieve_recording(" in path.read_text("utf-8")
    }
    assert asking == {"recordings.mirror", "recordings.playback.sources"}


def test_no_import_hides_inside_a_function() -> None:
    hidden = []
    for path in sources(*OURS):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = [one for one in ast.walk(node) if isinstance(one, ast.Import | ast.ImportFrom)]
                hidden += [f"{module_of(path)}.{node.name}" for _ in inner]
    # Django's own place for what must wait until the models are there
    assert [one for one in hidden if not one.endswith("apps.ready")] == []


@pytest.mark.parametrize("folder", [*OURS, "tests", "scripts"])
def test_no_file_is_longer_than_600_lines_and_no_function_than_50(folder: str) -> None:
    long = []
    for path in sources(folder):
        if "migrations" in path.parts:
            continue
        lines = len(path.read_text(encoding="utf-8").splitlines())
        long += [f"{path.relative_to(ROOT)}: {lines} lines"] if lines > 600 else []
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                size = node.end_lineno - node.lineno + 1
                long += [f"{path.relative_to(ROOT)}: {node.name} has {size}"] if size > 50 else []
    assert long == []


def test_names_say_what_a_thing_does() -> None:
    refused = []
    for path in sources("recordings", "vobiz_portal"):
        refused += [str(path)] if path.stem in REFUSED_NAMES or set(path.parts) & REFUSED_NAMES else []
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and re.search(
                r"[a-z](Manager|Service|Helper|Util)$", node.name
            ):
                refused.append(f"{path}: {node.name}")
            if isinstance(node, ast.FunctionDef) and re.match(r"process_data|do_stuff", node.name):
                refused.append(f"{path}: {node.name}")
    assert refused == []


def test_nothing_is_marked_safe_and_no_sql_is_put_together_by_hand() -> None:
    for path in sources("recordings"):
        code = path.read_text(encoding="utf-8")
        assert not re.search(r"mark_safe|\|\s*safe\b|SafeString\(|\.raw\(|\.extra\(|RawSQL", code), path
    for path in (ROOT / "templates").rglob("*.html"):
        assert not re.search(r"\|\s*safe\b|autoescape off", path.read_text(encoding="utf-8")), path
