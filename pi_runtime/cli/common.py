"""What every command shares: argument text, exit codes, signals, the stdout contract.

stdout carries text or JSON and nothing else; all else goes to stderr. Exit codes: 0 done,
1 the job failed, 2 the call was wrong, 130 interrupted (Ctrl-C), 143 terminated. A reader that
goes away (`| head -1`) ends the command quietly.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys

from pi_runtime._version import __version__
from pi_runtime.errors import Error, UsageError

TYPE_CHECKING = False  # typing and pathlib would cost a warm one-off a fifth of its start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import IO, NoReturn

DEFAULT_MODEL = "/var/lib/textgenrnn-pi/model.tflite"


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line, as all errors here."""

    def __init__(self, prog: str, description: str, examples: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("--version", action="version", version=__version__)

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` instead of printing the whole usage."""
        raise UsageError(message, f"see {self.prog} --help")


def run(
    command: Callable[[list[str]], int | None],
    argv: list[str] | None = None,
    *,
    at_once: bool = False,
) -> NoReturn:
    """Run `command(argv)` and leave the process with its exit code.

    `at_once` leaves without taking NumPy and the TFLite interpreter apart, which nobody needs and
    takes a tenth of a one-off's time. It is for commands that leave no thread and no file open.
    """
    try:
        code = _guarded(command, argv)
    except KeyboardInterrupt:  # one that came while another failure was being handled
        code = 130
    if at_once:
        sys.stderr.flush()  # stdout was flushed, or nobody reads it
        os._exit(code)
    sys.exit(code)


def _guarded(command: Callable[[list[str]], int | None], argv: list[str] | None) -> int:
    debug = bool(os.environ.get("RNN_DEBUG"))
    # Read when NumPy is imported. These products are too small to share among threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        speak_utf8()
        code = command(utf8_arguments() if argv is None else argv) or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader has what it wanted. Point stdout elsewhere, or the interpreter's own
        # flush at exit complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130
    except Error as error:
        if debug:
            raise
        say(f"error: {error}")
        return error.exit_code
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        say(f"error: {where}{(error.strerror or str(error)).lower()}")
        return 1


_interrupted = False


def _interrupt(*_: object) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def stop_if_interrupted() -> None:
    """Stop where Ctrl-C came but was swallowed, as by a library's callback or import hook.

    Raises:
        KeyboardInterrupt: it came.
    """
    if _interrupted:
        raise KeyboardInterrupt


def speak_utf8() -> None:
    """Write UTF-8 whatever the locale says: `ssh host rnn-generate` may run under any."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(encoding="utf-8", errors="replace")


def utf8_arguments() -> list[str]:
    """Return the command's arguments decoded as UTF-8, not by the locale.

    Raises:
        UsageError: an argument is not valid UTF-8.
    """
    try:
        return [os.fsencode(argument).decode("utf-8") for argument in sys.argv[1:]]
    except UnicodeDecodeError:
        raise UsageError("an argument is not UTF-8", "send it from a UTF-8 terminal") from None


def say(message: str) -> None:
    """Write one line to stderr."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201


def emit(text: str, file: IO[str] | None = None) -> None:
    """Write text to stdout (or `file`) at once."""
    out = sys.stdout if file is None else file
    out.write(text)
    out.flush()


def model_path(argument: str | None) -> str:
    """Return the model a command works on: the argument, `$RNN_MODEL`, or the Pi's own."""
    if argument:
        return argument
    if environment := os.environ.get("RNN_MODEL"):
        return environment
    if os.path.exists(DEFAULT_MODEL):  # noqa: PTH110
        return DEFAULT_MODEL
    raise UsageError("no model named", f"give MODEL, set RNN_MODEL, or put one at {DEFAULT_MODEL}")


def model_is_named(argument: str | None) -> bool:
    """Return whether a model is named, by argument or by `$RNN_MODEL`."""
    return bool(argument or os.environ.get("RNN_MODEL"))


def changed(
    parser: argparse.ArgumentParser, args: argparse.Namespace, besides: Iterable[str]
) -> str:
    """Return the first option that is not at its default, other than some; '' where none is."""
    for name, value in vars(args).items():
        if name not in besides and value != parser.get_default(name):
            return name.replace("_", "-")
    return ""


def changed_values(
    parser: argparse.ArgumentParser, args: argparse.Namespace, names: Iterable[str]
) -> dict[str, object]:
    """Return those of the options that are not at their defaults."""
    values = {name: getattr(args, name) for name in names}
    return {name: value for name, value in values.items() if value != parser.get_default(name)}
