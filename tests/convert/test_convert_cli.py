"""rnn-convert as a person runs it, on small checkpoints."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import permutations
from pathlib import Path

import pytest

from convert.quiet import quiet_tensorflow
from pi_runtime.backends.numpy import numpy_backend
from pi_runtime.backends.selfcheck import passes
from pi_runtime.model.file import ModelFile, seal
from tests.helpers.archives import write_zip
from tests.helpers.checkpoints import (
    config_of,
    small_network,
    small_vocab,
    write_sidecars,
    write_weights,
)
from tests.helpers.commands import ROOT, needs_tensorflow, run_command
from tests.helpers.model_files import members
from tests.helpers.service import wait_for

pytestmark = needs_tensorflow

NETWORK = small_network(classes=20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint with its vocab and config."""
    folder = tmp_path / "colab"
    folder.mkdir()
    write_weights(folder / "colab_weights.hdf5", NETWORK)
    write_sidecars(folder, "colab", small_vocab(20), config_of(NETWORK))
    return folder


def convert(folder: Path, *argv: object) -> subprocess.CompletedProcess[str]:
    return run_command("rnn-convert", folder / "colab_weights.hdf5", *argv, cwd=folder)


def refused(folder: Path, *argv: object, code: int = 1) -> str:
    """Run a conversion that must fail in one line and leave nothing."""
    before = sorted(folder.rglob("*"))
    done = convert(folder, *argv)
    assert done.returncode == code, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert sorted(folder.rglob("*")) == before
    return line


def test_it_takes_the_texts_that_the_network_was_trained_on(folder: Path) -> None:
    (folder / "one.txt").write_bytes(b"\xef\xbb\xbfto be, or not to be\r\n\r\nthat is all\r\n")
    (folder / "two.txt").write_text("that is all\nto be, or not to be\nнет\n", "utf-8")
    assert convert(folder, "-o", "plain.tflite").returncode == 0
    done = convert(folder, "--corpus", "one.txt", "--corpus=two.txt")
    assert done.returncode == 0, done.stderr
    assert "\ncorpus    6 runs of 14 characters and 3 lines of 2 files, 0 kB\n" in done.stdout
    found = ModelFile(folder / "colab.tflite").ngrams()
    assert found is not None
    for line in ("to be, or not to be", "that is all", "нет"):
        assert found.is_training_text(line)
    assert not found.is_training_text("\ufeffto be, or not to be")
    assert ModelFile(folder / "plain.tflite").ngrams() is None
    flatbuffer, documents = members((folder / "colab.tflite").read_bytes())
    del documents["ngrams.bin"]
    assert seal(flatbuffer, documents) == (folder / "plain.tflite").read_bytes()
    report = json.loads(convert(folder, "--corpus", "two.txt", "--force", "--json").stdout)
    assert report["corpus"] == {
        "files": ["two.txt"],
        "unit": "characters",
        "gram_size": 14,
        "grams": 6,
        "lines": 3,
        "bytes": 41,
    }
    assert json.loads(convert(folder, "--force", "--json").stdout)["corpus"] is None


def test_a_corpus_that_cannot_be_read_is_one_line(folder: Path) -> None:
    (folder / "cp1251.txt").write_bytes("abc: день".encode("cp1251"))
    (folder / "wide.txt").write_bytes("день".encode("utf-16"))
    (folder / "empty.txt").write_bytes(b"\n \n")
    for name, says in (
        (
            "cp1251.txt",
            "error: cp1251.txt: byte 5, 0xe4, is not UTF-8 – "
            "convert it: iconv -f ENCODING -t UTF-8 cp1251.txt > utf-8.txt",
        ),
        ("wide.txt", "iconv -f UTF-16 -t UTF-8 wide.txt"),
        ("none.txt", "none.txt: no such file or directory – name a text file with --corpus"),
        ("empty.txt", "the corpus: there is no text in it – leave it out, or give another"),
        ("/dev/zero", "/dev/zero: is a device"),
    ):
        assert says in refused(folder, "--corpus", name)
    assert "--corpus has no use with --inspect" in refused(
        folder, "--inspect", "--corpus", "cp1251.txt", code=2
    )


