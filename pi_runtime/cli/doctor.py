"""`rnn-doctor`: what is here, what is missing, how fast it is, and what to type to fix it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pi_runtime.cli.arguments import Parser, add_model
from pi_runtime.cli.models import DEFAULT_MODEL, model_path
from pi_runtime.cli.output import as_json, emit, printable
from pi_runtime.cli.process import run
from pi_runtime.errors import UsageError
from pi_runtime.service.client import (
    MODELS,
    UNITS,
    ask,
    check_name,
    service_is_up,
    settings_of,
    unit_of,
)

if TYPE_CHECKING:
    from pi_runtime.service.settings import ServiceSettings
    from pi_runtime.speech import SpeechConfig

SECONDS = 120.0
"""How long a probe may take."""

CARD_RATE = 22_050
"""Samples per second at which a sound card is tried: those of most voices."""

ROOM = 50_000_000
"""Bytes that should be free where the engines write."""


@dataclass(frozen=True)
class Patient:
    """What is examined."""

    model: str
    service: str | None = None
    """The NAME of rnn-speak@NAME; None: the plain service."""

    @property
    def unit(self) -> str:
        """The service's unit."""
        return unit_of(self.service)

    @property
    def settings(self) -> Path:
        """The service's settings file."""
        return Path(settings_of(self.service))


@dataclass(frozen=True)
class Finding:
    """What a probe found. `fix` is what to type; without it a failure is no concern."""

    text: str
    ok: bool = True
    fix: str = ""


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-doctor."""
    run(_examine, argv)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "rnn-doctor",
        "Examine every part that speaking needs, each in a process of its own, and say what to "
        f"type where something is wrong. MODEL left out: $RNN_MODEL, else {DEFAULT_MODEL}. "
        "Exit code 1: something is wrong.",
        "  rnn-doctor\n  rnn-doctor --service poems\n  rnn-doctor colab.tflite --only model",
    )
    add_model(parser)
    parser.add_argument("--service", metavar="NAME", help="of rnn-speak@NAME, and its model")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--only", choices=PROBES, metavar="PART", help=f"{', '.join(PROBES)}")
    parser.add_argument("--probe", choices=PROBES, help=argparse.SUPPRESS)
    return parser


def _examine(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    patient = Patient(_model(args), args.service)
    if args.probe:
        emit(json.dumps(asdict(PROBES[args.probe](patient))))
        return 0
    findings: dict[str, Finding] = {}
    for name in [args.only] if args.only else PROBES:
        finding = findings[name] = _in_a_child(name, patient)
        if not args.json:
            mark = "ok   " if finding.ok else "WRONG" if finding.fix else "-    "
            emit(printable(f"{mark} {name:<12}{finding.text}\n"))
            if not finding.ok and finding.fix:
                emit(printable(f"      {'':<12}→ {finding.fix}\n"))
    if args.json:
        every = {name: asdict(finding) for name, finding in findings.items()}
        emit(as_json(every, indent=1) + "\n")
    return int(any(finding.fix and not finding.ok for finding in findings.values()))


def _model(args: argparse.Namespace) -> str:
    if args.service and not args.model:
        return f"{MODELS}/{check_name(args.service)}.tflite"
    try:
        return model_path(args.model)
    except UsageError:
        return DEFAULT_MODEL


def _in_a_child(name: str, patient: Patient) -> Finding:
    """Run a probe where a crash or a hang of it ends only itself."""
    argv = [sys.executable, "-m", "pi_runtime.cli.doctor", patient.model, "--probe", name]
    if patient.service:
        argv += ["--service", patient.service]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
        return Finding(**json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return Finding(f"took longer than {SECONDS:.0f} s", False, "restart the machine")
    except (ValueError, TypeError):
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        what, _, todo = last.removeprefix("error: ").partition(" – ")
        return Finding(what, False, todo or "sudo scripts/install-pi")


def _python(_: Patient) -> Finding:
    version = platform.python_version()
    return Finding(f"{version}, {platform.machine()}, {platform.system()} {platform.release()}")


def _numpy(_: Patient) -> Finding:
    import numpy as np

    a = np.ones((512, 512), np.float32)
    a @ a
    begun = time.perf_counter()
    for _round in range(5):
        a @ a
    speed = 5 * 2 * 512**3 / (time.perf_counter() - begun) / 1e9
    if speed < 0.2:
        return Finding(
            f"{np.__version__}, only {speed:.2f} GFLOP/s", False, "sudo apt install libopenblas0"
        )
    return Finding(f"{np.__version__}, {speed:.1f} GFLOP/s")


def _interpreter(_: Patient) -> Finding:
    from pi_runtime.backends.onnx.runtime import version
    from pi_runtime.backends.tflite.interpreter import installed_runtime
    from pi_runtime.errors import BackendError

    found = []
    runtime = installed_runtime()
    if runtime:
        __import__(runtime)
        found.append(runtime.partition(".")[0])
    with suppress(BackendError):
        found.append(version())
    if found:
        return Finding(", ".join(found))
    return Finding("none for this Python and processor; NumPy computes", ok=False)


def _model_runs(patient: Patient) -> Finding:
    from pi_runtime.backends.registry import NARROW, fastest_first
    from pi_runtime.generation.generator import TextGenerator
    from pi_runtime.model.file import ModelFile

    model = ModelFile(patient.model)
    generator = TextGenerator.of(model, verify=True)
    begun = time.perf_counter()
    generated = 0
    for piece in generator.stream(seed=0, max_gen_length=200, temperature=1.0):
        generated += len(piece)
    speed = generated / (time.perf_counter() - begun)
    kind = "bidirectional" if model.config.rnn_bidirectional else "forward-only"
    why = f"for a {kind} {model.manifest.quantization} network: {', '.join(fastest_first(model))}"
    if NARROW:
        why += "; tflite changes texts in a 32-bit process"
    if generator.fallback_reason:
        why += f"; {generator.fallback_reason}"
    return Finding(
        f"{patient.model}: right numbers, {speed:.0f} characters per second by "
        f"{generator.backend.name} (the first that runs it, {why})"
    )


def _service_settings(patient: Patient) -> ServiceSettings | None:
    """Return the service's settings; None if there are none, or none that can be read."""
    from pi_runtime.cli.speakd import read_settings

    if not patient.settings.exists():
        return None
    try:
        return read_settings(["--settings", str(patient.settings), patient.model])
    except UsageError:
        return None  # the probe of the settings says what is wrong with them


