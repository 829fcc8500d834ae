"""How every command runs: exit codes, signals, one line per error.

Exit codes: 0 done, 1 the job failed, 2 the call was wrong, 130 interrupted (Ctrl-C),
143 terminated. A reader that goes away (`| head -1`) ends the command quietly.
"""

from __future__ import annotations

import os
import sys

from pi_runtime.cli.output import complain, use_utf8
from pi_runtime.errors import Error, shown
from pi_runtime.light import signal

TYPE_CHECKING = False  # typing and pathlib would cost a warm one-off a fifth of its start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

LONGEST_ERROR = 4000
"""Characters of an error's line."""


def run(
    command: Callable[[list[str]], int | None],
    argv: list[str] | None = None,
    *,
    at_once: bool = False,
) -> NoReturn:
    """Run `command(argv)` and leave the process with its exit code.

    `at_once` leaves without taking NumPy and the TFLite interpreter apart, which is not needed and
    takes a tenth of a one-off's time. It is for commands that leave no thread and no file open.
    """
    try:
        code = _guarded(command, argv)
    except KeyboardInterrupt:  # one that came while another failure was being handled
        code = 130
    if at_once:
        sys.stderr.flush()  # stdout was flushed, or has no reader
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
        use_utf8()
        code = command(_utf8_arguments() if argv is None else argv) or 0
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
        complain(f"error: {_one_line(error)}")
        return error.exit_code
    except OSError as error:
        if debug:
            raise
        path = f"{_name(error.filename)}: " if error.filename else ""
        complain(f"error: {path}{(error.strerror or _one_line(error)).lower()}")
        return 1


def _one_line(error: Exception) -> str:
    """Return what an error says. What a file or a name has in it stays one line."""
    return shown(" ".join(line.strip() for line in str(error).split("\n")), LONGEST_ERROR)


def _name(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, bytes) else str(name)


_interrupted = False


def _interrupt(*_: object) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def stop_if_interrupted() -> None:
    """Stop if Ctrl-C came but was swallowed, as by a library's callback or import hook.

    Raises:
        KeyboardInterrupt: it came.
    """
    if _interrupted:
        raise KeyboardInterrupt


def _utf8_arguments() -> list[str]:
    """Return the command's arguments decoded as UTF-8, not by the locale.

    A name of a file may be in another encoding; `Parser` refuses anything else that is.
    """
    return [os.fsencode(argument).decode("utf-8", "surrogateescape") for argument in sys.argv[1:]]