def test_it_reports_converts_and_does_not_overwrite(folder: Path) -> None:
    done = convert(folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "TensorFlow's chatter stays off the terminal"
    for said in (
        "LSTM, Keras 2.2.4",
        "2 × 5 LSTM, 20 classes of characters, window 8",
        "vocab colab_vocab.json: its 19 ids fit the weights",
        "config colab_config.json",
        "parity    largest |Δp| numpy ",
        "says      ",
        "wrote     colab.tflite, ",
    ):
        assert said in done.stdout
    content = (folder / "colab.tflite").read_bytes()
    assert "colab.tflite: exists – give --force to replace it" in refused(folder)
    again = convert(folder, "--force", "--json")
    assert again.returncode == 0
    report = json.loads(again.stdout)
    assert report["bytes"] == len(content)
    assert (folder / "colab.tflite").read_bytes() == content, "the same input, the same file"
    assert (folder / "colab.tflite").stat().st_mode & 0o777 == 0o644


def test_what_it_wrote_speaks_the_networks_text(folder: Path) -> None:
    report = json.loads(convert(folder, "-o", "x.tflite", "--json").stdout)
    done = run_command("rnn-generate", "x.tflite", "--seed", 0, cwd=folder)
    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert report["sample"] == (lines[0] if lines else "")


def test_inspect_writes_nothing(folder: Path) -> None:
    before = sorted(folder.iterdir())
    done = convert(folder, "--inspect")
    assert done.returncode == 0
    assert "2 × 5 LSTM" in done.stdout
    assert "wrote" not in done.stdout
    assert sorted(folder.iterdir()) == before


def test_sidecars_as_asked(folder: Path) -> None:
    write_sidecars(folder, "other", small_vocab(20, single_text=True), config_of(NETWORK, 5))
    done = convert(folder, "--inspect", "--json", "--vocab", "other_vocab.json")
    architecture = json.loads(done.stdout)["architecture"]
    assert architecture["single_text"]
    assert architecture["max_length"] == 5
    done = convert(folder, "--inspect", "--json", "--max-length", 6)
    assert json.loads(done.stdout)["architecture"]["max_length"] == 6
    assert "no such file" in refused(folder, "--vocab", "none.json")
    (folder / "bad.json").write_text("{", "utf-8")
    assert "bad.json: not JSON" in refused(folder, "--config", "bad.json")
    assert "bad.json: it is not JSON" in refused(folder, "--vocab", "bad.json")


def test_wrong_calls(folder: Path) -> None:
    assert "--max-length is 0 – give a whole number from 1 to 2000" in refused(
        folder, "--max-length", 0, code=2
    )
    assert "--nonsense is unknown – see rnn-convert --help" in refused(folder, "--nonsense", code=2)
    done = run_command("rnn-convert")
    assert (done.returncode, done.stderr) == (
        2,
        "error: WEIGHTS is missing – see rnn-convert --help\n",
    )


NAMES = ("colab_weights.hdf5", "colab_vocab.json", "colab_config.json")


@pytest.mark.parametrize("names", [*permutations(NAMES), NAMES[:2], (NAMES[2], NAMES[0])])
def test_the_three_files_may_come_in_any_order_and_by_any_name(
    folder: Path, names: tuple[str, ...]
) -> None:
    known = {name: f"{at}.file" for at, name in enumerate(NAMES)}
    for name, other in known.items():
        (folder / other).write_bytes((folder / name).read_bytes())
    for given in (names, [known[name] for name in names]):
        done = run_command("rnn-convert", *given, "--inspect", "--json", cwd=folder)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["weights"] == given[names.index(NAMES[0])]
        assert report["architecture"]["max_length"] == (8 if NAMES[2] in names else 40) or (
            report["notes"][-1].startswith("config colab_config.json")
        )
        if NAMES[1] in names:
            assert f"vocab {given[names.index(NAMES[1])]}, as asked" in report["notes"]


def test_stages_are_told_in_order_and_change_no_byte(folder: Path) -> None:
    code = (
        "from convert import convert_checkpoint\n"
        "convert_checkpoint('colab_weights.hdf5', 'told.tflite', on_stage=print)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.split() == ["reading", "building", "proving", "writing"]
    assert convert(folder, "-q").returncode == 0
    assert (folder / "told.tflite").read_bytes() == (folder / "colab.tflite").read_bytes()


def test_tensorflows_messages_are_shown_if_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    for debug, shown in (("", ""), ("1", "from C++")):
        with pytest.MonkeyPatch.context() as patch, quiet_with(patch, debug):
            os.write(2, b"from C++")
        assert capfd.readouterr().err == shown
    with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError), quiet_with(patch, ""):
        os.write(2, b"why it failed")
        raise OSError
    assert capfd.readouterr().err == "why it failed"


def quiet_with(patch: pytest.MonkeyPatch, debug: str) -> AbstractContextManager[None]:
    patch.setenv("RNN_DEBUG", debug)
    return quiet_tensorflow()


def test_outputs_that_cannot_be(folder: Path) -> None:
    assert "no such folder – create it (mkdir -p nowhere), or name another with -o" in refused(
        folder, "-o", "nowhere/x.tflite"
    )
    assert "is a folder" in refused(folder, "-o", ".")


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A file system too small for a model; `mount -o remount,ro` makes it unwritable."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k", "none", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(folder: Path, tmpfs: Path) -> None:
    assert "no space left on device" in refused(folder, "-o", tmpfs / "x.tflite")
    assert not list(tmpfs.iterdir())


def test_an_unwritable_folder(folder: Path, tmpfs: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(tmpfs)], check=True)
    line = refused(folder, "-o", tmpfs / "x.tflite")
    assert line == f"error: {tmpfs}: read-only file system"


