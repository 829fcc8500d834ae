"""The common calls of rnn-generate, read without argparse, which takes longer than a warm one-off.

    rnn-generate [MODEL] [OPTION [VALUE]]…

with the options of `_VALUES` and `_FLAGS`, each once. `read_plain` understands such a call as
`generate_options` does, or not at all: whatever is not plainly right is left to that, and to its
words for it.
"""

from __future__ import annotations

from pi_runtime import checks
from pi_runtime.backends.registry import BACKENDS
from pi_runtime.errors import UsageError
from pi_runtime.generation.defaults import MAX_GEN_LENGTH, SCHEDULE, STOP_TOKENS
from pi_runtime.service.client import check_name

TYPE_CHECKING = False  # see pi_runtime.cli.process
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from typing import Any
else:

    class Namespace:
        """What argparse's is to those who read it."""

        def __init__(self, **members):
            self.__dict__.update(members)


DEFAULTS: dict[str, Any] = {
    "model": None,
    "n": 1,
    "prefix": None,
    "seed": None,
    "backend": "auto",
    "threads": 1,
    "temperature": SCHEDULE,
    "max_gen_length": MAX_GEN_LENGTH,
    "finish_sentence": False,
    "skip_fragment": False,
    "unescape": False,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "repetition_window": 64,
    "forbid": "",
    "allow": "",
    "min_length": 0,
    "max_words": 0,
    "stop_at": [],
    "keep_stop": False,
    "original": 0,
    "reject": [],
    "tries": 20,
    "samples": False,
    "interactive": False,
    "top_n": 3,
    "again": None,
    "synthesize": [],
    "stop_tokens": STOP_TOKENS,
    "output": None,
    "append": False,
    "separator": None,
    "null": False,
    "json": False,
    "csv": False,
    "log": None,
    "trace": None,
    "report_copies": False,
    "shards": None,
    "shard_size": None,
    "shard": None,
    "dask": None,
    "service": None,
    "local": False,
    "quiet": False,
}
"""What `generate_options` makes of an empty call; a test compares them."""


def read_plain(argv: list[str]) -> Namespace | None:
    """Return the options of a plain call, or None if it is not one."""
    found: dict[str, Any] = {}
    given: dict[str, str] = {}
    words = list(argv)
    model = words.pop(0) if words and words[0][:1] not in _NO_MODEL else None
    try:
        while words:
            word, equals, value = words.pop(0).partition("=")
            name = _FLAGS.get(word) or word.lstrip("-").replace("-", "_")
            if name in given:
                return None
            if word in _FLAGS and not equals:
                found[name] = True
            else:
                value = value if equals else words.pop(0)
                if value.startswith("-"):
                    return None
                found[name] = _VALUES[word](value)
            given[name] = word
    except (IndexError, KeyError, UsageError, ValueError):
        return None
    if model is not None:
        found["model"], given["model"] = model, "MODEL"
    if "service" in given and ("model" in given or "local" in given):
        return None
    return Namespace(**{**DEFAULTS, **found, "given": given})


_NO_MODEL = ("", "-", "–", "—", "−")
"""What a word begins with that is no MODEL, or a mistyped option; "": an empty word."""


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ValueError
    return int(text)


def _schedule(text: str) -> tuple[float, ...]:
    parts = text.split(",")
    for part in parts:
        # Without a point, the commas may be decimal ones.
        bare = part.replace(".", "", 1)
        if not (bare.isascii() and bare.isdigit() and (bare != part or len(parts) == 1)):
            raise ValueError
    return checks.schedule([float(part) for part in parts])


def _unicode(text: str) -> str:
    text.encode()  # half of a surrogate pair cannot be
    return text


def _backend(name: str) -> str:
    if name != "auto" and name not in BACKENDS:
        raise ValueError
    return name


_VALUES: dict[str, Callable[[str], Any]] = {
    "-n": lambda text: checks.text_count(_natural(text)),
    "--prefix": _unicode,
    "--seed": lambda text: checks.seed(_natural(text)),
    "--temperature": _schedule,
    "--max-gen-length": lambda text: checks.max_gen_length(_natural(text)),
    "--backend": _backend,
    "--service": check_name,
}
_FLAGS = {"-q": "quiet", "--quiet": "quiet", "--local": "local"}
