"""The table in docs/textgenrnn.md: a row for each public parameter of textgenrnn 2.0, and no name
in it that is not there.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
from typing import Any

import pytest

import pi_runtime
from pi_runtime.generation.interactive import InteractiveText
from tests.helpers.commands import ROOT, run_command

# As `def` has them in textgenrnn.py and utils.py of textgenrnn 2.0.0, `self` left out.
SIGNATURES = {
    "textgenrnn": "weights_path vocab_path config_path name allow_growth",
    "generate": "n return_as_list prefix temperature max_gen_length interactive top_n progress",
    "generate_samples": "n temperatures **kwargs",
    "train_on_texts": "texts context_labels batch_size num_epochs verbose new_model gen_epochs "
    "train_size max_gen_length validation dropout via_new_model save_epochs multi_gpu **kwargs",
    "train_new_model": "texts context_labels num_epochs gen_epochs batch_size dropout train_size "
    "validation save_epochs multi_gpu **kwargs",
    "save": "weights_path",
    "load": "weights_path",
    "reset": "",
    "train_from_file": "file_path header delim new_model context is_csv **kwargs",
    "train_from_largetext_file": "file_path new_model **kwargs",
    "generate_to_file": "destination_path **kwargs",
    "encode_text_vectors": "texts pca_dims tsne_dims tsne_seed return_pca return_tsne",
    "similarity": "text texts use_pca",
    "synthesize": "textgens n return_as_list prefix temperature max_gen_length progress "
    "stop_tokens",
    "synthesize_to_file": "textgens destination_path **kwargs",
}
PARAMETERS = [
    (method, parameter)
    for method, parameters in SIGNATURES.items()
    for parameter in parameters.split() or [""]
]
PAGE = (ROOT / "docs" / "textgenrnn.md").read_text("utf-8")
ROWS = {
    tuple(found.groups("")): [cell.strip() for cell in row.strip("|").split("|")]
    for row in PAGE.splitlines()
    if (found := re.match(r"\| `(\w+)`(?: `([\w*]+)`)? \|", row))
}


def named(name: str) -> Any:
    """Return what the page calls by a name, with any parameters."""
    if name.startswith("InteractiveText"):
        return getattr(InteractiveText, name.partition(".")[2] or "__init__")
    if name.startswith("synthesize"):
        return getattr(pi_runtime, name)
    if name in ("train", "TrainSettings", "ModelSettings", "convert_checkpoint"):
        if importlib.util.find_spec("h5py") is None:
            pytest.skip("h5py is not installed")
        return getattr(importlib.import_module("convert" if "convert" in name else "train"), name)
    return getattr(pi_runtime.TextGenerator, name.removeprefix("TextGenerator."))


def test_each_parameter_has_a_row_and_each_row_a_parameter() -> None:
    assert sorted(ROWS) == sorted(PARAMETERS)


@pytest.mark.parametrize(("method", "parameter"), PARAMETERS)
def test_no_cell_is_empty(method: str, parameter: str) -> None:
    cells = ROWS[method, parameter]
    assert len(cells) == 3
    assert all(cells)
    assert cells[1] != "no"
    if cells[1].startswith("no: "):
        assert method.startswith("train_"), "of generating, all is there"


def test_every_parameter_of_ours_is_there() -> None:
    found = {
        call
        for _, library, _ in ROWS.values()
        for call in re.findall(r"`([\w.]+)\((\w+)\)`", library)
    }
    assert len(found) > 40
    for name, parameter in found:
        assert parameter in inspect.signature(named(name)).parameters, f"{name}({parameter})"


COMMANDS = sorted(
    {call for _, _, command in ROWS.values() for call in re.findall(r"`(rnn-\w+[^`]*)`", command)}
)


@pytest.mark.parametrize("command", ["rnn-generate", "rnn-convert", "rnn-train"])
def test_every_option_of_ours_is_there(command: str) -> None:
    if command != "rnn-generate" and importlib.util.find_spec("h5py") is None:
        pytest.skip("h5py is not installed")
    usage = run_command(command, "--help").stdout
    words = {word for call in COMMANDS if call.startswith(command) for word in call.split()[1:]}
    assert words
    for word in words:
        assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", usage), f"{command} {word}"


def test_what_has_the_same_name_has_the_same_default() -> None:
    for name, expected in {
        "encode_text_vectors": (inspect.Parameter.empty, 50, None, None, False, False),
        "similarity": (inspect.Parameter.empty, inspect.Parameter.empty, True),
        "synthesize": (inspect.Parameter.empty, 1, None, (0.5, 0.2, 0.2), 300, (" ", "\n")),
    }.items():
        parameters = list(inspect.signature(named(name)).parameters.values())
        defaults = [each.default for each in parameters if each.name != "self"]
        assert tuple(defaults[: len(expected)]) == expected, name
