"""Why a sound card cannot be played to, by what aplay says; whether to wait; and what to type.

What aplay and ALSA's library say was collected from real programs and from what people quote. The
cause may stand in any line: it is often in the last, but "Sample format non available" is first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path

DEVICES = Path("/dev/snd")
"""Where the kernel shows the cards to those who may use them."""

LIST = "rnn-speak --list-devices"

_PACKAGES = {
    "bluealsa": "libasound2-plugin-bluez",
    "jack": "libasound2-plugins",
    "pipewire": "pipewire-alsa",
    "pulse": "libasound2-plugins",
}
"""The Debian package of a device that is a plugin of ALSA's."""


class Kind(Enum):
    """What is wrong with a card. The value: whether it may be right in a moment."""

    FORMAT = "format", False
    PLUGIN = "plugin", False
    CONFIGURATION = "configuration", False
    NO_CARD = "no card", True
    NAME = "name", False
    SPEAKER = "speaker", True
    DENIED = "denied", False
    PERMISSION = "permission", False
    BUSY = "busy", True
    SERVER = "server", True
    SCREEN = "screen", True
    GONE = "gone", True
    UNKNOWN = "unknown", False

    @property
    def passes(self) -> bool:
        """Whether it is worth waiting for."""
        return self.value[1]


# The first pattern that is found in what was said decides; the more particular come first.
_PATTERNS: tuple[tuple[str, Kind], ...] = (
    (r"(?:format|count|type) no[nt] available|Broken configuration|hw params", Kind.FORMAT),
    (r"Slave PCM not usable|[Rr]ate (?:is not accurate|doesn't match)", Kind.FORMAT),
    (r"libasound_module_pcm_\w+\.so", Kind.PLUGIN),
    (r"_toplevel_:|Unknown field|is not defined|old or corrupted", Kind.CONFIGURATION),
    (r"annot find card|Cannot get card index|nvalid (?:value for )?card", Kind.NO_CARD),
    (r"Unknown PCM|Unknown parameters", Kind.NAME),
    (r"BlueALSA|org\.bluealsa", Kind.SPEAKER),
    (r"Access denied", Kind.DENIED),
    (r"Permission denied|Operation not permitted", Kind.PERMISSION),
    (r"resource busy", Kind.BUSY),
    (r"Connection (?:refused|terminated|timed out|reset)|Host is down", Kind.SERVER),
    (r"server is not running", Kind.SERVER),
    (r"[Uu]nknown error 524", Kind.SCREEN),
    (r"No such (?:device|file)|nput/output error|File descriptor in bad state", Kind.GONE),
)


@dataclass(frozen=True)
class Card:
    """A sound card, as `aplay -l` lists it."""

    number: str
    name: str


@dataclass(frozen=True)
class Fault:
    """Why a device cannot be played to."""

    device: str
    kind: Kind
    reason: str
    """In a line."""
    said: str
    """All of it."""

    def todo(self, cards: Sequence[Card], names: Sequence[str]) -> str:
        """Return what to type, given the cards and the devices that there are."""
        return _TODO[self.kind](self, cards, names)


