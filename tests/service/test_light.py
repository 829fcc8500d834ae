"""A one-off reads and writes JSON as `json` does, without importing it."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime.light import from_json, to_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(VALUES)
def test_what_is_written_is_read(value: object) -> None:
    assert to_json(value) == json.dumps(value)
    assert from_json(to_json(value)) == value
    assert from_json(json.dumps(value, ensure_ascii=False, indent=1)) == value


@settings(deadline=None)
@given(st.text(alphabet='[]{}:,"\\ué1.-etrufalsn \n', max_size=12))
def test_what_is_no_json_is_refused(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError as error:
        with pytest.raises(ValueError) as raised:
            from_json(text)
        assert str(raised.value) == str(error)
    else:
        assert from_json(text) == expected


def test_numbers_that_json_has_not_are_read_as_json_reads_them() -> None:
    assert math.isnan(from_json("NaN"))
    assert from_json("-Infinity") == -math.inf


def test_what_is_not_for_json_is_refused() -> None:
    with pytest.raises(TypeError):
        to_json({"a": object()})


def test_a_python_without_its_c_halves_gets_the_whole_modules() -> None:
    code = (
        "import sys; sys.modules.update(_signal=None, _socket=None, _json=None); "
        # What the whole modules need of their own halves.
        "import types; whole = types.ModuleType('socket'); sys.modules['socket'] = whole; "
        "whole.AF_UNIX, whole.SOCK_STREAM, whole.socket = 1, 2, lambda *kind: kind; "
        "sys.modules['signal'] = types.ModuleType('signal'); "
        "from pi_runtime.light import *; "
        "print(signal.__name__, unix_socket(), from_json(to_json({'a': [1, None]})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["signal", "(1, 2) {'a': [1, None]}\n"]
