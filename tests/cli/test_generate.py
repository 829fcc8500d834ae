"""rnn-generate as a person runs it."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pi_runtime import SamplingParams, TextGenerator, __version__
from pi_runtime.cli.text_output import Between
from pi_runtime.generation.interactive import InteractiveText
from pi_runtime.model.file import ModelFile
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.commands import program, run_command
from tests.helpers.processes import wait_for

PROGRAM = program("rnn-generate")


@pytest.fixture(scope="module")
def texts(model: Path) -> TextGenerator:
    return TextGenerator.load(model, backend="numpy")


def generate(*argv: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return run_command("rnn-generate", *argv, "--backend", "numpy", **options)


def test_stdout_is_the_text_and_stderr_tells_the_seed(model: Path, texts: TextGenerator) -> None:
    done = generate(model, "--seed", 7, "--temperature", 0.9)
    assert done.returncode == 0
    assert done.stdout == texts.generate(temperature=0.9, seed=7)[0] + "\n"
    assert done.stderr.startswith("seed 7, numpy, ")
    assert len(done.stderr.splitlines()) == 1


def test_the_seed_it_names_repeats_the_text(model: Path) -> None:
    first = generate(model, "--temperature", 1)
    seed = first.stderr.split()[1].rstrip(",")
    assert generate(model, "--temperature", 1, "--seed", seed).stdout == first.stdout


def joined(texts: list[str]) -> str:
    """Return texts as they are written: an empty line beside each that has line breaks."""
    found = ""
    for before, text in zip(["", *texts], texts, strict=False):
        found += "\n" if found and ("\n" in before or "\n" in text) else ""
        found += f"{text}\n"
    return found


def test_many_texts_and_a_file(model: Path, texts: TextGenerator, tmp_path: Path) -> None:
    several = texts.generate(9, temperature=0.9, seed=1)
    assert any("\n" in text for text in several)
    expected = joined(several)
    options = ("-n", 9, "--seed", 1, "--temperature", "0.9")
    assert generate(model, *options).stdout == expected
    path = tmp_path / "out.txt"
    done = generate(model, *options, "-o", path)
    assert done.stdout == ""
    assert path.read_text("utf-8") == expected


LINES = [["a"], ["a", "b"], ["a\nb", "c"], ["a", "b\nc"], ["a", "b", "c\n", "d", "e"]]


@pytest.mark.parametrize("texts", LINES)
def test_texts_of_several_lines_stand_apart(texts: list[str]) -> None:
    args = argparse.Namespace(null=False, separator=None, append=False)
    between = Between(args)
    written = "".join(map(between.around, texts)) + between.end()
    expected = texts[0]
    for before, text in pairwise(texts):
        expected += ("\n\n" if "\n" in before + text else "\n") + text
    assert written == expected + "\n"


@pytest.mark.parametrize(
    ("option", "between", "behind"),
    [
        (("--separator", r"\n--\n"), "\n--\n", "\n"),
        (("--separator", r"\t"), "\t", "\n"),
        (("--separator", r"a\\n"), r"a\n", "\n"),
        (("--separator", ""), "", "\n"),
        (("-0",), "\0", "\0"),
        (("--null",), "\0", "\0"),
    ],
)
def test_what_stands_between_texts_may_be_chosen(
    model: Path, texts: TextGenerator, tmp_path: Path, option: tuple[str], between: str, behind: str
) -> None:
    several = texts.generate(5, temperature=0.9, seed=1)
    argv = ("-n", 5, "--seed", 1, "--temperature", "0.9", *option)
    assert generate(model, *argv).stdout == between.join(several) + behind
    path = tmp_path / "out.txt"
    generate(model, *argv, "-o", path)
    assert path.read_text("utf-8") == between.join(several) + behind
    one = generate(model, "--seed", 1, "--temperature", "0.9", *option)
    assert one.stdout == several[0] + behind


def test_quiet_says_nothing_but_errors(model: Path) -> None:
    done = run_command("rnn-generate", model, "-q", "--prefix", "Q", "--seed", 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    done = run_command("rnn-generate", model.with_name("none.tflite"), "-q")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")


def test_a_pipe_may_be_written_to(model: Path, texts: TextGenerator) -> None:
    done = generate(model, "--seed", 1, "-n", 2, "-o", "/dev/stdout")
    assert done.stdout == joined(texts.generate(2, seed=1))


def test_json_is_an_object_a_line(model: Path, texts: TextGenerator) -> None:
    done = generate(
        model, "-n", 3, "--json", "--seed", 5, "--prefix", "e", "--temperature", "1,0.5"
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["text"] for r in records] == texts.generate(
        3, prefix="e", temperature=[1, 0.5], seed=5
    )
    for index, record in enumerate(records):
        assert record.pop("seconds") >= 0
        assert record == {
            "text": record["text"],
            "seed": 5,
            "index": index,
            "temperature": [1.0, 0.5],
            "prefix": "e",
            "options": {},
            "backend": "numpy",
            "model": ModelFile(model).sha256,
            "version": __version__,
            "characters": len(record["text"]),
            "draws": 1,
        }


def test_samples(model: Path, texts: TextGenerator) -> None:
    done = generate(model, "--samples", "-n", 2, "--seed", 3, "--max-gen-length", 9)
    for temperature in (0.2, 0.5, 1.0):
        block = joined(texts.generate(2, temperature=temperature, max_gen_length=9, seed=3))
        assert f"# temperature {temperature}\n{block}" in done.stdout


OPTIONS: dict[str, tuple[tuple[object, ...], dict[str, Any]]] = {
    "top-k": (("--top-k", 3), {"top_k": 3}),
    "top-p": (("--top-p", 0.5), {"top_p": 0.5}),
    "min-p": (("--min-p", 0.5), {"min_p": 0.5}),
    "penalty": (
        ("--repetition-penalty", 9, "--repetition-window", 5),
        {"repetition_penalty": 9.0, "repetition_window": 5},
    ),
    "forbid": (("--forbid", "eta"), {"forbid": "eta"}),
    "allow": (("--allow", "eta "), {"allow": "eta "}),
    "min-length": (("--min-length", 30), {"min_length": 30}),
    "max-words": (("--max-words", 1), {"max_words": 1}),
    "stop": (("--stop", "e", "--stop", "o"), {"stop_at": ["e", "o"]}),
    "stop-at": (("--stop-at", "t", "--keep-stop"), {"stop_at": ["t"], "keep_stop": True}),
    "ramp": (("--temperature", "0.1..2"), {"temperature": "0.1..2"}),
    "reject": (
        ("--reject", "h", "--reject", "tt", "--tries", 500),
        {"reject": ["h", "tt"], "tries": 500},
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_are_those_of_the_library(name: str, model: Path, texts: TextGenerator) -> None:
    argv, options = OPTIONS[name]
    params = SamplingParams(**{"max_gen_length": 60, "temperature": 1.0, **options})
    expected = texts.generate(4, seed=5, params=params)
    plain = texts.generate(4, seed=5, params=SamplingParams(1.0, 60))
    common = ("-n", 4, "--seed", 5, "--max-gen-length", 60, "-0")
    heat = () if name == "ramp" else ("--temperature", 1)
    done = generate(model, *common, *heat, *argv)
    assert done.stdout == "".join(f"{text}\0" for text in expected), done.stderr
    assert expected != plain


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--top-p", "1,5"), "--top-p is '1,5' – write 1.5"),
        (("--top-p", 2), "--top-p is 2.0 – give a number from 0 to 1"),
        (("--top-k", -1), "--top-k is -1 – give a whole number from 0 to 1000000000"),
        (("--allow", "☃"), "allow leaves no token that the model knows – "),
        (("--stop", ""), "--stop-at has an empty string in it – leave it out"),
        (("--keep-stop",), "--keep-stop has no use without --stop-at – leave it out"),
        (("--repetition-window", 3), "--repetition-window has no use without "),
        (("--reject", "x("), "--reject has 'x(', which is no regular expression: "),
        (("--reject", "words.txt"), "--reject words.txt: no such file – name one, or a "),
        (("--tries", 3), "--tries has no use without --original or --reject – leave it out"),
        (("--reject", "e", "--tries", 0), "--tries is 0 – give a whole number from 1 to "),
        (("--original", 20), "this model does not know its training text – convert it again "),
        (("--temperature", "0..x"), "--temperature is '0..x' – give the two ends of a ramp"),
    ],
)
def test_options_that_cannot_be_right(model: Path, argv: tuple[object, ...], says: str) -> None:
    done = generate(model, *argv)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {says}")


def test_an_unknown_prefix_is_said(model: Path) -> None:
    assert "does not know 'Q' 'ж'" in generate(model, "--prefix", "QeжQ").stderr


def test_a_backend_that_cannot_run_the_file(model: Path) -> None:
    """The file's FlatBuffer is no TFLite graph."""
    done = run_command("rnn-generate", model, "--seed", 1)
    assert done.returncode == 0
    assert len(re.findall("(onnx|numpy) computes instead", done.stderr)) == 1
    done = run_command("rnn-generate", model, "--backend", "tflite")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "argv",
    [
        ("--temperature", "hot"),
        ("--temperature", "-1"),
        ("--temperature", "nan"),
        ("-n", "0"),
        ("-n", "1e3"),
        ("-n", "0000000001999999999"),
        ("-n", "9" * 5000),
        ("--seed", "-1"),
        ("--seed", "4294967296"),
        ("--max-gen-length", "0"),
        ("--backend", "gpu"),
        ("--no-such-option",),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(model: Path, argv: tuple[str, ...]) -> None:
    done = run_command("rnn-generate", model, *argv)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {argv[0].removeprefix('--temperature')}")
    assert " – " in line


def test_models_that_are_not(tmp_path: Path) -> None:
    jpeg = tmp_path / "m.tflite"
    jpeg.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    for path in (tmp_path / "none", tmp_path, jpeg):
        done = run_command("rnn-generate", path)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"error: {path}: ")


