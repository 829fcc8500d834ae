"""What may be imported by name and stays: the names, that each is explained, and that the examples
in the explanations are true.
"""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pi_runtime
import pi_runtime.speech
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.modules import MODULES

PUBLIC = {
    "pi_runtime": [
        "BackendError",
        "Error",
        "ModelFileError",
        "RejectedError",
        "SamplingParams",
        "SpeechError",
        "TextGenerator",
        "UsageError",
        "__version__",
        "synthesize",
        "synthesize_to_file",
    ],
    "pi_runtime.speech": [
        "Aplay",
        "RawOutput",
        "Sink",
        "SpeechConfig",
        "SpeechSession",
        "Spoken",
        "WavFile",
    ],
    "convert": [
        "CheckpointError",
        "Conversion",
        "ConversionError",
        "OutputError",
        "ParityError",
        "SidecarError",
        "convert_checkpoint",
    ],
    "train": [
        "Epoch",
        "ModelSettings",
        "Start",
        "TextError",
        "TrainSettings",
        "TrainingError",
        "train",
    ],
}

WITHOUT_EXAMPLE = {
    "Aplay",  # an example would need a sound card
    "Conversion",  # what convert_checkpoint returns
    "Epoch",  # what train hands to after_epoch
    "Sink",  # a protocol
    "Spoken",  # what SpeechSession.speak returns
    "Start",  # an example would need a trained network
}

NAMES = [(package, name) for package, names in PUBLIC.items() for name in names]


def public(package: str, name: str) -> Any:
    """Return what a public name stands for."""
    if package in ("convert", "train") and importlib.util.find_spec("h5py") is None:
        pytest.skip("h5py is not installed")
    return getattr(importlib.import_module(package), name)


@pytest.mark.parametrize("package", PUBLIC)
def test_these_names_are_public(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__ == PUBLIC[package]
    with pytest.raises(AttributeError, match="has no attribute 'nothing_of_this_name'"):
        module.nothing_of_this_name  # noqa: B018


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_every_public_name_is_there(package: str, name: str) -> None:
    assert public(package, name) is not None


def test_a_star_import_brings_what_is_public() -> None:
    names: dict[str, object] = {}
    exec("from pi_runtime import *", names)
    assert set(PUBLIC["pi_runtime"]) <= set(names)


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class defines itself."""
    for name, member in vars(cls).items():
        if not name.startswith("_") and (
            callable(member) or isinstance(member, (property, classmethod, staticmethod))
        ):
            yield name, getattr(cls, name)


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_everything_public_has_a_docstring(package: str, name: str) -> None:
    thing = public(package, name)
    if name == "__version__":
        return
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        for member, value in members(thing):
            assert inspect.getdoc(value), f"{name}.{member}"


def examples(thing: Any) -> str:
    """Return the source of all examples of a class with its methods, or of a function."""
    things = [thing, *(m for _, m in members(thing))] if inspect.isclass(thing) else [thing]
    parser = doctest.DocTestParser()
    found = [example for t in things for example in parser.get_examples(inspect.getdoc(t) or "")]
    return "".join(example.source for example in found)


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_everything_public_occurs_in_an_example(package: str, name: str) -> None:
    thing = public(package, name)
    if name == "__version__" or (inspect.isclass(thing) and issubclass(thing, Exception)):
        return
    others = [other for other in PUBLIC[package] if other != "__version__"]
    shown = "".join(examples(public(package, other)) for other in others)
    assert (f"{name}(" in shown or f"{name}." in shown) != (name in WITHOUT_EXAMPLE)


def runtime_examples() -> list[doctest.DocTest]:
    """Return the examples in the runtime's docstrings, each with the public names at hand."""
    names = {n: getattr(pi_runtime, n) for n in PUBLIC["pi_runtime"]}
    names |= {n: getattr(pi_runtime.speech, n) for n in PUBLIC["pi_runtime.speech"]}
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = []
    for name in MODULES:
        if name.startswith("pi_runtime"):
            module: ModuleType = importlib.import_module(name)
            found += finder.find(module, name, globs={**vars(module), **names})
    return sorted((test for test in found if test.examples), key=lambda test: test.name)


EXAMPLES = runtime_examples()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader tries the examples: a folder with a model."""
    model = packed_model(small_network(classes=20), small_vocab(20))
    (tmp_path / "colab.tflite").write_bytes(model)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_examples_are_true(example: doctest.DocTest) -> None:
    said: list[str] = []
    write: Callable[[str], object] = said.append
    failed, tried = doctest.DocTestRunner().run(example, out=write)
    assert tried
    assert not failed, "".join(said)


def test_examples_are_found() -> None:
    names = {example.name for example in EXAMPLES}
    assert {
        "pi_runtime.generation.generator.TextGenerator",
        "pi_runtime.generation.generator.TextGenerator.stream",
        "pi_runtime.generation.params.SamplingParams",
        "pi_runtime.speech.session.SpeechSession.speak",
    } <= names