def fault_of(said: str, device: str) -> Fault:
    """Return the fault that aplay's words tell.

    >>> fault_of("aplay: main:831: audio open error: Device or resource busy", "default").reason
    'Device or resource busy'
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for pattern, kind in _PATTERNS:
        for line in lines:
            if re.search(pattern, line):
                return _named(kind, line, said, device)
    return Fault(device, Kind.UNKNOWN, _tail(lines[-1]) if lines else "aplay failed", said)


def _named(kind: Kind, line: str, said: str, device: str) -> Fault:
    reason = _tail(line)
    if kind is Kind.FORMAT:
        formats = re.findall(r"^- (\w+)", said, re.MULTILINE)
        reason = f"{_without_place(line)}{', only ' if formats else ''}{', '.join(formats)}"
    elif kind is Kind.PLUGIN:
        reason = f"ALSA's plugin {_plugin(said)} is missing"
    elif kind is Kind.CONFIGURATION:
        reason = f"ALSA's configuration is wrong: {_without_place(line)}"
    elif kind is Kind.NO_CARD:
        kind, reason = _missing_card(line)
    elif kind is Kind.NAME:
        unknown = re.search(r"Unknown PCM (\S+)", said)
        reason = "ALSA knows no such name"
        if unknown and unknown[1].partition(":")[0] not in device:
            kind = Kind.CONFIGURATION
            reason = f"ALSA's configuration is wrong: it names {unknown[1]}, which is not there"
    elif kind is Kind.SPEAKER:
        reason = "the Bluetooth speaker is not connected"
    elif kind is Kind.SERVER:
        reason = f"the sound server does not answer: {reason}"
    elif kind is Kind.DENIED:
        reason = "the sound server is another user's"
    elif kind is Kind.SCREEN:
        reason = "its screen is off, or not connected"
    return Fault(device, kind, reason, said)


def _missing_card(line: str) -> tuple[Kind, str]:
    """Tell a card that is not there from cards that are hidden from this user."""
    shown = [path for path in _listed(DEVICES) if path.name.startswith(("control", "pcm"))]
    if shown and not any(os.access(path, os.R_OK | os.W_OK) for path in shown):
        return Kind.PERMISSION, "this user may not use the sound cards"
    named = re.search(r"card '([^']*)'|index for (\S+)", line)
    card = named[1] or named[2] if named else ""
    return Kind.NO_CARD, f"there is no card {card}".rstrip()


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _tail(line: str) -> str:
    """Return the end of a line such as "aplay: main:852: audio open error: No such device"."""
    return line.rpartition(": ")[2]


def _without_place(line: str) -> str:
    """Return a line without the places in the source that it begins with."""
    return re.sub(r"^(?:\S*: |ALSA lib \S+ )(?:\S*:\d+: )?", "", line)


def _plugin(said: str) -> str:
    found = re.search(r"libasound_module_pcm_(\w+)\.so", said)
    return found[1] if found else ""


# --- what to type --------------------------------------------------------------------------------

_Advice = Callable[[Fault, Sequence[Card], Sequence[str]], str]


def card_of(device: str) -> str:
    """Return the card in a device's name, by its name or number; "" if it names none.

    >>> [card_of(name) for name in ("plughw:CARD=vc4hdmi0,DEV=0", "hw:1,0", "default")]
    ['vc4hdmi0', '1', '']
    """
    kind, _, rest = device.partition(":")
    if kind not in ("hw", "plughw", "sysdefault", "default", "dmix", "front", "hdmi", "iec958"):
        return ""
    named = re.search(r"CARD=([^,]+)", rest)
    return named[1] if named else rest.partition(",")[0]


def device_of(card: str) -> str:
    """Return the device of a card that takes any sound.

    HDMI takes sound in a form of its own, into which only the card's own default converts.
    """
    return f"{'sysdefault' if 'hdmi' in card.lower() else 'plughw'}:CARD={card}"


def _convert(fault: Fault, cards: Sequence[Card], _: Sequence[str]) -> str:
    """Name the device of the same card that takes any sound."""
    wanted = card_of(fault.device)
    card = next((c.name for c in cards if wanted in (c.name, c.number)), wanted)
    digital = "IEC958" in fault.said
    if not card and digital:
        card = next((c.name for c in cards if "hdmi" in c.name.lower()), "")
    other = device_of(card or "…")
    if digital or fault.device.startswith("plughw"):
        other = other.replace("plughw", "sysdefault")
    return f"take the device that converts: --device {other}"


def _nearest(fault: Fault, _: Sequence[Card], names: Sequence[str]) -> str:
    package = _PACKAGES.get(fault.device.partition(":")[0])
    if package:
        return f"sudo apt install {package}"
    short = {name.removesuffix(",DEV=0"): name for name in names}
    near = get_close_matches(fault.device, [*short, *names], 1, 0.6)
    return f"did you mean {near[0]}? See {LIST}" if near else f"name one of {LIST}"


def _plug_in(fault: Fault, cards: Sequence[Card], _: Sequence[str]) -> str:
    if not cards:
        return "plug one in, or enable it in /boot/firmware/config.txt (dtparam=audio=on)"
    wanted = card_of(fault.device)
    here = list(dict.fromkeys(card.name for card in cards))
    near = get_close_matches(wanted, here, 1, 0.6)
    if near:
        device = fault.device.replace(wanted, near[0], 1)
        return f"plug it in; or did you mean {device}? See {LIST}"
    return f"plug it in, or name one that is here: --device {device_of(here[0])}"


def _another(cards: Sequence[Card]) -> str:
    return f"--device {device_of(cards[0].name)}" if cards else f"one of {LIST}"


def _install(fault: Fault, *_: object) -> str:
    package = _PACKAGES.get(_plugin(fault.said))
    if package:
        return f"sudo apt install {package}"
    return "look for a mistyped type in /etc/asound.conf and ~/.asoundrc"


_TODO: dict[Kind, _Advice] = {
    Kind.FORMAT: _convert,
    Kind.PLUGIN: _install,
    Kind.CONFIGURATION: lambda *_: "mend /etc/asound.conf or ~/.asoundrc, or move it away",
    Kind.NO_CARD: _plug_in,
    Kind.NAME: _nearest,
    Kind.SPEAKER: lambda *_: "switch it on and connect it: bluetoothctl connect ADDRESS",
    Kind.DENIED: lambda _, cards, __: f"speak as that user, or name a card: {_another(cards)}",
    Kind.PERMISSION: lambda *_: "sudo usermod -aG audio $USER, then log in again",
    Kind.BUSY: lambda *_: "stop the program that plays to it: sudo fuser -v /dev/snd/*",
    Kind.SERVER: lambda _, cards, __: (
        f"start it (it starts with the desktop, or once: sudo loginctl enable-linger $USER), "
        f"or name a card: {_another(cards)}"
    ),
    Kind.SCREEN: lambda *_: (
        f"switch the screen on before the Pi starts, or name another card of {LIST}"
    ),
    Kind.GONE: lambda *_: f"plug it in again, or name another one of {LIST}",
    Kind.UNKNOWN: lambda *_: f"name another one of {LIST}, or write a --wav",
}
