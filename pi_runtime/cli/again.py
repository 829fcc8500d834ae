"""`rnn-generate --again`: a text of the log, generated once more."""

from __future__ import annotations

import argparse

from pi_runtime._version import __version__
from pi_runtime.backends.registry import BACKENDS
from pi_runtime.cli.output import emit, note
from pi_runtime.cli.sources import ModelSource
from pi_runtime.cli.text_log import LogError, LoggedText, TextLog
from pi_runtime.errors import shown, shown_path
from pi_runtime.generation.decoding import decode
from pi_runtime.generation.generator import TextGenerator


def generate_again(args: argparse.Namespace) -> int:
    """Print the text `args.again` of a log, as the model generates it now.

    Raises:
        LogError: it cannot be had from the log, the model is another one, or the text is not the
            one that was logged (it is printed all the same).
    """
    log = TextLog(args.log, create=False)
    try:
        logged = log.text(args.again)
    finally:
        log.close()
    args.model = args.model or logged.model_path
    args.prefix, args.seed = logged.prefix, logged.seed
    source = ModelSource(args)
    if logged.model not in (None, source.sha256):
        raise LogError(
            f"{shown_path(source.path)}: is not the model that generated text {args.again}",
            f"name the one whose SHA-256 is {shown(logged.model)}",
        )
    text = _text(logged, source.generator)
    emit(f"{text}\n")
    if text != logged.text:
        raise LogError(*_difference(args.again, logged, source))
    note(f"as it was logged at {shown(logged.time, 30)}")
    return 0


def _text(logged: LoggedText, generator: TextGenerator) -> str:
    """Return the draw that was accepted, of which nothing needs to be judged again."""
    begin = generator.beginning(logged.params, logged.prefix, logged.seed, redraw=logged.draws - 1)
    sequence = begin(logged.index)
    for _ in decode(generator.backend, [sequence]):
        pass
    return sequence.text


def _difference(number: int, logged: LoggedText, source: ModelSource) -> tuple[str, str]:
    """Return what made another text of it, as far as it is known, and what to do."""
    what = f"this is not the text that was logged as {number}"
    if logged.backend != source.backend and logged.backend in BACKENDS:
        return what, f"{logged.backend} computed that one: add --backend {logged.backend}"
    if logged.version != __version__:
        return what, f"version {shown(logged.version, 20)} generated that one, not {__version__}"
    if logged.model is None:
        return what, "name the model that the service had"
    return what, "the log was changed, or this computer computes otherwise"
