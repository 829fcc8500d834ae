"""Hold this package against textgenrnn itself, in a Python 3.7 with TensorFlow 1.15.

    python -m tests.manual.against_textgenrnn --python PYTHON3.7 WHAT TEXT.txt

WHAT is one of:

- `texts`: textgenrnn loads the files that rnn-train wrote and generates from them the texts that
  rnn-generate generates from the converted model, seed for seed
- `steps`: from the same weights and batches, both take the same steps
- `loss`: both train from scratch on the same text with the same optimizer, --runs times for
  --epochs epochs; the mean losses of the last epoch are compared
- `speed`: samples per second, alternating
- `vectors`: the vectors and cosines of lines of the text, on every checkpoint of ../shared/zoo
- `synthesize`: texts of several of these checkpoints, seed for seed, by textgenrnn 2.0.0's own code

`scripts/benchmark` makes such a Python in .venv-bench/textgenrnn.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

from pi_runtime import TextGenerator, synthesize
from pi_runtime.model.file import ModelFile
from tests.helpers.commands import program, run_command
from tests.helpers.terminal import on_a_terminal
from tests.helpers.zoo import catalog, weights_of

GENERATE = """
import json, sys
import numpy as np
from textgenrnn import textgenrnn
model = textgenrnn(*(sys.argv[1] + part for part in
                     ("_weights.hdf5", "_vocab.json", "_config.json")))
texts = []
for seed in range(int(sys.argv[2])):
    np.random.seed(seed)
    texts += model.generate(1, return_as_list=True, temperature=[1.0, 0.5, 0.2, 0.2],
                            max_gen_length=120)
json.dump(texts, open(sys.argv[3], "w"))
"""
WAIT = """
import keras
# Keras 2 on TensorFlow 1 may update a layer while the gradients of those below are still computed
# from it: about every other process trains on wrong ones. Here updates wait for all gradients.
import tensorflow as tf
get_gradients = keras.optimizers.Optimizer.get_gradients
def all_gradients(self, loss, params):
    found = [tf.convert_to_tensor(g) for g in get_gradients(self, loss, params)]
    with tf.control_dependencies(found):
        return [tf.identity(g) for g in found]
keras.optimizers.Optimizer.get_gradients = all_gradients
"""
TRAIN = (
    WAIT
    + """
