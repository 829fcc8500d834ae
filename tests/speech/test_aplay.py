"""A sound card: real aplay with a card that is a file, and what people quote from a fake one."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pi_runtime.errors import SpeechError
from pi_runtime.speech import Aplay, SpeechConfig, SpeechSession, WavFile, aplay
from pi_runtime.speech.aplay import find_fault, list_cards, list_devices
from pi_runtime.speech.card_faults import Card
from pi_runtime.speech.pcm import Pcm
from tests.helpers.commands import ROOT, run_command
from tests.helpers.processes import once
from tests.helpers.speech import TONE, FakeAplay, alsa_config, need_aplay


def test_aplay_plays_every_sample(file_card: Path) -> None:
    with Aplay() as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)
        sink.write(TONE.samples)
    assert TONE.samples * 2 in file_card.read_bytes()


def test_a_sink_is_entered_again_for_the_next_text(file_card: Path, tmp_path: Path) -> None:
    louder = TONE.louder(2).resampled(8_000)
    path = tmp_path / "a.wav"
    wav, card = WavFile(path), Aplay()
    for pcm in (TONE, louder):
        for sink in (wav, card):
            with sink:
                assert sink.rate is None
                sink.start(pcm.rate)
                sink.write(pcm.samples)
        assert Pcm.from_wav(path.read_bytes()) == pcm
        assert pcm.samples in file_card.read_bytes()


def test_what_is_aborted_is_not_waited_for(file_card: Path) -> None:
    with Aplay() as sink:
        sink.abort()  # before it was started
        sink.start(TONE.rate)
        sink.write(TONE.samples)
        sink.abort()


def test_no_card_is_one_line_that_names_the_device() -> None:
    need_aplay()
    expected = r"'nosuchcard' cannot be played to \(ALSA knows no such name.*--list-devices"
    with pytest.raises(SpeechError, match=expected), Aplay("nosuchcard") as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)


def test_no_aplay_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SpeechError, match="sudo apt install alsa-utils"):
        Aplay()


def test_a_card_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    need_aplay()
    config, heard = alsa_config(tmp_path, "late")
    present = config.read_text()
    config.write_text("</usr/share/alsa/alsa.conf>\npcm.late { type hw card 31 }\n")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))

    class PlugIn(logging.Handler):
        """Plugs the card in as soon as it is said to be waited for."""

        def emit(self, record: logging.LogRecord) -> None:
            config.write_text(present)

    handler = PlugIn()
    logger = logging.getLogger("pi_runtime.speech.aplay")
    logger.addHandler(handler)
    try:
        with Aplay("late", wait=60) as sink:
            sink.start(TONE.rate)
            sink.write(TONE.samples)
    finally:
        logger.removeHandler(handler)
    assert "waiting for the sound device 'late'" in caplog.text
    assert TONE.samples in heard.read_bytes()


# --- what aplay says -----------------------------------------------------------------------------

OPEN = "aplay: main:831: audio open error:"
NO_CARD = """\
ALSA lib confmisc.c:855:(parse_card) cannot find card '{card}'
ALSA lib conf.c:5180:(_snd_config_evaluate) function snd_func_card_inum returned error: {error}
ALSA lib confmisc.c:422:(snd_func_concat) error evaluating strings
ALSA lib conf.c:5703:(snd_config_expand) Evaluate error: {error}
ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM {device}
aplay: main:831: audio open error: {error}
"""
FORMATS = "aplay: set_params:1352: Sample format non available\nAvailable formats:\n- {}"
SERVER = (
    "start it (it starts with the desktop, or once: sudo loginctl enable-linger $USER), "
    "or name a card: --device plughw:CARD=Headphones"
)
GROUP = "sudo usermod -aG audio $USER, then log in again"
BUSY = "stop the program that plays to it: sudo fuser -v /dev/snd/*"
AGAIN = "plug it in again, or name another one of rnn-speak --list-devices"
MEND = "mend /etc/asound.conf or ~/.asoundrc, or move it away"

# The device; what aplay says; whether the card is waited for; the reason and the advice given.
QUOTED: list[tuple[str, str, bool, str, str]] = [
    # a format that the device has not
    ("plughw:1,0", FORMATS.format("IEC958_SUBFRAME_LE"), False,
     "Sample format non available, only IEC958_SUBFRAME_LE",
     "take the device that converts: --device sysdefault:CARD=vc4hdmi0"),
    ("plughw:CARD=vc4hdmi1,DEV=0", FORMATS.format("IEC958_SUBFRAME_LE"), False,
     "Sample format non available, only IEC958_SUBFRAME_LE",
     "take the device that converts: --device sysdefault:CARD=vc4hdmi1"),
    ("default", FORMATS.format("IEC958_SUBFRAME_LE"), False,
     "Sample format non available, only IEC958_SUBFRAME_LE",
     "take the device that converts: --device sysdefault:CARD=vc4hdmi0"),
    ("hw:CARD=Device,DEV=0", FORMATS.format("S24_3LE\n- S32_LE"), False,
     "Sample format non available, only S24_3LE, S32_LE",
     "take the device that converts: --device plughw:CARD=Device"),
    ("hw:2,0", "aplay: set_params:1403: Channels count non available", False,
     "Channels count non available",
     "take the device that converts: --device plughw:CARD=Device"),
    ("hw:0", "aplay: set_params:1456: Unable to install hw params:\nACCESS:  RW_INTERLEAVED", False,
     "Unable to install hw params:",
     "take the device that converts: --device plughw:CARD=Headphones"),
    ("mine", "aplay: set_params:1349: Broken configuration for this PCM: "
     "no configurations available", False,
     "Broken configuration for this PCM: no configurations available",
     "take the device that converts: --device plughw:CARD=…"),
    # not there yet
    ("default", f"{OPEN} Connection refused", True,
     "the sound server does not answer: Connection refused", SERVER),
    ("default", f"{OPEN} Host is down", True,
     "the sound server does not answer: Host is down", SERVER),
    ("pulse", "ALSA lib pulse.c:242:(pulse_connect) PulseAudio: Unable to connect: "
     f"Connection refused\n\n{OPEN} Connection refused", True,
     "the sound server does not answer: Connection refused", SERVER),
    ("pulse", f"ALSA lib pulse.c:243:(pulse_connect) PulseAudio: Unable to connect: "
     f"Connection terminated\n\n{OPEN} Connection refused", True,
     "the sound server does not answer: Connection terminated", SERVER),
    ("jack", "jack server is not running or cannot be started\n"
     f"{OPEN} No such file or directory", True,
     "the sound server does not answer: jack server is not running or cannot be started", SERVER),
    ("hw:0,0", f"{OPEN} Device or resource busy", True, "Device or resource busy", BUSY),
    ("default", "ALSA lib pcm_dmix.c:1000:(snd_pcm_dmix_open) unable to open slave\n"
     f"{OPEN} Device or resource busy", True, "Device or resource busy", BUSY),
    ("default", "ALSA lib pcm_dmix.c:1000:(snd_pcm_dmix_open) unable to open slave\n"
     f"{OPEN} No such file or directory", True, "No such file or directory", AGAIN),
    ("hw:CARD=Device", f"{OPEN} No such device", True, "No such device", AGAIN),
    ("default", "aplay: pcm_write:2053: write error: Input/output error", True,
     "Input/output error", AGAIN),
    ("hw:CARD=Device", "aplay: pcm_write:2061: write error: File descriptor in bad state", True,
     "File descriptor in bad state", AGAIN),
    ("plughw:CARD=vc4hdmi0", f"{OPEN} Unknown error 524", True,
     "its screen is off, or not connected",
     "switch the screen on before the Pi starts, or name another card of rnn-speak "
     "--list-devices"),
    ("bluealsa:DEV=00:25:02:09:0C:A3,PROFILE=a2dp",
     "ALSA lib ../../../src/asound/bluealsa-pcm.c:1313:(_snd_pcm_bluealsa_open) "
     f"Couldn't get BlueALSA PCM: PCM not found\n{OPEN} No such device", True,
     "the Bluetooth speaker is not connected",
     "switch it on and connect it: bluetoothctl connect ADDRESS"),
    ("default", "ALSA lib bluealsa-pcm.c:659:(_snd_pcm_bluealsa_open) "
     f"Couldn't get BlueALSA transport: No such device\n{OPEN} No such device", True,
     "the Bluetooth speaker is not connected",
     "switch it on and connect it: bluetoothctl connect ADDRESS"),
    # no such card: unplugged, or mistyped
    ("default", NO_CARD.format(card="0", device="default", error="No such file or directory"),
     True, "there is no card 0",
     "plug it in, or name one that is here: --device plughw:CARD=Headphones"),
    ("sysdefault:CARD=Hedphones",
     NO_CARD.format(card="Hedphones", device="sysdefault:CARD=Hedphones", error="No such device"),
     True, "there is no card Hedphones",
     "plug it in; or did you mean sysdefault:CARD=Headphones? See rnn-speak --list-devices"),
    ("plughw:CARD=UMIK", "ALSA lib confmisc.c:165:(snd_config_get_card) "
     f"Cannot get card index for UMIK\n{OPEN} No such device", True,
     "there is no card UMIK",
     "plug it in, or name one that is here: --device plughw:CARD=Headphones"),
    ("plughw:7,0", "ALSA lib confmisc.c:165:(snd_config_get_card) "
     f"Cannot get card index for 7\n{OPEN} No such file or directory", True,
     "there is no card 7",
     "plug it in, or name one that is here: --device plughw:CARD=Headphones"),
    ("hw:9", f"ALSA lib pcm_hw.c:1829:(_snd_pcm_hw_open) Invalid value for card\n{OPEN} "
     "No such file or directory", True, "there is no card",
     "plug it in, or name one that is here: --device plughw:CARD=Headphones"),
    # no such name
    ("plughw:CARD=Headphone", "ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM "
     f"plughw:CARD=Headphone\n{OPEN} No such file or directory", False,
     "ALSA knows no such name",
     "did you mean plughw:CARD=Headphones? See rnn-speak --list-devices"),
    ("defualt", "ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM defualt\n"
     f"{OPEN} No such file or directory", False, "ALSA knows no such name",
     "did you mean default? See rnn-speak --list-devices"),
    ("xyzzy", "ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM xyzzy\n"
     f"{OPEN} No such file or directory", False, "ALSA knows no such name",
     "name one of rnn-speak --list-devices"),
    ("hdmi:CARD=vc4hdmi", "ALSA lib conf.c:5670:(snd_config_expand) Unknown parameters "
     "CARD=vc4hdmi\nALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM hdmi:CARD=vc4hdmi\n"
     f"{OPEN} Invalid argument", False, "ALSA knows no such name",
     "did you mean hdmi:CARD=vc4hdmi0? See rnn-speak --list-devices"),
    ("pipewire", "ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM pipewire\n"
     f"{OPEN} No such file or directory", False, "ALSA knows no such name",
     "sudo apt install pipewire-alsa"),
    ("bluealsa:DEV=00:25:02:09:0C:A3", "ALSA lib pcm.c:2565:(snd_pcm_open_noupdate) Unknown PCM "
     f"bluealsa:DEV=00:25:02:09:0C:A3\n{OPEN} No such file or directory", False,
     "ALSA knows no such name", "sudo apt install libasound2-plugin-bluez"),
    # a configuration that is wrong
    ("default", "ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM output\n"
     f"{OPEN} No such file or directory", False,
     "ALSA's configuration is wrong: it names output, which is not there", MEND),
    ("default", "ALSA lib conf.c:2007:(_snd_config_load_with_include) _toplevel_:3:0:"
     "Unexpected char\nALSA lib conf.c:4615:(snd_config_update_r) /etc/asound.conf may be old or "
     f"corrupted: consider to remove or fix it\n{OPEN} Invalid argument", False,
     "ALSA's configuration is wrong: _toplevel_:3:0:Unexpected char", MEND),
    ("default", "ALSA lib pcm_plug.c:1286:(_snd_pcm_plug_open) Unknown field slav\n"
     f"{OPEN} Invalid argument", False, "ALSA's configuration is wrong: Unknown field slav", MEND),
    ("default", "ALSA lib pcm.c:2535:(snd_pcm_open_conf) type is not defined\n"
     f"{OPEN} No such file or directory", False,
     "ALSA's configuration is wrong: type is not defined", MEND),
    ("default", "ALSA lib dlmisc.c:337:(snd_dlobj_cache_get0) Cannot open shared library "
     "libasound_module_pcm_pulse.so (/usr/lib/aarch64-linux-gnu/alsa-lib/"
     "libasound_module_pcm_pulse.so: cannot open shared object file: No such file or directory)\n"
     f"{OPEN} No such device or address", False, "ALSA's plugin pulse is missing",
     "sudo apt install libasound2-plugins"),
    ("default", "ALSA lib dlmisc.c:337:(snd_dlobj_cache_get0) Cannot open shared library "
     f"libasound_module_pcm_plugg.so\n{OPEN} No such device or address", False,
     "ALSA's plugin plugg is missing",
     "look for a mistyped type in /etc/asound.conf and ~/.asoundrc"),
    # no permission
    ("default", f"{OPEN} Permission denied", False, "Permission denied", GROUP),
    ("default", "ALSA lib pcm_direct.c:2179:(_snd_pcm_direct_new) unable to create IPC semaphore\n"
     f"{OPEN} Permission denied", False, "Permission denied", GROUP),
    ("default", "ALSA lib pcm_dmix.c:999:(snd_pcm_dmix_open) unable to open slave\n"
     f"{OPEN} Operation not permitted", False, "Operation not permitted", GROUP),
    ("default", "ALSA lib pulse.c:243:(pulse_connect) PulseAudio: Unable to connect: Access "
     f"denied\n\n{OPEN} Connection refused", False, "the sound server is another user's",
     "speak as that user, or name a card: --device plughw:CARD=Headphones"),
    # whatever else
    ("default", f"ALSA lib somewhere\n{OPEN} Cannot allocate memory", False,
     "Cannot allocate memory", "name another one of rnn-speak --list-devices, or write a --wav"),
    ("default", "", False, "aplay failed",
     "name another one of rnn-speak --list-devices, or write a --wav"),
]  # fmt: skip

quoted = pytest.mark.parametrize(
    ("device", "said", "waits", "reason", "todo"), QUOTED, ids=[f"{q[0]}-{q[3]}" for q in QUOTED]
)


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aplay, "FIRST_PAUSE", 0.01)


@quoted
def test_what_people_quote_is_one_line_with_its_cause_and_what_to_type(
    fake_aplay: FakeAplay, device: str, said: str, waits: bool, reason: str, todo: str
) -> None:
    fake_aplay.says(said or " ")
    argv = ("--text", "Hello.", "--engine", "none", "--device", device, "--wait", 0)
    done = run_command("rnn-speak", *argv, env={**os.environ, "LANG": "de_DE.UTF-8"})
    assert done.stderr == (
        f"error: the sound device {device!r} cannot be played to ({reason}) – {todo}\n"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert fake_aplay.locales == {"C"}


@quoted
def test_only_what_may_pass_is_waited_for(
    fake_aplay: FakeAplay, no_pause: None, caplog: pytest.LogCaptureFixture,
    device: str, said: str, waits: bool, reason: str, todo: str,
) -> None:  # fmt: skip
    fake_aplay.says(said or " ", times=2)
    sink = Aplay(device, wait=600)
    if waits:
        with sink:
            sink.start(TONE.rate)
            sink.write(TONE.samples)
        assert fake_aplay.heard.read_bytes() == TONE.samples
        assert fake_aplay.tries == 3
        assert caplog.text.count(f"waiting for the sound device {device!r} ({reason})") == 2
    else:
        with pytest.raises(SpeechError), sink:
            sink.start(TONE.rate)
        assert fake_aplay.tries == 1
        assert not caplog.text


def test_a_card_that_would_play_at_another_speed_is_refused(fake_aplay: FakeAplay) -> None:
    fake_aplay.says(
        "Playing raw data 'stdin' : Signed 16 bit Little Endian, Rate 16000 Hz, Mono\n"
        "Warning: rate is not accurate (requested = 16000Hz, got = 48000Hz)\n"
        "         please, try the plug plugin\n",
        code=0,
    )
    expected = "rate is not accurate.*--device plughw:CARD=Device"
    with pytest.raises(SpeechError, match=expected), Aplay("hw:2,0") as sink:
        sink.start(16_000)


def test_without_any_card_the_advice_is_to_plug_one_in(fake_aplay: FakeAplay) -> None:
    (fake_aplay.folder / "cards").write_text("")
    fake_aplay.says(NO_CARD.format(card="0", device="default", error="No such file or directory"))
    with pytest.raises(SpeechError, match="plug one in, or enable it in /boot"):
        Aplay().start(16_000)


def test_cards_that_are_hidden_from_the_user_are_a_matter_of_permission(tmp_path: Path) -> None:
    """Then ALSA says that there are no cards."""
    for name in ("controlC0", "pcmC0D0p", "timer"):
        (tmp_path / name).touch(0)
    code = (
        "import sys, pathlib; from pi_runtime.speech import card_faults as f\n"
        "f.DEVICES = pathlib.Path(sys.argv[1])\n"
        "fault = f.fault_of(\"cannot find card '0'\", 'default')\n"
        "print(fault.kind.name, fault.reason, fault.todo([], []), sep='|')"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    if os.getuid() == 0:  # whom no mode of a file stops, but for this
        without = "-dac_override,-dac_read_search"
        argv[:0] = ["setpriv", f"--bounding-set={without}", f"--inh-caps={without}"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == f"PERMISSION|this user may not use the sound cards|{GROUP}\n", done.stderr


def test_cards_and_devices_are_read_in_english(fake_aplay: FakeAplay) -> None:
    assert list_cards() == [Card("0", "Headphones"), Card("1", "vc4hdmi0"), Card("2", "Device")]
    assert ("plughw:CARD=Device,DEV=0", "USB Audio Device, USB Audio") in list_devices()


# --- while it plays ------------------------------------------------------------------------------

LONG = Pcm(16_000, TONE.samples * 40)
"""More than a pipe holds."""


def test_a_card_that_is_pulled_out_and_put_back_goes_on(
    fake_aplay: FakeAplay, no_pause: None, caplog: pytest.LogCaptureFixture
) -> None:
    fake_aplay.says("", player="if mkdir once; then head -c 32000 >>heard.raw; exit 1; fi 2>&-")
    with Aplay("hw:2,0", wait=600) as sink:
        sink.start(LONG.rate)
        for at in range(0, len(LONG.samples), 3200):
            sink.write(LONG.samples[at : at + 3200])
    heard = fake_aplay.heard.read_bytes()
    assert heard.startswith(LONG.samples[:32_000])
    assert heard.endswith(LONG.samples[-32_000:])
    assert fake_aplay.tries == 2


def test_a_card_that_is_pulled_out_for_good_is_named_with_the_cause(
    fake_aplay: FakeAplay, no_pause: None
) -> None:
    gone = f"echo '{OPEN} No such device' >said; head -c 32000 >>heard.raw; exit 1"
    fake_aplay.says("", player=gone)
    with (
        pytest.raises(SpeechError, match=r"'hw:2,0' .*\(No such device\)"),
        Aplay("hw:2,0") as sink,
    ):
        sink.start(LONG.rate)
        sink.write(LONG.samples)
    assert fake_aplay.heard.read_bytes() == LONG.samples[:32_000]


def test_a_card_that_goes_away_at_the_very_end_is_an_error(fake_aplay: FakeAplay) -> None:
    fake_aplay.says("", player="cat >>heard.raw; exit 1")
    with pytest.raises(SpeechError, match="it went away"), Aplay() as sink:
        sink.start(TONE.rate)
        sink.write(TONE.samples)


def test_a_player_that_takes_no_more_sound_is_given_up(
    fake_aplay: FakeAplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aplay, "STALL_SECONDS", 0.2)
    fake_aplay.says("", player="sleep 100000")
    with pytest.raises(SpeechError, match="it went away twice"), Aplay() as sink:
        sink.start(LONG.rate)
        sink.write(LONG.samples)


def test_a_player_that_hangs_at_once_is_given_up(
    fake_aplay: FakeAplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aplay, "STALL_SECONDS", 0.2)
    (fake_aplay.folder / "aplay").write_text("#!/bin/sh\nsleep 100000\n")
    fault = find_fault("default", 16_000)
    assert fault is not None
    assert fault.reason == "it took no sound for 0.2 s"


# --- cancelled -----------------------------------------------------------------------------------


def test_cancelled_while_it_waits_for_a_card_it_ends(fake_aplay: FakeAplay) -> None:
    with SpeechSession(SpeechConfig(engine="none")) as session:
        for _ in range(2):
            fake_aplay.says(f"{OPEN} Device or resource busy")  # which counts from 0 again
            with once(lambda: fake_aplay.tries, "the first try", session.cancel):
                spoken = session.speak("One. Two.", Aplay("hw:0", wait=80_000))
            assert (spoken.cancelled, spoken.sentences) == (True, 0)
    assert not fake_aplay.heard.exists()


@pytest.mark.parametrize("player", ["sleep 100000", "cat >/dev/null; sleep 100000"])
def test_cancelled_while_a_player_hangs_it_ends(fake_aplay: FakeAplay, player: str) -> None:
    fake_aplay.says("", player=player)
    cancelled = threading.Event()
    with (
        once(lambda: fake_aplay.tries, "the player's start", cancelled.set),
        Aplay() as sink,
    ):
        sink.start(LONG.rate, cancelled)
        sink.write(LONG.samples)


def test_cancelled_while_a_card_is_tried_it_ends(fake_aplay: FakeAplay) -> None:
    tries = fake_aplay.folder / "tries"
    (fake_aplay.folder / "aplay").write_text(f"#!/bin/sh\necho x >>'{tries}'\nsleep 100000\n")
    cancelled = threading.Event()
    with once(lambda: fake_aplay.tries, "the first try", cancelled.set), Aplay() as sink:
        sink.start(LONG.rate, cancelled)
        sink.write(LONG.samples)
