"""The architecture, as imports: which room may know which, and what a command may import.

    train → convert → pi_runtime
    convert:  converter, cli → weights, files, which know nothing of each other
    pi_runtime:  cli → service → speech, generation → backends → model
                 cli → many → generation

Imports inside functions count as well; those for type checkers alone do not.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.helpers.checkpoints import packed_model, small_network
from tests.helpers.commands import ROOT
from tests.helpers.modules import MODULES, imports

HEAVY = ("tensorflow", "keras", "h5py", "convert", "train")
"""What only the desktop side imports."""

BELOW = {
    "train": {
        *("convert", "convert.weights", "convert.files"),
        *("pi_runtime", "model", "backends", "generation", "cli"),
    },
    "convert": {
        *("convert.weights", "convert.files"),
        *("pi_runtime", "model", "backends", "generation", "cli"),
    },
    "convert.weights": {"convert", "pi_runtime", "model"},
    "convert.files": {"convert", "pi_runtime", "model"},
    "cli": {"pi_runtime", "model", "backends", "generation", "many", "speech", "service"},
    "many": {"pi_runtime", "model", "backends", "generation"},
    "service": {"pi_runtime", "model", "backends", "generation", "speech"},
    "speech": {"pi_runtime"},
    "generation": {"pi_runtime", "model", "backends"},
    "backends": {"pi_runtime", "model"},
    "model": {"pi_runtime"},
    "pi_runtime": set[str](),
}
"""The rooms that a room may import from, besides itself. "pi_runtime" and "convert" are what lies
beside their rooms: errors, checks, files."""

COMMAND_LINES = ("pi_runtime.cli", "convert.cli", "train.cli")


IMPORTS = {name: imports(path) for name, path in MODULES.items()}


def room(module: str) -> str:
    """Return the room that a module is in."""
    first, _, rest = module.partition(".")
    second = rest.partition(".")[0]
    if first == "pi_runtime" and second in BELOW:
        return second
    return f"{first}.{second}" if f"{first}.{second}" in BELOW else first


def test_the_walk_sees_what_is_there() -> None:
    assert "pi_runtime.backends.base" in IMPORTS["pi_runtime.generation.decoding"]
    assert "pi_runtime.checks" in IMPORTS["pi_runtime.generation.generator"]
    assert "pi_runtime.backends.numpy" in IMPORTS["pi_runtime.backends.registry"], "a string"
    assert "pi_runtime.generation.generator" in IMPORTS["pi_runtime.cli.sources"], "a function's"
    assert {room(name) for name in MODULES} == set(BELOW)


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down(name: str) -> None:
    own = room(name)
    if name == "pi_runtime":  # the public names, which are imported when they are asked for
        return
    wrong = {
        imported
        for imported in IMPORTS[name] & MODULES.keys()
        if room(imported) != own and room(imported) not in BELOW[own]
    }
    assert not wrong


@pytest.mark.parametrize("name", MODULES)
def test_only_command_lines_know_of_command_lines(name: str) -> None:
    if name.startswith(COMMAND_LINES):
        return
    wrong = {i for i in IMPORTS[name] if i == "argparse" or i.startswith(COMMAND_LINES)}
    assert not wrong


def test_no_imports_run_in_a_circle() -> None:
    graph = {name: found & MODULES.keys() - {name} for name, found in IMPORTS.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(reversed(error.args[1])))


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("pi_runtime")])
def test_no_module_of_the_runtime_names_the_desktop_side(name: str) -> None:
    assert not {imported.partition(".")[0] for imported in IMPORTS[name]} & set(HEAVY)


def test_nothing_but_tests_imports_from_tests() -> None:
    scripts = list((ROOT / "scripts").rglob("*.py"))
    assert scripts
    for path in [*MODULES.values(), *scripts]:
        assert not {i for i in imports(path) if i.partition(".")[0] == "tests"}, path


def test_the_writer_of_test_checkpoints_shares_nothing_with_what_it_tests() -> None:
    """Or a test that reads back what it wrote would prove nothing."""
    found = imports(ROOT / "tests" / "helpers" / "checkpoints.py")
    assert not {i for i in found if i.partition(".")[0] in ("convert", "train")}


def imported(code: str, *options: str) -> set[str]:
    """Return the modules that a fresh interpreter has imported once it has run code."""
    done = subprocess.run(
        [sys.executable, *options, "-X", "importtime", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


def tops(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def test_import_pi_runtime_is_light() -> None:
    assert not tops(imported("import pi_runtime")) & {*HEAVY, "numpy"}


@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_rnn_generate_imports_nothing_heavy(backend: str, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(packed_model(small_network()))
    found = tops(
        imported(
            "from pi_runtime.cli.generate import main; "
            f"main([{str(path)!r}, '--backend', {backend!r}])"
        )
    )
    assert "numpy" in found
    # No bar without a terminal; but LiteRT imports tqdm itself.
    assert not found & {*HEAVY, *([] if "ai_edge_litert" in found else ["tqdm"])}


@pytest.mark.parametrize("command", ["generate", "speak"])
def test_help_needs_no_numpy(command: str) -> None:
    found = imported(f"from pi_runtime.cli.{command} import main; main(['--help'])")
    assert "numpy" not in tops(found)


WARM = {"__future__", "operator", "os", "pi_runtime", "stat", "time"} | {"genericpath", "posixpath"}
"""What `rnn-generate` may import before the service answers, which takes milliseconds: argparse, or
what makes enums and regular expressions, would each cost as much as all of it."""

WARM_SPEECH = WARM | {
    "argparse", "atexit", "collections", "contextlib", "copyreg", "enum", "errno", "fnmatch",
    "functools", "gettext", "glob", "grp", "ipaddress", "itertools", "json", "keyword", "linecache",
    "logging", "ntpath", "pathlib", "pwd", "re", "reprlib", "shlex", "string", "textwrap",
    "threading", "token", "tokenize", "traceback", "types", "typing", "urllib", "warnings",
    "weakref",
}  # fmt: skip
"""The same for `rnn-speak`: no subprocess, no dataclasses, no sound."""


def warm(code: str, **environment: str) -> set[str]:
    """Return what code has imported at its end in a Python without a virtual environment."""
    code = f"""