import json, sys, time
from textgenrnn import textgenrnn
text, out, epochs, settings = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
class Clock(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.begun = time.time()
    def on_epoch_end(self, epoch, logs=None):
        found.append((float(logs["loss"]), time.time() - self.begun))
found = []
fit = keras.models.Model.fit_generator
def watched(self, *args, callbacks=(), **kwargs):
    return fit(self, *args, callbacks=[*callbacks, Clock()], **kwargs)
keras.models.Model.fit_generator = watched
t = textgenrnn(name=out)
t.train_from_largetext_file(text, num_epochs=epochs, gen_epochs=0, verbose=0, **settings)
json.dump(found, open(out, "w"))
"""
)
OUR_STEPS = """
import json, sys
from pathlib import Path
import keras, numpy as np
from train.checkpoint import write_sidecars, write_weights
from train.corpus import Corpus, make_vocabulary
from train.model import build_model, network_of
from train.settings import ModelSettings
text, folder = Path(sys.argv[1]).read_text("utf-8"), Path(sys.argv[2])
settings = ModelSettings(**json.loads(sys.argv[3]))
vocabulary = make_vocabulary([text], word_level=settings.word_level,
                             max_words=settings.max_words, single_text=True)
corpus = Corpus.encode([text], vocabulary, settings.max_length,
                       word_level=settings.word_level, single_text=True)
keras.utils.set_random_seed(1)
model = build_model(len(vocabulary) + 1, settings, optimizer="rmsprop")
write_weights(folder / "same_weights.hdf5", network_of(model))
write_sidecars(folder, "same", vocabulary, settings, single=True)
ends = [corpus.ends_of(np.random.RandomState(n).randint(0, corpus.samples, 128)) for n in range(6)]
windows = [corpus.windows(e, settings.max_length) for e in ends]
targets = [corpus.tokens[e + 1].astype(np.int32) for e in ends]
np.savez(folder / "batches.npz", windows=windows, targets=targets)
losses = []
for x, y in zip(windows, targets):
    model.reset_metrics()
    losses.append(float(model.train_on_batch(x, y)))
(folder / "ours.json").write_text(json.dumps(losses))
"""
THEIR_STEPS = (
    WAIT
    + """
import json, sys
import numpy as np
from textgenrnn import textgenrnn
same = sys.argv[1] + "/same_"
t = textgenrnn(*(same + part for part in ("weights.hdf5", "vocab.json", "config.json")))
batches = np.load(sys.argv[1] + "/batches.npz")
losses = [float(t.model.train_on_batch(x, np.eye(t.num_classes)[y]))
          for x, y in zip(batches["windows"], batches["targets"])]
json.dump(losses, open(sys.argv[1] + "/theirs.json", "w"))
"""
)
VECTORS = """
import json, sys
from textgenrnn import textgenrnn
job = json.load(open(sys.argv[1]))
model = textgenrnn(job["weights"], job["vocab"], job["config"])
texts = job["texts"]
json.dump({"vectors": model.encode_text_vectors(texts, pca_dims=None).tolist(),
           "cosines": [(text, float(cosine)) for text, cosine
                       in model.similarity(texts[0], texts, use_pca=False)]},
          open(sys.argv[2], "w"))
"""
SYNTHESIZE = """
import json, random, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from tensorflow import config
config.get_visible_devices = lambda kind=None: []  # which TensorFlow 1.15 has elsewhere
from textgenrnn import textgenrnn
from textgenrnn.utils import synthesize
job = json.load(open(sys.argv[2]))
models = []
for weights, vocab, settings in job["models"]:
    textgenrnn.config = {}  # one for all models, if each does not get its own
    models.append(textgenrnn(weights, vocab, settings))
found = []
for seed in range(job["seeds"]):
    random.seed(seed)
    np.random.seed(seed)
    found += synthesize(list(models), 1, return_as_list=True, **job["options"])
json.dump(found, open(sys.argv[3], "w"))
"""
TOGETHER: list[tuple[list[str], dict[str, object]]] = [
    (["stock", "captions-cudnn"], {}),
    (["stock", "billionaire", "poroshki-russian"], {"temperature": [1.0, 0.5]}),
    (["stock", "poroshki-russian"], {"temperature": 0.7, "prefix": "Once upon a time, "}),
    (["poroshki-russian", "griffin-4x64-bidir-cudnn"], {"temperature": 0.8, "stop_tokens": []}),
    (["stock", "modi-devanagari"], {"temperature": 0.8, "stop_tokens": ["e", " "]}),
    (["abba-words-cudnn", "bon-iver-words-2x15-bidir"], {"temperature": 1.0}),
    (["speech-russian-words", "abba-words-cudnn"], {"temperature": 1.0, "prefix": "you, it!"}),
    (["stock", "abba-words-cudnn"], {"temperature": [1.0, 0.5], "prefix": "You, it!"}),
    (["brand-names-bidir-window4", "hp-names-8x16-bidir"], {"temperature": 1.0}),
]
"""Models that write a text together, and the options of `synthesize`."""
WHAT = ("texts", "steps", "loss", "speed", "vectors", "synthesize")
NETWORKS: dict[str, dict[str, object]] = {
    "2×128": {"rnn_size": 128},
    "2×64 bidirectional": {"rnn_size": 64, "rnn_bidirectional": True},
    "2×128 words": {"rnn_size": 128, "word_level": True, "max_length": 10},
}


def run_textgenrnn(python: str, code: str, *argv: object) -> None:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(
        [python, "-W", "ignore", "-c", code, *map(str, argv)],
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def train_ours(folder: Path, text: Path, *options: object) -> list[tuple[float, float]]:
    """Return loss and seconds by epoch, as rnn-train's progress bar shows them."""
    argv = (program("rnn-train"), text, "--name", "ours", "--force", *options)
    code, _, shown = on_a_terminal(folder, *argv)
    assert code == 0, shown
    bars = r"epoch (\d+)/\d+: 100%[^\r\n]*\[([\d:]+)<[^\r\n]*?loss ([\d.]+)"
    last = re.findall(bars, shown)
    assert last, shown
    by_epoch = {int(number): (float(loss), _seconds(clock)) for number, clock, loss in last}
    return [by_epoch[number] for number in sorted(by_epoch)]


def _seconds(clock: str) -> float:
    minutes, seconds = clock.split(":")[-2:]
    return 60 * int(minutes) + int(seconds)


def options_of(settings: dict[str, object]) -> list[str]:
    found = []
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        found += [option] if value is True else [option, str(value)]
    return found


def compare_texts(python: str, text: Path, seeds: int = 5) -> bool:
    same = 0
    for title, settings in NETWORKS.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            train_ours(folder, text, *options_of(settings), "--num-epochs", 2, "--convert")
            run_textgenrnn(python, GENERATE, folder / "ours", seeds, folder / "texts.json")
            theirs = json.loads((folder / "texts.json").read_text())
            ours = [
                json.loads(
                    run_command(
                        "rnn-generate", folder / "ours.tflite", "--seed", seed, "--json",
                        "--max-gen-length", 120,
                    ).stdout
                )["text"]
                for seed in range(seeds)
            ]  # fmt: skip
            if settings.get("word_level"):
                # 1.4.1 leaves the spaces round punctuation that 2.0, and we, take out.
                ours, theirs = (["".join(t.split()) for t in texts] for texts in (ours, theirs))
            equal = sum(a == b for a, b in zip(ours, theirs, strict=True))
            print(f"{title:<20} {equal} of {seeds} texts equal", flush=True)
            same += equal
    return same == seeds * len(NETWORKS)


def compare_steps(python: str, text: Path) -> bool:
    good = True
    for title, settings in NETWORKS.items():
        with tempfile.TemporaryDirectory() as name:
            argv = [str(text), name, json.dumps(settings)]
            subprocess.run([sys.executable, "-c", OUR_STEPS, *argv], check=True,
                           stderr=subprocess.DEVNULL)  # fmt: skip
            run_textgenrnn(python, THEIR_STEPS, name)
            ours, theirs = (
                json.loads((Path(name) / f"{who}.json").read_text()) for who in ("ours", "theirs")
            )
        print(f"{title:<20} ours {[f'{loss:.4f}' for loss in ours]}")
        print(f"{'':<20} them {[f'{loss:.4f}' for loss in theirs]}", flush=True)
        # The second loss shows the first step. Steps of 0.04 a weight amplify rounding after that.
        good &= all(abs(a - b) < 1e-3 * b for a, b in zip(ours[:2], theirs[:2], strict=True))
    return good


def compare_loss(python: str, text: Path, runs: int, epochs: int) -> bool:
    good = True
    for title, settings in NETWORKS.items():
        ours, theirs = [], []
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for run in range(runs):
                argv = [*options_of(settings), "--optimizer", "rmsprop", "--num-epochs", epochs]
                ours.append(train_ours(folder, text, *argv, "--seed", run)[-1][0])
                out = folder / "theirs"
                run_textgenrnn(python, TRAIN, text, out, epochs, json.dumps(settings))
                theirs.append(json.loads(out.read_text())[-1][0])
        ratio = mean(ours) / mean(theirs)
        good &= abs(ratio - 1) <= 0.03
        print(
            f"{title:<20} ours {mean(ours):.4f} {ours}, textgenrnn {mean(theirs):.4f} "
            f"{[round(loss, 3) for loss in theirs]}: ratio {ratio:.3f}",
            flush=True,
        )
    return good


def compare_speed(python: str, text: Path, turns: int = 3) -> bool:
    samples = len(text.read_text("utf-8")) - 41
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(turns):
            # The first epoch compiles.
            ours += [samples / s for _, s in train_ours(folder, text, "--num-epochs", 3)[1:]]
            out = folder / "theirs"
            run_textgenrnn(python, TRAIN, text, out, 3, "{}")
            theirs += [samples / s for _, s in json.loads(out.read_text())[1:]]
    ratio = median(ours) / median(theirs)
    print(f"samples/s: ours {median(ours):.0f}, textgenrnn {median(theirs):.0f}: {ratio:.2f}")
    return ratio >= 1.5


def compare_vectors(python: str, text: Path) -> bool:
    lines = [line for line in text.read_text("utf-8").splitlines() if line][:60]
    good = True
    for entry in catalog("convert"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path, (weights, vocab, config) = converted(entry, folder)
            job = {"weights": weights, "vocab": vocab, "config": config, "texts": lines}
            (folder / "job.json").write_text(json.dumps(job))
            run_textgenrnn(python, VECTORS, folder / "job.json", folder / "theirs.json")
            theirs = json.loads((folder / "theirs.json").read_text())
            ours = TextGenerator.load(path)
        vectors = ours.encode_text_vectors(lines, pca_dims=None)
        cosines = dict(ours.similarity(lines[0], lines, use_pca=False))
        moved = float(np.abs(vectors - np.array(theirs["vectors"])).max())
        turned = max(abs(cosines[line] - cosine) for line, cosine in theirs["cosines"])
        good &= turned < 1e-4 or "chaotic" in entry
        print(f"{entry['name']:<34} vectors {moved:.1e}, cosines {turned:.1e}", flush=True)
    return good


def compare_synthesized(python: str, seeds: int = 5) -> bool:
    good = True
    entries = {entry["name"]: entry for entry in catalog("convert")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        theirs = folder / "textgenrnn"
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--no-deps", "--target", theirs,
             "textgenrnn==2.0.0", "tqdm"],
            check=True,
        )  # fmt: skip
        names = dict.fromkeys(each for models, _ in TOGETHER for each in models)
        models = {each: converted(entries[each], folder) for each in names}
        for together, options in TOGETHER:
            job: dict[str, Any] = {
                "models": [models[each][1] for each in together],
                "options": {"max_gen_length": 80, **options},
                "seeds": seeds,
            }
            (folder / "job.json").write_text(json.dumps(job))
            argv = (theirs, folder / "job.json", folder / "theirs.json")
            run_textgenrnn(python, SYNTHESIZE, *argv)
            expected = json.loads((folder / "theirs.json").read_text())
            generators = [TextGenerator.load(models[each][0]) for each in together]
            found = [
                synthesize(generators, seed=seed, **job["options"])[0] for seed in range(seeds)
            ]
            equal = sum(a == b for a, b in zip(found, expected, strict=True))
            print(f"{' + '.join(together):<60} {equal} of {seeds} texts equal", flush=True)
            good &= equal == seeds
    return good


def converted(entry: dict[str, Any], folder: Path) -> tuple[Path, tuple[str, str, str]]:
    """Return a checkpoint's model file, and its three files as textgenrnn takes them."""
    path = folder / f"{entry['name']}.tflite"
    done = run_command("rnn-convert", weights_of(entry), "-o", path)
    assert done.returncode == 0, done.stderr
    model = ModelFile(path)
    vocab, config = (folder / f"{entry['name']}_{part}.json" for part in ("vocab", "config"))
    vocab.write_text(json.dumps(model.vocabulary.ids))
    config.write_text(json.dumps(model.config.to_json(model.vocabulary)))
    return path, (str(weights_of(entry)), str(vocab), str(config))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", required=True, help="one with textgenrnn 1.4.1")
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("text", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    text = args.text.resolve()
    if args.what == "texts":
        return not compare_texts(args.python, text)
    if args.what == "steps":
        return not compare_steps(args.python, text)
    if args.what in ("vectors", "synthesize") and not catalog("convert"):
        parser.error("there is no ../shared/zoo beside the checkout")
    if args.what == "vectors":
        return not compare_vectors(args.python, text)
    if args.what == "synthesize":
        return not compare_synthesized(args.python)
    if args.what == "loss":
        return not compare_loss(args.python, text, args.runs, args.epochs)
    return not compare_speed(args.python, text)


if __name__ == "__main__":
    sys.exit(main())
