"""The service's settings file: what it sets, and errors that name it, its line and what to do."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_runtime.cli.settings_file import parse
from pi_runtime.cli.speakd import read_settings
from pi_runtime.errors import UsageError
from tests.helpers.commands import run_command

FILE = "rnn-speak-poems"
THEN = "fix it, then: sudo systemctl reload-or-restart rnn-speak@poems"

# What the file holds; what the error says between the file's name and what to do then.
MISTAKES = r"""
OPTIONS="--temprature 0.5" | --temprature is unknown, did you mean --temperature?
OPTIONS="--temp" | --temp is unknown, did you mean --temperature?
OPTIONS="--xyzzy" | --xyzzy is unknown
OPTIONS="--temperature 0,5" | temperature 0,5 may be one number or two, write 0.5, or 0.0,5.0
OPTIONS="--rate 0,8" | --rate is '0,8', write 0.8
OPTIONS="--seed" | --seed lacks its value, write --seed S
OPTIONS="--interval never" | --interval 'never' is not like 90s, 10m or 5m-20m, write one such as 10m
OPTIONS="--engine festivl" | --engine is 'festivl', did you mean festival? take auto, piper, rhvoice, festival, espeak-ng, pyttsx3, command, none
OPTIONS="--language rusian" | --language is 'rusian', did you mean russian? give a language such as en, ru, german or русский
OPTIONS="--seed 1 --seed 2" | --seed is given twice, give it once
OPTIONS="--prefix Once upon" | upon follows --prefix Once and is no file, quote a text of several words: --prefix "Once upon"
OPTIONS="--on-demand --interval 10m" | --interval has no use with --on-demand, leave one of them out
OPTIONS="--backend numpy --threads 2" | --threads has no use with --backend numpy, leave it out
OPTIONS="--command say" | --command has no use without --engine command, add --engine command, or leave it out
OPTIONS="--engine command --command 'a" | line 1 has a quote that is not closed, close it on the same line
OPTIONS="-n 3" | -n has no use for a service, which speaks one text after the other, leave it out
OPTIONS="--raw" | --raw has no use for a service, which plays to a sound device, leave it out
OPTIONS="--settings x" | --settings has no use in a settings file, leave it out
OPTIONS="--socket x" | --socket has no use in a settings file, leave it out
OPTIONS="--help" | --help has no use in a settings file, leave it out
OPTIONS="--version" | --version has no use in a settings file, leave it out
OPTIONS="--interval 5m | line 1 has a quote that is not closed, close it on the same line
OPTIONS="--prefix "Once upon"" | line 1 goes on behind its closing quote: upon"", write OPTIONS="…" around all of it, with '…' inside
OPTIONS="--interval 5m" --on-demand | line 1 goes on behind its closing quote: --on-demand, write OPTIONS="…" around all of it, with '…' inside
OPTION="--interval 5m" | line 1 sets OPTION, and OPTIONS is all that is read, write OPTIONS="--interval 5m"
Options="--interval 5m" | line 1 sets Options, and OPTIONS is all that is read, write OPTIONS="--interval 5m"
RNN_SOCKET=/run/x | line 1 sets RNN_SOCKET, and OPTIONS is all that is read, write OPTIONS="/run/x"
OPTIONS = "--interval 5m" | line 1 does not begin with OPTIONS= alone, write OPTIONS="--interval 5m"
OPTIONS ="--interval 5m" | line 1 does not begin with OPTIONS= alone, write OPTIONS="--interval 5m"
OPTIONS= "--interval 5m" | line 1 does not begin with OPTIONS= alone, write OPTIONS="--interval 5m"
OPTIONS: --interval 5m | line 1 does not begin with OPTIONS= alone, write OPTIONS="--interval 5m"
OPTIONS+=" --interval 5m" | line 1 does not begin with OPTIONS= alone, write OPTIONS="--interval 5m"
export OPTIONS="--interval 5m" | line 1 does not begin with OPTIONS= alone, write OPTIONS="--interval 5m"
--interval 5m | line 1 is no setting, write OPTIONS="--interval 5m", or begin it with #
"""  # noqa: E501 - a mistake a line
LINES = [line.split(" | ") for line in MISTAKES.strip().splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / FILE


@pytest.mark.parametrize(("content", "says"), LINES, ids=[line[0] for line in LINES])
def test_a_mistake_in_the_file_is_one_line_that_names_it(
    file: Path, content: str, says: str
) -> None:
    file.write_text(f"{content}\n", "utf-8")
    with pytest.raises(UsageError) as caught:
        read_settings(["m.tflite", "--settings", str(file)])
    assert str(caught.value) == f"{file}: {says} – {THEN}"
    assert caught.value.exit_code == 2


def test_the_line_is_the_one_of_the_file(file: Path) -> None:
    file.write_text("# settings\n\n  # more\nOPTION=x\n")
    with pytest.raises(UsageError, match="line 4 sets OPTION,"):
        read_settings(["m.tflite", "--settings", str(file)])
    file.write_text('OPTIONS="--seed 1"\n\nOPTIONS="--seed 2"\n')
    with pytest.raises(UsageError, match="lines 1 and 3 both set OPTIONS, keep one of them – "):
        read_settings(["m.tflite", "--settings", str(file)])


def test_files_that_cannot_be_read(file: Path) -> None:
    file.write_bytes(b'OPTIONS="--prefix \xff"')
    with pytest.raises(UsageError, match=f"{file}: it is not UTF-8, save it as UTF-8 – fix it,"):
        read_settings(["m.tflite", "--settings", str(file)])
    with pytest.raises(UsageError, match=f"{file.parent}: is a directory, make it a readable"):
        read_settings(["m.tflite", "--settings", str(file.parent)])


def test_a_service_says_so_when_it_starts(file: Path) -> None:
    file.write_text('OPTIONS="--temprature 0.5"\n')
    done = run_command("rnn-speakd", "m.tflite", "--settings", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {file}: --temprature is unknown, did you mean --temperature? – {THEN}\n"
    )


def test_a_file_that_is_not_there_is_said_and_sets_nothing(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert read_settings(["m.tflite", "--settings", str(file)]).interval == (600.0, 600.0)
    assert f"{file} is not there; all settings are the defaults" in caplog.text


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("", []),
        ("OPTIONS=", []),
        ('OPTIONS=""', []),
        ("OPTIONS=--on-demand", ["--on-demand"]),
        ("OPTIONS=--interval 5m --seed 1", ["--interval", "5m", "--seed", "1"]),
        ('OPTIONS=--prefix "Once upon"', ["--prefix", "Once upon"]),
        ("OPTIONS=\"--prefix 'Once upon'\"", ["--prefix", "Once upon"]),
        ("OPTIONS='--prefix \"Once upon\"'", ["--prefix", "Once upon"]),
        (r'OPTIONS="--prefix \"Once upon\""', ["--prefix", "Once upon"]),
        ('OPTIONS="--seed 1" # of the first text', ["--seed", "1"]),
        ('  OPTIONS="--seed 1"  \r\n# more\r\n', ["--seed", "1"]),
        ("OPTIONS=\"--prefix 'a # b'\"", ["--prefix", "a # b"]),
    ],
)
def test_what_it_sets(content: str, options: list[str]) -> None:
    assert parse(content) == options


# The first text that Hypothesis draws takes a second.
AT_LEISURE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

WORDS = st.lists(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1))


@AT_LEISURE
@given(WORDS, st.sampled_from(["single", "double"]))
def test_any_words_that_are_quoted_come_back(words: list[str], quotes: str) -> None:
    inner = shlex.join(words)
    if quotes == "single":
        whole = shlex.quote(inner) if inner else "''"
    else:
        whole = '"' + inner.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if whole[:1] in "'\"":
        assert parse(f"# settings\nOPTIONS={whole}\n") == words


@AT_LEISURE
@given(st.text())
def test_any_file_is_options_or_an_error_of_one_line(text: str) -> None:
    try:
        options = parse(text)
    except UsageError as error:
        assert len(str(error).splitlines()) == 1
        assert error.todo
    else:
        settings = [
            line for line in text.splitlines() if line.strip() and line.strip()[0] not in "#"
        ]
        assert len(settings) <= 1
        assert all(line.strip().startswith("OPTIONS=") for line in settings)
        assert settings or not options


# --- together with the command line --------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_file", "typed", "expected"),
    [
        ("--seed 1", "--seed 2", {"seed": 2}),
        ("--seed 1 --rate 2", "--rate 1", {"seed": 1}),
        ("--prefix a", "--prefix b", {"prefix": "b"}),
        ("--interval 5m", "--on-demand", {"on_demand": True}),
        ("--on-demand", "--interval 5m", {"on_demand": True, "interval": (300.0, 300.0)}),
        ("other.tflite", "", {"model": Path("m.tflite")}),
        ("--backend numpy", "--threads 2", {"backend": "numpy", "threads": 2}),
    ],
)
def test_the_command_line_has_the_last_word(
    file: Path, in_file: str, typed: str, expected: dict[str, object]
) -> None:
    file.write_text(f'OPTIONS="{in_file}"\n')
    settings = read_settings(["m.tflite", *typed.split(), "--settings", str(file)])
    assert {name: getattr(settings, name) for name in expected} == expected
    if "--rate" in typed:
        assert settings.speech.rate == 1.0, "an option at its default value counts as well"


def test_an_engine_may_be_exchanged_with_its_command_left_in_the_file(file: Path) -> None:
    file.write_text("OPTIONS=\"--engine command --command 'say {wav}'\"\n")
    argv = ["m.tflite", "--settings", str(file)]
    assert read_settings([*argv, "--engine", "none"]).speech.engine == "none"
    file.write_text("OPTIONS=\"--command 'say {wav}'\"\n")
    assert read_settings([*argv, "--engine", "command"]).speech.command == ("say", "{wav}")