import sys
before = set(sys.modules)
sys.path.insert(0, {str(ROOT)!r})
{code}
print(*set(sys.modules) - before, file=sys.stderr)
"""
    # -I -S: the environment's .pth files import a good deal themselves.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("command", "budget"), [("generate", WARM), ("speak", WARM_SPEECH)], ids=["generate", "speak"]
)
def test_a_warm_one_off_imports_next_to_nothing(command: str, budget: set[str]) -> None:
    found = warm(f"import pi_runtime.cli.{command}")
    assert f"pi_runtime.cli.{command}" in found
    assert {name for name in tops(found) if not name.startswith("_")} <= budget


def test_nor_does_asking_the_service(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "control"))
        listener.listen()

        def reply() -> None:
            link, _ = listener.accept()
            with link, link.makefile("rb") as lines:
                lines.readline()
                link.sendall(b'{"ok": true, "texts": ["tea"], "seed": 7, "unknown": ["x"]}\n')
                lines.read()

        with ThreadPoolExecutor() as threads:
            replied = threads.submit(reply)
            found = warm(
                """
import os
os._exit = lambda code: None
from pi_runtime.cli.generate import main
main(["--seed", "7", "--prefix", "x", "--temperature=0.5,0.2", "--quiet"])
""",
                RNN_SOCKET=str(tmp_path / "control"),
            )
            replied.result()
    assert {name for name in tops(found) if not name.startswith("_")} <= WARM | {"select"}


def test_a_warm_one_off_imports_nothing_of_what_makes_texts() -> None:
    ours = {
        name for name in warm("import pi_runtime.cli.generate") if name.startswith("pi_runtime.")
    }
    assert {name for name in ours if room(name) not in ("cli", "service", "pi_runtime")} <= {
        "pi_runtime.backends",
        "pi_runtime.backends.registry",
        "pi_runtime.generation",
        "pi_runtime.generation.defaults",
        "pi_runtime.generation.drawn",
    }