def test_the_model_may_come_from_the_environment(model: Path) -> None:
    environment = {**os.environ, "RNN_MODEL": str(model)}
    assert generate("--seed", 1, env=environment).returncode == 0
    done = run_command(
        "rnn-generate", env={k: v for k, v in os.environ.items() if k != "RNN_MODEL"}
    )
    assert done.returncode == 2
    assert "no model named" in done.stderr


LONG = ("--backend", "numpy", "--max-gen-length", "100000000", "-n", "1")


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without an end mark: its texts end at their limit only."""
    path = tmp_path_factory.mktemp("model") / "endless.tflite"
    path.write_bytes(packed_model(small_network(), small_vocab(12, single_text=True)))
    return path


def test_a_reader_that_goes_away_ends_it_quietly(endless: Path) -> None:
    with subprocess.Popen(
        [PROGRAM, str(endless), *LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


def test_interrupted_it_says_nothing_and_leaves_with_130(endless: Path) -> None:
    with subprocess.Popen(
        [PROGRAM, str(endless), *LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(30) == 130
        assert process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_the_old_file_stays(endless: Path, tmp_path: Path, number: int) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old\n")
    argv = [PROGRAM, str(endless), "--backend", "numpy", "-n", "1000000", "--max-gen-length", "200"]
    with subprocess.Popen([*argv, "-o", str(path)], stderr=subprocess.PIPE) as process:
        wait_for(
            lambda: any(each.stat().st_size for each in tmp_path.glob(".out.txt.rnn-*.tmp")),
            "a text",
        )
        process.send_signal(number)
        process.wait(30)
    assert path.read_text() == "old\n"
    done = generate(endless, "--max-gen-length", 20, "-o", path)
    assert done.returncode == 0, done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_an_appended_file_keeps_what_is_done(
    endless: Path, tmp_path: Path, number: int
) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old\n")
    argv = [PROGRAM, str(endless), "--backend", "numpy", "-n", "1000000", "--max-gen-length", "200"]
    with subprocess.Popen([*argv, "--append", "-o", str(path)], stderr=subprocess.PIPE) as process:
        wait_for(lambda: path.stat().st_size > 1000, "some texts")
        process.send_signal(number)
        process.wait(30)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    assert lines[0] == "old\n"
    assert lines[-1].endswith("\n")


@pytest.mark.parametrize("append", [(), ("--append",)])
def test_a_full_disk_is_one_line_and_loses_nothing(
    endless: Path, small_disk: Path, append: tuple[str, ...]
) -> None:
    path = small_disk / "out.txt"
    path.write_text("old\n")
    done = generate(endless, "-n", 2000, "--max-gen-length", 300, "-o", path, *append)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: {path}: no space left on device"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    assert lines[0] == "old\n"
    assert all(line.endswith("\n") for line in lines)
    assert (len(lines) > 1) == bool(append)
    assert [each.name for each in small_disk.iterdir()] == ["out.txt"]


APPENDED = [
    ((), "old\n", "old\n{0}\n{1}\n"),
    ((), "half", "half\n{0}\n{1}\n"),
    ((), "", "{0}\n{1}\n"),
    (("-0",), "old\0", "old\0{0}\0{1}\0"),
    (("--separator", r"\n--\n"), "old\n--\n", "old\n--\n{0}\n--\n{1}\n--\n"),
    (("--separator", ""), "old", "old{0}{1}"),
]


@pytest.mark.parametrize(("options", "old", "new"), APPENDED)
def test_texts_are_appended(
    endless: Path, tmp_path: Path, options: tuple[str, ...], old: str, new: str
) -> None:
    path = tmp_path / "out.txt"
    path.write_text(old)
    argv = ("-n", 2, "--max-gen-length", 20, "--seed", 1)
    done = generate(endless, *argv, *options, "--append", "-o", path)
    assert done.returncode == 0, done.stderr
    texts = generate(endless, *argv).stdout.splitlines()
    assert path.read_text("utf-8") == new.format(*texts)


def test_many_runs_append_to_one_file(endless: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    argv = [PROGRAM, str(endless), "--backend", "numpy", "--json", "-n", "30", "-q"]
    argv += ["--append", "-o", str(path), "--seed"]
    runs = [subprocess.Popen([*argv, str(seed)]) for seed in range(4)]
    assert [run.wait(120) for run in runs] == [0] * 4
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    found = sorted((record["seed"], record["index"]) for record in records)
    assert found == [(seed, index) for seed in range(4) for index in range(30)]


def test_what_no_file_can_replace_is_written_to_at_once(endless: Path, tmp_path: Path) -> None:
    argv = (endless, "--max-gen-length", 20, "--seed", 1)
    text = generate(*argv).stdout
    link = tmp_path / "link"
    link.symlink_to("/dev/stdout")
    for name in ("/dev/stdout", link):
        assert generate(*argv, "-o", name).stdout == text
    kept = tmp_path / "kept"
    kept.write_text("old\n")
    with kept.open("a") as file:
        subprocess.run([PROGRAM, *map(str, argv), "-q", "-o", "/dev/stdout"], stdout=file)
    assert kept.read_text("utf-8") == f"old\n{text}"
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen([PROGRAM, *map(str, argv), "-o", str(tmp_path / "pipe")], stderr=-1):
        assert (tmp_path / "pipe").read_text("utf-8") == text
    full = generate(*argv, "-o", "/dev/full")
    assert full.returncode == 1
    assert full.stderr.splitlines()[-1] == "error: /dev/full: no space left on device"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "s"))
        done = generate(*argv, "-o", tmp_path / "s")
    assert done.stderr == f"error: {tmp_path}/s: is a socket – name another with -o\n"


@pytest.fixture(scope="session")
def latin1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real ISO-8859-1 locale."""
    if not shutil.which("localedef") or not Path("/usr/share/i18n/locales/en_US").exists():
        pytest.skip("no localedef and locale sources here – sudo apt install locales")
    folder = tmp_path_factory.mktemp("locales")
    subprocess.run(
        ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(folder / "en_US.ISO-8859-1")],
        capture_output=True,
    )
    return folder


