"""What `rnn-speak --list-devices` prints: devices worth naming first, the configured one marked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pi_runtime.cli.output import complain, note
from pi_runtime.errors import UsageError
from pi_runtime.service.client import settings_of
from pi_runtime.speech.aplay import list_cards, list_devices
from pi_runtime.speech.card_faults import card_of, device_of


def device_lines(service: str | None) -> Iterator[str]:
    """Yield a line for each device; say on stderr what the mark means."""
    configured, reason = _configured(service)
    cards = {card.number: card.name for card in list_cards()}
    number = card_of(configured)
    lasting = device_of(cards[number]) if number in cards else configured
    found = False
    for name, description in sorted(list_devices(), key=lambda device: _rank(device[0])):
        marked = _plain(name) == _plain(lasting)
        found = found or marked
        yield f"{'*' if marked else ' '} {name:<38} {description}".rstrip()
    if not found:
        yield f"* {configured:<38} not in ALSA's list"
    note(f"* {reason}")
    if lasting != configured:
        note(f"a card's number may change when the Pi starts: name it {lasting}, not {configured}")


def _configured(service: str | None) -> tuple[str, str]:
    """Return the device that the service's settings name, and where that is written."""
    from pi_runtime.cli.speakd import read_settings

    path = settings_of(service)
    if not Path(path).exists():
        return "default", "is taken if --device names no other"
    try:
        settings = read_settings(["--settings", path, "model"])
    except UsageError as error:
        complain(f"note: {error}")
        return "default", f"is taken if {path} names no other"
    return settings.device, f"is the service's: see {path}"


def _plain(name: str) -> str:
    return name.removesuffix(",DEV=0")


def _rank(name: str) -> int:
    """Order devices: defaults, cards by name that take any sound, sound servers, all others."""
    if name in ("default", "sysdefault"):
        return 0
    card = card_of(name)
    if card and _plain(name) == device_of(card):
        return 1
    if ":" not in name and name != "null":
        return 2
    return 4 if name == "null" else 3