def _speech(patient: Patient) -> SpeechConfig:
    """Return how the service speaks, or how rnn-speak does where none is set up."""
    from pi_runtime.speech import SpeechConfig

    settings = _service_settings(patient)
    return settings.speech if settings else SpeechConfig()


def _engines(patient: Patient) -> Finding:
    from pi_runtime.speech.engines import ENGINES

    engine = _speech(patient).engine
    if engine in _NO_VOICE:
        return Finding(f"{engine}, as {patient.settings} says")
    found = [name for name, kind in ENGINES.items() if kind.available() and name not in _NO_VOICE]
    if not found:
        fix = "sudo apt install festival festvox-kallpc16k festvox-ru"
        return Finding("no speech engine", False, fix)
    return Finding(", ".join(found))


def _voice(patient: Patient) -> Finding:
    from pi_runtime.errors import ModelFileError
    from pi_runtime.model.file import ModelFile
    from pi_runtime.speech import SpeechSession

    try:
        tokens = ModelFile(patient.model).vocabulary.tokens()
    except ModelFileError:
        tokens = []
    with SpeechSession(_speech(patient), tokens) as session:
        language = session.language()
        engine = session.open()
        begun = time.perf_counter()
        pcm = session.synthesize(_HELLO.get(language, "1 2 3"))
        took = time.perf_counter() - begun
    seconds = pcm.seconds if pcm else 0.0
    return Finding(f"{language} by {engine}: {seconds:.1f} s of sound in {took:.2f} s")


