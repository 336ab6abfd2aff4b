"""Which tests a suite holds.

They are found by reading their source, never by importing it: what a suite imports is its own affair and
must not be needed to look at it.
"""

import ast
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prodtest_assets.errors import ConfigurationError

_PACKAGE = Path(__file__).parents[1]
_CHECKOUT_SUITE = _PACKAGE.parent / "tests" / "production"
_SHIPPED_SUITE = _PACKAGE / "suites"
# https://docs.pytest.org/en/stable/reference/reference.html#confval-norecursedirs
_NO_SUITES = re.compile(r"\..*|.*\.egg|_darcs|build|CVS|dist|node_modules|venv|\{arch\}")

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class SuiteTest:
    """One test of a suite; its parameters count as one.

    Attributes:
        check_name: the function's name; with its classes or its file before it where two tests share that name. Two
            underscores stand between its parts, and for what Dagster takes in no name.
        node_id: as pytest names it, relative to the suite's folder and without parameters.
        description: the first line of its docstring, or its name in words.
    """

    check_name: str
    node_id: str
    description: str


@dataclass(frozen=True, slots=True)
class _Found:
    file: Path
    classes: tuple[str, ...]
    function: str
    description: str

    def names(self) -> tuple[str, ...]:
        """What it may be called, the shortest name first."""
        in_class = (*self.classes, self.function)
        in_file = (*self.file.with_suffix("").parts, *in_class)
        return _check_name(self.function), _check_name(*in_class), _check_name(*in_file)


def suite_folder(configured: Path | None) -> Path:
    """Where the suite lies.

    Args:
        configured: `PRODTEST_SUITE`, a folder or one file; without it, `tests/production` of a checkout, and
            where there is none, the copy in the package.

    Raises:
        ConfigurationError: it is not there.
    """
    if configured is not None:
        if not configured.exists():
            raise ConfigurationError(f"PRODTEST_SUITE: {configured} does not exist")
        return configured.resolve()
    for folder in (_CHECKOUT_SUITE, _SHIPPED_SUITE):
        if folder.is_dir():
            return folder
    raise ConfigurationError("the booking-flow suite is missing: set PRODTEST_SUITE to its folder")


def suite_tests(folder: Path, *, of_readable_files: bool = False) -> tuple[SuiteTest, ...]:
    """The tests of a suite, in the order in which pytest runs them.

    They are the functions named `test...` at the top of files named `test_*.py` or `*_test.py`, and in classes named
    `Test...` or made from `TestCase` there
    (https://docs.pytest.org/en/stable/explanation/goodpractices.html#conventions-for-python-test-discovery). What a
    class inherits from another file, and what is made at run time or on a condition, is not seen.

    Args:
        folder: of the suite, or its only file.
        of_readable_files: leave out files that cannot be read as Python.

    Raises:
        ConfigurationError: a file cannot be read as Python; the message names file and line.
    """
    root = folder if folder.is_dir() else folder.parent
    files = sorted(_test_files(folder)) if folder.is_dir() else [folder]
    found: list[_Found] = []
    for file in files:
        try:
            found += _tests_in(file, root)
        except ConfigurationError:
            if not of_readable_files:
                raise
    counts = Counter(name for test in found for name in set(test.names()))
    tests: dict[str, SuiteTest] = {}
    for test in found:
        name = next((name for name in test.names() if counts[name] == 1), test.names()[-1])
        node_id = "::".join((test.file.as_posix(), *test.classes, test.function))
        # Names that are the same even with their files are one check: of the first; the others run undeclared.
        tests.setdefault(name, SuiteTest(name, node_id, test.description))
    return tuple(tests.values())


def run_again(check_name: str) -> str:
    """The command that runs the test of a check again; `-k` looks for each part of the name in the test's place."""
    parts = [part for part in check_name.split("__") if part and part not in ("and", "or", "not")]
    return f"prodtest run -k {shlex.quote(' and '.join(parts))}"


def _check_name(*parts: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "__", "__".join(parts))


def _test_files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [
            name for name in folders if not (_NO_SUITES.fullmatch(name) or Path(place, name, "pyvenv.cfg").exists())
        ]
        yield from (Path(place, name) for name in files if re.fullmatch(r"test_.*\.py|.*_test\.py", name))


def _tests_in(file: Path, root: Path) -> Iterator[_Found]:
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (OSError, SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise ConfigurationError(f"{file}{f', line {line}' if line else ''}: {error}") from error
    yield from _tests_among(tree.body, file.relative_to(root), ())


def _tests_among(body: Sequence[ast.stmt], file: Path, classes: tuple[str, ...]) -> Iterator[_Found]:
    # Of two definitions of one name, the last one counts.
    defined = {node.name: node for node in body if isinstance(node, _Definition)}
    for name, node in defined.items():
        if isinstance(node, ast.ClassDef):
            if _is_collected(node):
                yield from _tests_among(_with_inherited(node, defined), file, (*classes, name))
        elif name.startswith("test") and "fixture" not in map(_last_name, node.decorator_list):
            yield _Found(file, classes, name, _description(node))


def _is_collected(node: ast.ClassDef) -> bool:
    """By its name or its base, unless it says `__test__ = False` or is made with arguments."""
    if any(name.endswith("TestCase") for name in map(_last_name, node.bases)):
        return True
    own = {ast.unparse(each) for each in node.body if isinstance(each, ast.Assign)}
    methods = {each.name for each in node.body if isinstance(each, _Definition)}
    return node.name.startswith("Test") and "__test__ = False" not in own and "__init__" not in methods


def _with_inherited(node: ast.ClassDef, known: Mapping[str, _Definition]) -> list[ast.stmt]:
    """What a class defines, after what it inherits from classes that stand beside it."""
    others = {name: other for name, other in known.items() if name != node.name}
    bases = [others.get(name) for name in map(_last_name, node.bases)]
    inherited = [each for base in bases if isinstance(base, ast.ClassDef) for each in _with_inherited(base, others)]
    return [*inherited, *node.body]


def _last_name(node: ast.expr) -> str:
    """`fixture` of `pytest.fixture(autouse=True)`."""
    called = node.func if isinstance(node, ast.Call) else node
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _description(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    docstring = ast.get_docstring(node)
    if docstring:
        return docstring.strip().splitlines()[0]
    return node.name.removeprefix("test_").replace("_", " ").capitalize()
