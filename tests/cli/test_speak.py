"""rnn-speak, as a person runs it."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pi_runtime.errors import UsageError
from pi_runtime.speech import SpeechConfig
from pi_runtime.speech.engines import ENGINES
from pi_runtime.speech.pcm import Pcm
from tests.helpers.commands import program, run_command
from tests.helpers.conversion import Converter
from tests.helpers.processes import GUARD_SECONDS, marked, wait_for
from tests.helpers.speech import (
    LONG,
    FakeAplay,
    alsa_config,
    loudness,
    need_aplay,
    need_engine,
    open_engine,
)
from tests.helpers.zoo import entries, weights_of

SPEAK = program("rnn-speak")
ENDLESS = "This is a sentence. " * 2000


def test_it_says_a_given_text(tmp_path: Path) -> None:
    best = open_engine("auto", "ru").name
    wav = tmp_path / "a.wav"
    done = run_command("rnn-speak", "--text", "Добрый вечер. Как дела?", "--wav", wav)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Добрый вечер.\nКак дела?\n"
    assert done.stderr == f"{best}, ru, 2 sentences, {wav}\n"
    assert loudness(Pcm.from_wav(wav.read_bytes())) > 0.01


@pytest.mark.parametrize(
    ("text", "engine", "says"),
    [
        ("བཀྲ་ཤིས", "auto", "no voice for Tibetan – no engine here speaks it; "),
        ("བཀྲ་ཤིས", "espeak-ng", "espeak-ng has no voice for Tibetan – leave --engine out, "),
        ("Καλησπέρα", "festival", "festival has no voice for Greek – leave --engine out, "),
        ("こんにちは", "rhvoice", "rhvoice has no voice for Japanese – leave --engine out, "),
    ],
)
def test_a_text_that_no_voice_can_read_is_not_read(
    tmp_path: Path, text: str, engine: str, says: str
) -> None:
    if engine != "auto":
        need_engine(engine, "en")
    wav = tmp_path / "a.wav"
    done = run_command("rnn-speak", "--text", text, "--engine", engine, "--wav", wav)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {says}")
    assert not wav.exists()


def test_a_text_of_two_scripts_is_read_by_the_voice_of_the_greater_part(tmp_path: Path) -> None:
    best = open_engine("auto", "ru").name
    wav = tmp_path / "a.wav"
    text = "Hello there. Добрый вечер, друзья мои. Как у вас дела?"
    done = run_command("rnn-speak", "--text", text, "--wav", wav)
    assert done.stderr == f"{best}, ru, 3 sentences, {wav}\n"


def test_it_reads_stdin(tmp_path: Path) -> None:
    need_engine("espeak-ng", "en")
    wav = tmp_path / "a.wav"
    argv = [SPEAK, "--text", "-", "--engine", "espeak-ng", "--wav", str(wav)]
    done = subprocess.run(argv, input=b"Hello.\n", capture_output=True)
    assert done.returncode == 0
    assert Pcm.from_wav(wav.read_bytes()).rate == 22_050
    done = subprocess.run(argv, input=b"\xff\xfe", capture_output=True)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: the text on stdin is not UTF-8")


def test_raw_sound_on_stdout() -> None:
    need_engine("espeak-ng", "en")
    argv = [SPEAK, "--text", "Hello.", "--engine", "espeak-ng", "--raw", "--sample-rate", "8000"]
    done = subprocess.run(argv, capture_output=True)
    assert done.returncode == 0
    assert loudness(Pcm(8_000, done.stdout)) > 0.01
    assert b"raw sound: s16le, 1 channel, 8000 samples per second" in done.stderr


def test_a_wav_stream_on_stdout() -> None:
    need_engine("espeak-ng", "en")
    argv = [SPEAK, "--text", "Hello.", "--engine", "espeak-ng", "--wav", "-"]
    done = subprocess.run(argv, capture_output=True)
    assert done.returncode == 0
    assert loudness(Pcm.from_wav(done.stdout)) > 0.01
    assert done.stderr == b"Hello.\nespeak-ng, en, 1 sentences\n"


def test_a_wav_stream_that_is_redirected_into_a_file_tells_its_length(tmp_path: Path) -> None:
    need_engine("espeak-ng", "en")
    argv = [SPEAK, "--text", "Hello.", "--engine", "espeak-ng", "--wav"]
    with (tmp_path / "stream.wav").open("wb") as file:
        subprocess.run([*argv, "-"], stdout=file, check=True)
    subprocess.run([*argv, str(tmp_path / "file.wav")], check=True)
    assert (tmp_path / "stream.wav").read_bytes() == (tmp_path / "file.wav").read_bytes()


@pytest.mark.parametrize(
    ("suffix", "program", "decode"),
    [
        ("opus", "opusenc", "opusdec --quiet --rate 22050 {} {}"),
        ("mp3", "lame", "lame --silent --decode {} {}"),
        ("ogg", "oggenc", "oggdec --quiet {} -o {}"),
        ("flac", "flac", "flac --silent -d {} -o {}"),
        ("m4a", "ffmpeg", "ffmpeg -loglevel error -i {} {}"),
    ],
)
def test_the_pipes_that_are_named_for_other_sound_files_work(
    tmp_path: Path, suffix: str, program: str, decode: str
) -> None:
    need_engine("espeak-ng", "en")
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    coded, decoded, whole = (tmp_path / name for name in (f"a.{suffix}", "b.wav", "whole.wav"))
    said = ("--text", LONG["en"], "--engine", "espeak-ng")
    told = run_command("rnn-speak", *said, "--wav", coded).stderr
    pipe = told.partition("pipe it: rnn-speak … ")[2]
    subprocess.run(["sh", "-c", f'"$0" "$@" {pipe}', SPEAK, *said], check=True, capture_output=True)
    subprocess.run(decode.format(coded, decoded).split(), check=True)
    run_command("rnn-speak", *said, "--wav", whole)
    expected = Pcm.from_wav(whole.read_bytes()).seconds
    assert expected > 2
    assert Pcm.from_wav(decoded.read_bytes()).seconds == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("option", ["--raw", "--wav -"])
def test_sound_never_goes_to_a_terminal(option: str) -> None:
    ours, its = pty.openpty()
    argv = [SPEAK, "--text", "Hello.", "--engine", "none", *option.split()]
    done = subprocess.run(argv, stdout=its, stderr=subprocess.PIPE, text=True)
    os.close(its)
    os.close(ours)
    assert done.returncode == 2
    suffix = option.strip("- ")[:3]
    assert done.stderr == (
        f"error: {option} would write the sound to the terminal – "
        f"add > speech.{suffix}, or a pipe: rnn-speak … --wav - | aplay\n"
    )


def test_without_a_card() -> None:
    need_aplay()
    need_engine("espeak-ng", "en")
    done = run_command("rnn-speak", "--text", "Hello.", "--device", "nosuchcard")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the sound device 'nosuchcard' cannot be played to")


def test_a_full_disk_under_the_wav(tmp_path: Path) -> None:
    need_engine("espeak-ng", "en")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not allowed here")
    try:
        argv = ("--text", LONG["en"], "--engine", "espeak-ng", "--wav", disk / "a.wav")
        done = run_command("rnn-speak", *argv)
        assert done.returncode == 1
        assert done.stderr == f"error: {disk}/a.wav: no space left on device\n"
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# --- ended from outside --------------------------------------------------------------------------


def test_interrupted_it_leaves_a_valid_wav_and_no_process(tmp_path: Path) -> None:
    need_engine("festival", "en")
    wav, mark = tmp_path / "a.wav", "RNN_TEST_INTERRUPTED"
    with subprocess.Popen(
        [SPEAK, "--text", ENDLESS, "--wav", str(wav)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path), mark: "1"},
    ) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=GUARD_SECONDS)
        assert process.returncode == 130
    assert Pcm.from_wav(wav.read_bytes()).seconds > 0.5
    assert not list(tmp_path.glob("rnn-speak-*")), "no engine's folder is left"
    wait_for(lambda: not marked(mark), "the end of every process")


def test_terminated_while_it_plays_it_leaves_no_process(tmp_path: Path) -> None:
    need_aplay()
    need_engine("festival", "en")
    mark = "RNN_TEST_TERMINATED"
    config, _ = alsa_config(tmp_path, "!default")
    begun = time.monotonic()
    with subprocess.Popen(
        [SPEAK, "--text", ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "ALSA_CONFIG_PATH": str(config), mark: "1"},
    ) as process:
        assert process.stdout
        process.stdout.readline()
        heard = time.monotonic()
        process.terminate()
        out, _ = process.communicate(timeout=GUARD_SECONDS)
        assert process.returncode == 143
        assert time.monotonic() - heard < 3 * (heard - begun), "it ends sooner than it begins"
        assert out.count(b"\n") < 10, "it speaks no further"
    wait_for(lambda: not marked(mark), "the end of every process")


def test_terminated_in_mid_sentence_it_does_not_wait_for_its_end(tmp_path: Path) -> None:
    mark = "RNN_TEST_TERMINATED"
    argv = [SPEAK, "--text", "Hello.", "--wav", str(tmp_path / "a.wav"), "--engine", "command"]
    argv += ["--command", 'sh -c "sleep 100000 & sleep 100000 & wait"', "--sentence-time", "86400"]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, mark: "1"}
    ) as process:
        wait_for(lambda: len(marked(mark)) == 4, "rnn-speak and its engine's three")
        process.terminate()
        out, error = process.communicate(timeout=GUARD_SECONDS)
        assert (process.returncode, out, error) == (143, b"", b"")
    wait_for(lambda: not marked(mark), "the end of every process")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ended_while_it_waits_for_a_card_it_leaves_no_process(
    tmp_path: Path, number: int, code: int
) -> None:
    aplay, mark = FakeAplay(tmp_path), "RNN_TEST_WAITING"
    aplay.says("aplay: main:831: audio open error: Device or resource busy")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        [SPEAK, "--text", "Hello.", "--engine", "none", "--wait", "80000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PATH": path, mark: "1"},
    ) as process:
        assert process.stderr
        waits = b"note: waiting for the sound device 'default' (Device or resource busy)\n"
        assert process.stderr.readline() == waits
        process.send_signal(number)
        out, error = process.communicate(timeout=GUARD_SECONDS)
        assert (process.returncode, out, error.replace(waits, b"")) == (code, b"", b"")
    wait_for(lambda: not marked(mark), "the end of every process")


# --- lists and wrong calls -----------------------------------------------------------------------


def test_lists() -> None:
    need_aplay()
    need_engine("espeak-ng", "ru")
    listed = run_command("rnn-speak", "--list-engines").stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(ENGINES)
    voices = run_command("rnn-speak", "--list-voices", "ru").stdout.splitlines()
    assert voices
    assert all(line.split()[1].startswith("ru") for line in voices)
    devices = run_command("rnn-speak", "--list-devices")
    assert devices.returncode == 0
    assert "null" in devices.stdout


@pytest.mark.parametrize(
    "argv",
    [("--rate", "0"), ("--volume", "nan"), ("--engine", "sam"), ("--sample-rate", "1"),
     ("--wav", "a", "--raw"), ("--pre-silence", "-1")],
)  # fmt: skip
def test_wrong_calls(argv: tuple[str, ...]) -> None:
    done = run_command("rnn-speak", "--text", "x", *argv)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("argument", "value"),
    [("--rate=0", 0.0), ("--rate=fast", "fast"), ("--pitch=11", 11.0),
     ("--volume=nan", float("nan")),
     ("--loudness=1", 1.0), ("--loudness=-41", -41.0),
     ("--sentence-time=-1", -1.0), ("--pre-silence=1e9", 1e9),
     ("--sentence-silence=", ""),
     ("--sample-rate=3999", 3999), ("--sample-rate=16000.0", "16000.0"),
     ("--command-rate=192001", 192_001), ("--max-sentence=0", 0), ("--max-sentence=1e3", "1e3")],
)  # fmt: skip
def test_a_wrong_value_is_told_in_the_librarys_words(argument: str, value: Any) -> None:
    option = argument.partition("=")[0]
    with pytest.raises(UsageError) as caught:
        SpeechConfig(**{option.removeprefix("--").replace("-", "_"): value})
    done = run_command("rnn-speak", "--text", "x", argument)
    assert done.returncode == 2
    of_library = str(caught.value).partition(" ")[2]
    assert done.stderr == f"error: {option} {of_library}\n"


def test_a_wrong_command_is_told_in_the_librarys_words() -> None:
    with pytest.raises(UsageError) as caught:
        SpeechConfig(command="say 'two words")
    done = run_command("rnn-speak", "--text", "x", "--command", "say 'two words", "--raw")
    assert (done.returncode, done.stderr) == (2, f"error: --{caught.value}\n")


# --- models --------------------------------------------------------------------------------------


@entries("convert", "stock", "poroshki-russian")
def test_the_zoos_models_are_spoken(
    entry: dict[str, Any],
    converted: Converter,
    tmp_path: Path,
) -> None:
    language = "ru" if entry["name"] == "poroshki-russian" else "en"
    best = open_engine("auto", language).name
    model = converted(entry["name"], weights_of(entry))
    seconds = {}
    for length in (60, 240):
        wav = tmp_path / f"{length}.wav"
        done = run_command(
            "rnn-speak", model, "--seed", 4, "--temperature", 0.7, "--wav", wav,
            "--max-gen-length", length, "-n", 2,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert f"{best}, {language}, " in done.stderr
        pcm = Pcm.from_wav(wav.read_bytes())
        assert pcm.rate in (16_000, 24_000)
        assert loudness(pcm) > 0.01
        seconds[length] = pcm.seconds
        assert 0.03 < pcm.seconds / len(done.stdout) < 0.2, "a character takes about 0.07 s"
    assert seconds[240] > seconds[60]