def test_a_file_that_computes_something_else_is_refused(folder: Path) -> None:
    done = convert(folder)
    assert done.returncode == 0
    flatbuffer, contents = members((folder / "colab.tflite").read_bytes())
    first = contents["golden.json"]["probabilities"][0]
    first[first.index(max(first))] -= 0.01
    first[first.index(min(first))] += 0.01
    from convert.errors import ParityError
    from convert.verify import check_parity

    with pytest.raises(ParityError, match=r"differs from the checkpoint by 1\.0e-02"):
        check_parity(seal(flatbuffer, contents))
    with pytest.raises(ParityError, match="cannot be run"):
        check_parity(seal(b"\x00" * len(flatbuffer), contents))


def builder_of(pid: int) -> int | None:
    """Return the process in which a converter's graph is built, once it runs."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):  # another one, which is gone already
            if b"convert.building" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return None


@pytest.mark.parametrize("moment", ["importing", "building"])
def test_interrupted_it_leaves_nothing(folder: Path, moment: str) -> None:
    program = str(Path(sys.executable).with_name("rnn-convert"))
    before = sorted(folder.iterdir())
    with subprocess.Popen(
        [program, "colab_weights.hdf5"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        builder = wait_for(lambda: builder_of(process.pid), 60)
        # The library is mapped early in TensorFlow's import; its threads start with its first work.
        maps, threads = (Path(f"/proc/{builder}/{name}") for name in ("maps", "task"))
        wait_for(lambda: "_pywrap_tensorflow" in maps.read_text(), 60)
        if moment == "building":
            wait_for(lambda: len(list(threads.iterdir())) > 2, 60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
        assert (process.returncode, said) == (130, b"")
    assert not Path(f"/proc/{builder}").exists()
    assert sorted(folder.iterdir()) == before


def test_what_is_not_installed_is_named(folder: Path) -> None:
    for module in ("tensorflow", "h5py"):
        code = (
            f"import sys; sys.modules[{module!r}] = None\n"
            "from convert.cli import main; main(['colab_weights.hdf5'])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f'error: {module} is not installed here – pip install "textgenrnn-pi[convert]"\n'
        )


def test_help_has_examples() -> None:
    done = run_command("rnn-convert", "--help", env={**os.environ, "COLUMNS": "80"})
    assert done.returncode == 0
    assert "rnn-convert colab_weights.hdf5 --inspect" in done.stdout


def test_int8_is_smaller_and_says_how_near_it_stays(tmp_path: Path) -> None:
    network = small_network(classes=40, embedding=40, units=32)
    write_weights(tmp_path / "colab_weights.hdf5", network)
    write_sidecars(tmp_path, "colab", small_vocab(40), config_of(network))
    whole = json.loads(convert(tmp_path, "--json").stdout)
    done = convert(tmp_path, "--quantize", "int8", "-o", "q.tflite", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["bytes"] < whole["bytes"] / 2
    assert 0 < report["divergence"]["kl_mean"] < 1e-2
    assert report["divergence"]["kl_max"] >= report["divergence"]["kl_mean"]
    assert report["divergence"]["argmax_agreement"] > 0.8
    assert (
        "int8      KL divergence from float32"
        in convert(tmp_path, "--quantize", "int8", "-o", "q.tflite", "--force").stdout
    )
    _, contents = members((tmp_path / "q.tflite").read_bytes())
    assert contents["manifest.json"]["quantization"] == "int8"
    assert contents["manifest.json"]["runtimes"] == ["ai-edge-litert>=2.1", "numpy"]
    # It runs everywhere: where the interpreter refuses it, NumPy takes over and says so.
    model = ModelFile(tmp_path / "q.tflite")
    assert passes(numpy_backend(model.network(), 8), model.golden())
    done = run_command("rnn-generate", tmp_path / "q.tflite", "--seed", 1)
    assert done.returncode == 0
    taken_over = re.search("(onnx|numpy) computes instead", done.stderr)
    assert bool(taken_over) == (", tflite, " not in done.stderr)


def test_a_zip_of_the_three_files(folder: Path, tmp_path: Path) -> None:
    names = ("colab_weights.hdf5", "colab_vocab.json", "colab_config.json")
    write_zip(tmp_path / "mail.zip", {f"a/{n}": (folder / n).read_bytes() for n in names})
    done = run_command("rnn-convert", "mail.zip", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "weights   mail.zip: LSTM, Keras 2.2.4" in done.stdout
    assert "wrote     colab.tflite" in done.stdout
    assert (tmp_path / "colab.tflite").exists()


def test_a_vocab_where_a_repeated_key_ends_on_another_tokens_id(folder: Path) -> None:
    pairs = [*small_vocab(20).items(), (list(small_vocab(20))[6], 19)]
    text = ", ".join(f"{json.dumps(token)}: {number}" for token, number in pairs)
    (folder / "colab_vocab.json").write_text(f"{{{text}}}", "utf-8")
    assert convert(folder).returncode == 0
    vocabulary = ModelFile(folder / "colab.tflite").vocabulary
    assert list(vocabulary.ids.items()) == list(json.loads(f"{{{text}}}").items())
    assert vocabulary.token(19) == "<s>"
    assert 7 not in vocabulary
    assert run_command("rnn-generate", folder / "colab.tflite", "--seed", 3).returncode == 0


def test_a_name_that_is_no_utf_8(folder: Path) -> None:
    for path in folder.iterdir():
        path.rename(folder / os.fsdecode(b"caf\xe9" + path.name[5:].encode()))
    done = run_command(
        "rnn-convert", os.fsdecode(b"caf\xe9_weights.hdf5"), "-o", "x.tflite", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert r"caf\udce9_weights.hdf5" in done.stdout
    assert (folder / "x.tflite").exists()


def test_no_control_character_of_a_name_or_a_file_reaches_the_terminal(folder: Path) -> None:
    vocab = {("\x1b" if token == "a" else token): n for token, n in small_vocab(20).items()}
    (folder / "colab_vocab.json").write_text(json.dumps(vocab), "utf-8")
    for path in folder.iterdir():
        path.rename(folder / f"\x1b[2J\u202e\x9b{path.name}")
    weights = "\x1b[2J\u202e\x9bcolab_weights.hdf5"
    runs = [(weights,), (weights, "--json", "--force"), (weights,), ("\x1b[2J.hdf5",)]
    for argv in (*runs, (weights, "--\x1b[2J")):
        done = run_command("rnn-convert", *argv, cwd=folder)
        assert done.stdout or done.stderr
        assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())


def test_words_or_characters_as_asked(folder: Path) -> None:
    def level(*argv: str) -> bool:
        done = convert(folder, "--inspect", "--json", *argv)
        assert done.returncode == 0, done.stderr
        return bool(json.loads(done.stdout)["architecture"]["word_level"])

    assert not level()
    assert level("--word-level")
    (folder / "colab_config.json").unlink()
    words = {f"w{number}": number for number in range(1, 20)}
    (folder / "colab_vocab.json").write_text(json.dumps(words), "utf-8")
    assert level()
    assert not level("--char-level")
    assert convert(folder, "--inspect", "--word-level", "--char-level").returncode == 2