@pytest.mark.parametrize("locale", ["none", "C", "POSIX", "unknown", "latin1"])
def test_utf8_out_whatever_the_locale(
    model: Path, texts: TextGenerator, locale: str, request: pytest.FixtureRequest
) -> None:
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))
    }
    if locale == "latin1":
        environment |= {
            "LOCPATH": str(request.getfixturevalue("latin1")),
            "LC_ALL": "en_US.ISO-8859-1",
        }
    elif locale != "none":
        environment["LC_ALL"] = {"unknown": "xx_YY.KOI8-R"}.get(locale, locale)
    argv = ["--seed", "1", "--temperature", "0.9", "--backend", "numpy", "--prefix", "жав"]
    done = subprocess.run([PROGRAM, str(model), *argv], capture_output=True, env=environment)
    assert done.returncode == 0
    expected = texts.generate(prefix="жав", temperature=0.9, seed=1)[0]
    assert done.stdout.decode("utf-8") == expected + "\n"
    assert "does not know 'ж'" in done.stderr.decode("utf-8")


def test_an_argument_that_is_not_utf8(model: Path) -> None:
    done = subprocess.run([PROGRAM, str(model), "--prefix", b"\xff\xfe"], capture_output=True)
    assert done.returncode == 2
    assert (
        done.stderr.decode() == "error: an argument is not UTF-8 – send it from a UTF-8 terminal\n"
    )


def test_errors_show_their_traceback_when_asked(tmp_path: Path) -> None:
    done = run_command("rnn-generate", tmp_path / "none", env={**os.environ, "RNN_DEBUG": "1"})
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_interactive_writes_what_is_chosen_and_takes_back(model: Path) -> None:
    text = InteractiveText(TextGenerator.load(model, backend="numpy"), "ab")
    text.add(text.options(3)[1])
    text.write("on ")
    text.add(text.options(1)[0])
    assert "<s>" not in text.text, "the session below would end early"
    typed = "2\n9\no\no on\nx\nx\nx\no\non \n" + "1" * 5000 + "\n1\n"
    for ending in ("s\n", ""):
        done = subprocess.run(
            [PROGRAM, model, "--interactive", "--prefix", "ab", "--backend", "numpy"],
            input=typed + ending, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0
        taken_back = text.text.replace("on ", "oon ", 1)
        assert done.stdout in (text.text + "\n", taken_back + "\n")
        assert "x: take one back" in done.stderr
    done = generate(model, "--interactive", "-n", 2)
    assert done.returncode == 2
    assert done.stderr == "error: -n has no use with --interactive – leave it out\n"
