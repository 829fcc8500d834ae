"""`rnn-speakd`: the service that speaks."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pi_runtime.cli.arguments import add_model
from pi_runtime.cli.generation_arguments import (
    add_generation,
    check_generation,
)
from pi_runtime.cli.models import DEFAULT_MODEL, model_path
from pi_runtime.cli.parser import Parser
from pi_runtime.cli.process import run
from pi_runtime.cli.refusal import refuse
from pi_runtime.cli.settings_file import VARIABLE, explained, options_in
from pi_runtime.cli.sources import sampling_options
from pi_runtime.cli.speech_arguments import add_sound, add_speech, check_speech, speech_config
from pi_runtime.errors import UsageError, shown

if TYPE_CHECKING:
    from pi_runtime.service.quiet_hours import QuietHours
    from pi_runtime.service.settings import ServiceSettings

# Source: sd-daemon(3), SD_WARNING and its like.
_PRIORITY = {"ERROR": "<3>", "WARNING": "<4>", "INFO": "<6>", "DEBUG": "<7>"}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-speakd."""
    run(_serve, argv)


def _parser() -> Parser:
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
    when.add_argument(
        "--quiet-hours",
        type=_quiet_hours,
        metavar="HH:MM-HH:MM",
        help="say nothing by itself then, by local time, such as 22:00-07:00; several with commas",
    )
    service = parser.add_argument_group("service")
    service.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help=f'a file with a line {VARIABLE}="…" of further options, read again at SIGHUP',
    )
    service.add_argument(
        "--socket",
        type=Path,
        metavar="FILE",
        help="the control socket to listen on, where systemd hands over none",
    )
    add_speech(parser)
    add_sound(parser)
    parser.add_argument(
        "--keep-awake",
        action="store_true",
        help="play faint noise between texts, so that a Bluetooth speaker or HDMI sink does not "
        "fall asleep; no other program can use the device meanwhile",
    )
    add_generation(parser)
    return parser


def _quiet_hours(text: str) -> QuietHours:
    from pi_runtime.service.quiet_hours import QuietHours

    return QuietHours.read(text)


def _interval(text: str) -> tuple[float, float]:
    match = re.fullmatch(r"(\d{1,6})([smh]?)(?:-(\d{1,6})([smh]?))?", text, re.ASCII)
    if not match:
        raise UsageError(
            f"--interval {text!r} is not like 90s, 10m or 5m-20m", "write one such as 10m"
        )
    low = int(match[1]) * _SECONDS[match[2]]
    high = int(match[3]) * _SECONDS[match[4]] if match[3] else low
    if high < low:
        raise UsageError(f"--interval {text} goes backwards", "give the shorter time first")
    return float(low), float(high)


def read_settings(argv: list[str]) -> ServiceSettings:
    """Return the settings that a command line, and the file it may name, make now.

    The command line has the last word.

    Raises:
        UsageError: an option is wrong, or the file cannot be read. If it is the file's, the message
            names the file and what to do.
    """
    from pi_runtime.generation.params import SamplingParams
    from pi_runtime.service.quiet_hours import QuietHours
    from pi_runtime.service.settings import ServiceSettings

    args = _read_options(argv)
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
        quiet_hours=args.quiet_hours or QuietHours(),
        keep_awake=args.keep_awake,
        device=args.device,
        wait=args.wait,
    )


def _read_options(argv: list[str]) -> argparse.Namespace:
    """Return the options of the command line and of the file, which it overrides."""
    parser = _parser()
    args: argparse.Namespace = parser.parse_args(argv)
    _check(args)
    file = _read_file(parser, args.settings) if args.settings else None
    both = [args] if file is None else [args, file]
    engines = {each.engine for each in both if "engine" in each.given} or {"auto"}
    check_speech(args, engines)
    if file is None:
        return args
    with explained(args.settings):
        check_speech(file, engines)
    for name in args.given:
        setattr(file, name, getattr(args, name))
    file.given = {**file.given, **args.given}
    return file


def _read_file(parser: Parser, path: Path) -> argparse.Namespace:
    with explained(path):
        options = options_in(path)
        for option in ("-h", "--help", "--version"):
            if option in options:
                raise UsageError(f"{option} has no use in a settings file", "leave it out")
        args: argparse.Namespace = parser.parse_args(options)
        refuse(args, ("settings", "socket"), "in a settings file")
        _check(args)
    return args


def _check(args: argparse.Namespace) -> None:
    """Refuse options that mean nothing to a service, or together."""
    refuse(args, ("wav", "raw"), "for a service, which plays to a sound device")
    refuse(args, ("n",), "for a service, which speaks one text after the other")
    if args.on_demand:
        # The noise of --keep-awake rests in quiet hours too.
        wrong = ("interval",) if args.keep_awake else ("interval", "quiet_hours")
        refuse(args, wrong, "with --on-demand", "leave one of them out")
    check_generation(args)


def _serve(argv: list[str]) -> int:
    _log()
    args = _read_options(argv)
    from pi_runtime.service.daemon import Daemon
    from pi_runtime.service.own_socket import OwnSocket
    from pi_runtime.service.systemd import passed_socket

    listener = passed_socket()
    own = OwnSocket(args.socket) if args.socket and not listener else None

    async def serve() -> None:
        await Daemon(lambda: read_settings(argv), own.listener if own else listener).run()

    try:
        asyncio.run(serve())
    finally:
        if own:
            own.close()
    # A thread may still be waiting for a sound card or an engine; it is not waited for.
    logging.shutdown()
    os._exit(0)


def _log() -> None:
    """Log to stderr, with priorities if that is the journal."""
    from pi_runtime.service.client_log import FloodFilter

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Journal() if os.environ.get("JOURNAL_STREAM") else _Lines())
    handler.addFilter(FloodFilter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _Lines(logging.Formatter):
    """Bounded lines that print: a file's or a client's text may be in them."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(shown(line, 5000) for line in super().format(record).split("\n"))


class _Journal(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record).replace("\n", " ")
        return f"{_PRIORITY.get(record.levelname, '<6>')}{line}"


if __name__ == "__main__":
    main(sys.argv[1:])
