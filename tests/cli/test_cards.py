"""Sound cards, as rnn-doctor examines them and rnn-speak lists them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pi_runtime.cli import device_list, doctor
from pi_runtime.cli.doctor import Finding, Patient
from tests.helpers.commands import run_command
from tests.helpers.speech import FakeAplay

OPEN = "aplay: main:831: audio open error:"
BUSY = f"{OPEN} Device or resource busy"


@pytest.fixture
def aplay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAplay:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return FakeAplay(tmp_path / "bin")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of the service on this machine, if the test writes it."""
    path = tmp_path / "rnn-speak"
    for module in (doctor, device_list):
        monkeypatch.setattr(module, "settings_of", lambda service: str(path))
    return path


def examined() -> Finding:
    return doctor.PROBES["card"](Patient("model.tflite"))


def test_the_doctor_plays_to_the_card_that_is_configured(aplay: FakeAplay, settings: Path) -> None:
    settings.write_text('OPTIONS="--device plughw:CARD=Device"\n')
    assert examined() == Finding(
        "plughw:CARD=Device takes sound (cards: Headphones, vc4hdmi0, Device)"
    )
    assert aplay.tries == 1
    settings.write_text('OPTIONS="--device plughw:2,0"\n')
    assert examined().text.endswith("; name it plughw:CARD=Device, its number may change")
    settings.unlink()
    assert examined().text.startswith("default takes sound")


def test_the_doctor_says_what_to_type_about_a_card(aplay: FakeAplay, settings: Path) -> None:
    settings.write_text('OPTIONS="--device plughw:CARD=vc4hdmi0"\n')
    aplay.says("aplay: set_params:1352: Sample format non available\n- IEC958_SUBFRAME_LE")
    assert examined() == Finding(
        "plughw:CARD=vc4hdmi0: Sample format non available, only IEC958_SUBFRAME_LE",
        ok=False,
        fix="take the device that converts: --device sysdefault:CARD=vc4hdmi0",
    )


def test_a_card_that_the_service_holds_is_no_trouble(
    aplay: FakeAplay, settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aplay.says(BUSY)
    monkeypatch.setenv("RNN_SOCKET", str(tmp_path / "control"))
    assert not examined().ok, "no service is there"
    (tmp_path / "control").touch()
    assert examined() == Finding("default is in use, by the service")
    aplay.says(f"{OPEN} Permission denied")
    assert examined() == Finding("default: Permission denied; the service may", ok=False)


def test_the_doctor_reports_a_card_in_its_form(aplay: FakeAplay) -> None:
    aplay.says(f"{OPEN} Permission denied")
    done = run_command("rnn-doctor", "--only", "card")
    assert done.returncode == 1
    assert done.stdout == (
        "WRONG card        default: Permission denied\n"
        "                  → sudo usermod -aG audio $USER, then log in again\n"
    )


# --- the list ------------------------------------------------------------------------------------


def test_what_is_worth_naming_comes_first_and_nothing_is_left_out(
    aplay: FakeAplay, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = list(device_list.device_lines(None))
    assert [line[:40].strip() for line in listed] == [
        "* default",
        "sysdefault",
        "plughw:CARD=Headphones,DEV=0",
        "sysdefault:CARD=vc4hdmi0",
        "plughw:CARD=Device,DEV=0",
        "hw:CARD=Headphones,DEV=0",
        "hdmi:CARD=vc4hdmi0,DEV=0",
        "null",
    ]
    assert listed[2].endswith(" bcm2835 Headphones, bcm2835 Headphones")
    assert capsys.readouterr().err == "* is taken if --device names no other\n"


@pytest.mark.parametrize(
    ("device", "marked", "advice"),
    [
        ("plughw:CARD=Device", "plughw:CARD=Device,DEV=0", ""),
        ("sysdefault:CARD=vc4hdmi0", "sysdefault:CARD=vc4hdmi0", ""),
        ("plughw:2,0", "plughw:CARD=Device,DEV=0", "plughw:CARD=Device"),
        ("plughw:1", "sysdefault:CARD=vc4hdmi0", "sysdefault:CARD=vc4hdmi0"),
        ("speaker", "speaker", ""),
    ],
)
def test_the_configured_one_is_marked_and_its_file_is_named(
    aplay: FakeAplay,
    settings: Path,
    capsys: pytest.CaptureFixture[str],
    device: str,
    marked: str,
    advice: str,
) -> None:
    settings.write_text(f'OPTIONS="--device {device}"\n')
    (line,) = (line for line in device_list.device_lines(None) if line.startswith("*"))
    assert line.split()[1] == marked
    error = capsys.readouterr().err.splitlines()
    assert error[0] == f"* is the service's: see {settings}"
    expected = f"a card's number may change when the Pi starts: name it {advice}, not {device}"
    assert error[1:] == ([expected] if advice else [])


def test_settings_that_are_wrong_do_not_hide_the_list(
    aplay: FakeAplay, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text('OPTIONS="--devise plughw:2,0"\n')
    assert next(iter(device_list.device_lines(None))).startswith("* default")
    assert "did you mean --device?" in capsys.readouterr().err


def test_the_list_is_also_that_of_a_named_services_settings(aplay: FakeAplay) -> None:
    done = run_command("rnn-speak", "--list-devices", "--service", "novels")
    assert done.returncode == 0
    assert done.stdout.startswith("* default")
    assert run_command("rnn-speak", "--list-devices", "--quiet").stderr == ""
