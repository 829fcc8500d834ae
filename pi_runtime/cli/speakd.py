"""`rnn-speakd`: the service that speaks."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pi_runtime.cli.arguments import (
    DEFAULT_MODEL,
    Parser,
    add_generation,
    add_model,
    model_path,
    sampling_options,
)
from pi_runtime.cli.process import run
from pi_runtime.cli.speech_arguments import add_sound, add_speech, speech_config
from pi_runtime.errors import UsageError

if TYPE_CHECKING:
    from pi_runtime.service.settings import ServiceSettings

SETTINGS_VARIABLE = "OPTIONS"

# Source: sd-daemon(3), SD_WARNING and its like.
_PRIORITY = {"ERROR": "<3>", "WARNING": "<4>", "INFO": "<6>", "DEBUG": "<7>"}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-speakd."""
    run(_serve, argv)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "rnn-speakd",
        "Speak a text, wait, and speak the next, until SIGTERM; take requests on a control socket "
        "meanwhile. SIGHUP reloads the model and the settings. MODEL left out: $RNN_MODEL, else "
        f"{DEFAULT_MODEL}.",
        "  rnn-speakd --interval 10m\n"
        "  rnn-speakd colab.tflite --interval 5m-20m --engine festival\n"
        "  rnn-speakd --on-demand --settings /etc/default/rnn-speak",
    )
    add_model(parser)
    when = parser.add_argument_group("when")
    when.add_argument(
        "--interval",
        type=_interval,
        default=(600.0, 600.0),
        metavar="T[-T]",
        help="the silence between two texts, such as 90s, 10m, or 5m-20m (default 10m)",
    )
    when.add_argument("--on-demand", action="store_true", help="speak only when asked to")
    service = parser.add_argument_group("service")
    service.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help=f'a file with a line {SETTINGS_VARIABLE}="…" of further options, read again at SIGHUP',
    )
    service.add_argument(
        "--socket",
        type=Path,
        metavar="FILE",
        help="the control socket to listen on, where systemd hands over none",
    )
    add_speech(parser)
    add_sound(parser)
    add_generation(parser)
    return parser


def _interval(text: str) -> tuple[float, float]:
    match = re.fullmatch(r"(\d{1,6})([smh]?)(?:-(\d{1,6})([smh]?))?", text, re.ASCII)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 90s, 10m or 5m-20m")
    low = int(match[1]) * _SECONDS[match[2]]
    high = int(match[3]) * _SECONDS[match[4]] if match[3] else low
    if high < low:
        raise argparse.ArgumentTypeError(f"{text!r} goes backwards")
    return float(low), float(high)


def read_settings(argv: list[str]) -> ServiceSettings:
    """Return the settings that a command line, and the file it may name, make now.

    The command line has the last word.

    Raises:
        UsageError: an option is wrong, or the file cannot be read.
    """
    from pi_runtime.generation.params import SamplingParams
    from pi_runtime.service.settings import ServiceSettings

    args = _read_options(argv)
    if args.raw or args.wav:
        raise UsageError("a service plays to a sound device", "leave --wav and --raw out")
    return ServiceSettings(
        model=Path(model_path(args.model)),
        speech=speech_config(args),
        params=SamplingParams(**sampling_options(args)),
        prefix=args.prefix,
        seed=args.seed,
        backend=args.backend,
        threads=args.threads,
        interval=args.interval,
        on_demand=args.on_demand,
        device=args.device,
        wait=args.wait,
    )


def _read_options(argv: list[str]) -> argparse.Namespace:
    parser = _parser()
    args = parser.parse_args(argv)
    if args.settings:
        args = parser.parse_args([*_options_in(args.settings), *argv])
    return args


def _options_in(path: Path) -> list[str]:
    """Return the options in a file of the form of /etc/default: the last `OPTIONS=` line's."""
    found: list[str] = []
    try:
        for line in path.read_text("utf-8").splitlines():
            name, equals, value = line.strip().partition("=")
            if equals and name == SETTINGS_VARIABLE:
                # Once for the quotes round the whole, once for those within.
                found = shlex.split(" ".join(shlex.split(value)))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error})", "fix it") from None
    return found


def _serve(argv: list[str]) -> int:
    _log()
    args = _read_options(argv)
    from pi_runtime.service.daemon import Daemon, open_listener
    from pi_runtime.service.systemd import passed_socket

    listener = passed_socket()
    if not listener and args.socket:
        listener = open_listener(args.socket)

    async def serve() -> None:
        await Daemon(lambda: read_settings(argv), listener).run()

    asyncio.run(serve())
    if args.socket:
        args.socket.unlink(missing_ok=True)
    # A thread may still be waiting for a sound card or an engine; it is not waited for.
    logging.shutdown()
    os._exit(0)


def _log() -> None:
    """Log to stderr, with priorities if that is the journal."""
    handler = logging.StreamHandler(sys.stderr)
    if os.environ.get("JOURNAL_STREAM"):
        handler.setFormatter(_Journal())
    logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(message)s")


class _Journal(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record).replace("\n", " ")
        return f"{_PRIORITY.get(record.levelname, '<6>')}{line}"


if __name__ == "__main__":
    main(sys.argv[1:])
