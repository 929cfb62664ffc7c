"""The layers of the package: what may import what, and how large a file may grow."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import remote_mailcfg

PACKAGE = Path(remote_mailcfg.__file__).parent
NAME = remote_mailcfg.__name__

#: A module imports only from its own folder or from a row below. Folders of one row are strangers.
ROWS = (
    ("__main__",),
    ("cli",),
    ("report",),
    ("operations", "sandbox"),
    ("apply",),
    ("fleet", "store"),
    ("audit", "instance", "lookup"),
    ("config", "plan", "rpc"),
    ("model",),
    ("files",),
    ("errors",),
    ("secret",),
    ("__init__",),  # the version
)
ROW_OF = {folder: number for number, row in enumerate(ROWS) for folder in row}

#: Libraries that few modules know.
ONLY_IN = {
    "apprise": {"operations/notify.py"},
    "distributed": {"fleet/dask_cluster.py"},
    "odoorpc": {"rpc/jsonrpc.py"},
    "urllib3": {"rpc/http.py", "rpc/interruption.py", "rpc/pool.py", "rpc/foreign_errors.py"},
}

MOST_LINES = 500
#: Names that say nothing about what a module is for.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "core", "misc"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


every_module = pytest.mark.parametrize("path", MODULES, ids=relative)


def folder_of(path: Path) -> str:
    """Return the folder in the package, or a top module's own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of every import, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (it.name for it in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}:{node.lineno}: a relative import"
            assert node.module
            yield from (f"{node.module}.{it.name}" for it in node.names)


def top_of(name: str) -> str:
    return name.partition(".")[0]


def imported_folders(path: Path) -> Iterator[str]:
    """Yield the folders (or top modules) of the package that a module imports from."""
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == NAME:
            first = rest.partition(".")[0]
            yield first if (PACKAGE / first).is_dir() or first in ROW_OF else "__init__"


def test_the_modules_are_found() -> None:
    assert {"rpc/http.py", "errors.py", "cli/main.py"} <= {relative(it) for it in MODULES}


@every_module
def test_a_module_imports_only_from_its_folder_or_a_row_below(path: Path) -> None:
    own = folder_of(path)

    upwards = {
        folder
        for folder in imported_folders(path)
        if folder != own and ROW_OF[folder] <= ROW_OF[own]
    }

    assert upwards == set()


@every_module
def test_every_folder_has_its_row(path: Path) -> None:
    assert folder_of(path) in ROW_OF


def test_the_sandbox_imports_nothing_of_ours() -> None:
    modules = [it for it in MODULES if folder_of(it) == "sandbox"]

    assert [relative(it) for it in modules if set(imported_folders(it)) - {"sandbox"}] == []


@pytest.mark.parametrize(("library", "owners"), ONLY_IN.items())
def test_a_library_is_known_to_its_own_modules_alone(library: str, owners: set[str]) -> None:
    users = {relative(it) for it in MODULES for name in imports(it) if top_of(name) == library}

    assert users == owners


def test_one_module_reads_whether_a_database_is_neutralized() -> None:
    """Three readings took three different texts for yes."""
    said = [relative(it) for it in MODULES if "database.is_neutralized" in it.read_text("utf-8")]

    assert said == ["model/evidence.py"]


def test_nothing_of_the_whole_process_is_changed_for_a_while() -> None:
    """Threads would see it, and the one that puts it back last puts back what another changed."""
    for_a_while = ("catch_warnings(", "removeFilter(")
    users = {
        relative(it) for it in MODULES for word in for_a_while if word in it.read_text("utf-8")
    }

    assert users == set()


def test_no_class_of_ours_is_called_through_a_generic_alias() -> None:
    """`Outcome[int](…)` sets an attribute, which a frozen class with slots fails on before 3.13."""
    nodes = [(path, it) for path in MODULES for it in ast.walk(ast.parse(path.read_text("utf-8")))]
    classes = {it.name for _path, it in nodes if isinstance(it, ast.ClassDef)}
    called = [
        f"{relative(path)}:{it.lineno}"
        for path, it in nodes
        if isinstance(it, ast.Call) and isinstance(it.func, ast.Subscript)
        if isinstance(it.func.value, ast.Name) and it.func.value.id in classes
    ]

    assert called == []


@every_module
def test_a_file_stays_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@every_module
def test_a_name_says_what_the_module_is_for(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts

    assert EMPTY_NAMES.isdisjoint(parts)


def test_every_call_of_a_method_says_what_answer_it_expects() -> None:
    """`expect` is what makes an answer of another shape an error of the instance and no bug."""
    callers = {"instance", "session", "caller"}
    silent = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "call"
        and ast.unparse(node.func.value).rpartition(".")[2] in callers
        and "expect" not in {keyword.arg for keyword in node.keywords}
    ]
    assert not silent