def _card(patient: Patient) -> Finding:
    from pi_runtime.speech.aplay import find_fault, list_cards, list_devices
    from pi_runtime.speech.card_faults import Kind, card_of, device_of

    settings = _service_settings(patient)
    device = settings.device if settings else "default"
    rate = settings.speech.sample_rate if settings else None
    fault = find_fault(device, rate or CARD_RATE)
    cards = list_cards()
    if not fault:
        names = ", ".join(dict.fromkeys(card.name for card in cards))
        lasting = [device_of(card.name) for card in cards if card.number == card_of(device)]
        advice = f"; name it {lasting[0]}, its number may change" if lasting else ""
        return Finding(f"{device} takes sound{f' (cards: {names})' if names else ''}{advice}")
    served = service_is_up(patient.service)
    if served and fault.kind is Kind.BUSY:
        return Finding(f"{device} is in use, by the service")
    text = f"{device}: {fault.reason}"
    if served and fault.kind is Kind.PERMISSION:
        return Finding(f"{text}; the service may", ok=False)
    return Finding(text, False, fault.todo(cards, [name for name, _ in list_devices()]))


def _settings(patient: Patient) -> Finding:
    from pi_runtime.cli.speakd import read_settings

    if not patient.settings.exists():
        return Finding(f"{patient.settings}: none, so all is as rnn-speakd --help says", ok=False)
    # What is wrong with them is raised, and becomes the finding.
    settings = read_settings(["--settings", str(patient.settings), patient.model])
    when = "when asked" if settings.on_demand else f"every {settings.interval[0]:g} s or more"
    return Finding(f"{patient.settings}: speaks {when}, engine {settings.speech.engine}")


def _service(patient: Patient) -> Finding:
    program = shutil.which("systemctl")
    if not program or not Path("/run/systemd/system").is_dir():
        return Finding("systemd does not run here", ok=False)
    unit = patient.unit
    done = subprocess.run([program, "is-active", unit], capture_output=True, text=True, check=False)
    state = done.stdout.strip()
    template = Path(f"{UNITS}/rnn-speak{'@' if patient.service else ''}.service")
    if not template.exists():
        return Finding("not installed", ok=False)
    if state != "active":
        fix = f"journalctl -u {unit} -n 20; sudo systemctl restart {unit}"
        return Finding(f"{unit} is {state}", False, fix)
    return Finding(f"{unit} is {state}")


def _socket(patient: Patient) -> Finding:
    if not service_is_up(patient.service):
        return Finding("none", ok=False)
    answer = ask("status", service=patient.service)
    if answer["trouble"]:
        return Finding(answer["trouble"], False, f"journalctl -u {patient.unit} -n 20")
    quiet = f", quiet until {answer['quiet_until']}" if answer.get("quiet_until") else ""
    return Finding(f"answers; {answer['spoken']} texts spoken, {answer['waiting']} waiting{quiet}")


def _disk(_: Patient) -> Finding:
    from tempfile import gettempdir

    free = shutil.disk_usage(gettempdir()).free
    if free < ROOM:
        return Finding(f"{gettempdir()} has {free / 1e6:.0f} MB left", False, "df -h; make room")
    return Finding(f"{gettempdir()} has {free / 1e6:.0f} MB left")


def _power(_: Patient) -> Finding:
    program = shutil.which("vcgencmd")
    if not program:
        return Finding("not a Raspberry Pi, or vcgencmd is missing", ok=False)
    done = subprocess.run([program, "get_throttled"], capture_output=True, text=True, check=False)
    # Source: the Raspberry Pi documentation of get_throttled.
    try:
        bits = int(done.stdout.strip().partition("=")[2], 16)
    except ValueError:
        return Finding(f"vcgencmd says {done.stdout.strip()!r}", ok=False)
    if bits & 0b1111:
        what = [name for bit, name in enumerate(_THROTTLED) if bits >> bit & 1]
        return Finding(f"now: {', '.join(what)}", False, "use the official power supply; cool it")
    return Finding("no undervoltage, no throttling" + (", but earlier" if bits else ""))


_THROTTLED = ("undervoltage", "frequency capped", "throttled", "soft temperature limit")
_HELLO = {"en": "Hello there.", "ru": "Привет."}
_NO_VOICE = ("command", "none")

PROBES: dict[str, Callable[[Patient], Finding]] = {
    "python": _python,
    "numpy": _numpy,
    "interpreter": _interpreter,
    "model": _model_runs,
    "engines": _engines,
    "voice": _voice,
    "card": _card,
    "settings": _settings,
    "service": _service,
    "socket": _socket,
    "disk": _disk,
    "power": _power,
}


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main(sys.argv[1:])
