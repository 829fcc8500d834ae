"""`rnn-train`: texts in, textgenrnn's three files out, and a .tflite file where it is asked for."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pi_runtime.cli import common
from pi_runtime.errors import UsageError
from train.settings import ModelSettings, TrainSettings, read_settings_file, settings_from

if TYPE_CHECKING:
    from train.training import Epoch, Start

HELP = {
    "rnn_size": "units a layer",
    "rnn_layers": "recurrent layers",
    "rnn_bidirectional": "let the layers read the window backward too",
    "max_length": "the window: tokens the network sees at once",
    "max_words": "the largest vocabulary",
    "dim_embeddings": "width of the embedding",
    "word_level": "tokens are words, not characters",
    "line_delimited": "every line is a text; else all is one running text",
    "num_epochs": "how often every sample is seen",
    "gen_epochs": "with --report: sample texts after every N epochs; 0: never",
    "batch_size": "samples a step",
    "train_size": "the share to train on; the rest validates",
    "validation": "compute the validation loss",
    "dropout": "share of embedding channels left out at random",
    "max_gen_length": "tokens a sampled text",
    "is_csv": "texts are the first column of CSV rows",
    "header": "the first line is no text",
    "delimiter": "between CSV columns",
    "save_epochs": "keep the weights of every Nth epoch too",
    "optimizer": "adam, or rmsprop as in textgenrnn before 1.5",
    "seed": "of the first weights and the order of samples",
}


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-train."""
    common.run(_train, argv)


def _parser() -> argparse.ArgumentParser:
    parser = common.Parser(
        "rnn-train",
        "Train a textgenrnn network on texts. Writes NAME_weights.hdf5, NAME_vocab.json and "
        "NAME_config.json after every epoch, and the learning curve as NAME_training.png.",
        "  rnn-train poems.txt --name poems --num-epochs 20 --report\n"
        "  rnn-train jokes.txt --line-delimited --convert\n"
        "  rnn-train more.txt --line-delimited --weights colab_weights.hdf5 --name more\n"
        "  rnn-train poems.txt --name poems --num-epochs 20 --resume",
    )
    parser.add_argument("texts", type=Path, nargs="+", metavar="TEXT", help="text or CSV files")
    parser.add_argument("--name", default="colab", help="what the files are called (colab)")
    parser.add_argument("--config", type=Path, metavar="FILE",
                        help="settings: model_cfg and train_cfg of the Colab notebook, "
                        "as JSON or TOML; options come on top")  # fmt: skip
    parser.add_argument("--encoding", default="utf-8", help="of the texts (utf-8)")
    parser.add_argument("--context", action="store_true",
                        help="the texts are CSV, and its second column labels them")  # fmt: skip
    parser.add_argument("--weights", type=Path, metavar="HDF5",
                        help="go on from this checkpoint instead of a new network")  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    parser.add_argument("--report", action="store_true", help="print texts sampled as it learns")
    parser.add_argument("--convert", action="store_true", help="write NAME.tflite in the end")
    parser.add_argument("--force", action="store_true", help="replace the files of that name")
    for title, kind in (("network", ModelSettings), ("training", TrainSettings)):
        group = parser.add_argument_group(title)
        for name, default in vars(kind()).items():
            option = f"--{name.replace('_', '-')}"
            text = f"{HELP[name]} ({str(default).lower()})"
            if isinstance(default, bool):
                group.add_argument(
                    option, action=argparse.BooleanOptionalAction, default=None, help=text
                )
            else:
                group.add_argument(option, type=type(default), default=None, metavar="X", help=text)
    return parser


def _train(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    if not re.fullmatch(r"[^/\x00]{1,100}", args.name) or args.name in (".", ".."):
        raise UsageError(f"--name cannot be {args.name!r}", "give a file name without folders")
    in_model, in_training = read_settings_file(args.config) if args.config else ({}, {})
    start, read = _start(args.weights)
    model = settings_from(ModelSettings, read or in_model | _given(args, ModelSettings))
    training = settings_from(TrainSettings, in_training | _given(args, TrainSettings))
    weights = Path(f"{args.name}_weights.hdf5")
    if weights.exists() and not (args.resume or args.force):
        raise UsageError(f"{weights} exists", "give --force to replace it, or another --name")
    from train.texts import read_texts

    try:
        texts, labels = read_texts(args.texts, training, args.encoding, context=args.context)
    except ImportError as error:
        raise _missing(error) from None
    common.say(f"{len(texts)} texts, {sum(map(len, texts)):,} characters")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        from train.progress import Bar, draw_curve
        from train.training import train
    except ImportError as error:
        raise _missing(error) from None

    def after_epoch(epoch: Epoch) -> None:
        draw_curve(Path(f"{args.name}_training.png"), epoch)
        if args.report:
            _print_samples(epoch)

    try:
        train(
            texts,
            args.name,
            model,
            training if args.report else _without_samples(training),
            labels=labels,
            start=start,
            resume=args.resume,
            after_epoch=after_epoch,
            callbacks=[Bar(training.num_epochs)],
        )
    except KeyboardInterrupt:
        common.say("\nstopped: the files are those of the last whole epoch; --resume goes on")
        raise
    common.say(f"wrote {weights}, {args.name}_vocab.json, {args.name}_config.json")
    return _convert(weights, force=args.force) if args.convert else 0


def _without_samples(training: TrainSettings) -> TrainSettings:
    from dataclasses import replace

    return replace(training, gen_epochs=0)


def _given(
    args: argparse.Namespace, kind: type[ModelSettings] | type[TrainSettings]
) -> dict[str, Any]:
    return {name: value for name in vars(kind()) if (value := getattr(args, name)) is not None}


def _start(weights: Path | None) -> tuple[Start | None, dict[str, Any]]:
    """Return the network to go on from, and its settings."""
    if weights is None:
        return None, {}
    try:
        from convert.converter import inspect
        from train.training import Start
    except ImportError as error:
        raise _missing(error) from None
    findings = inspect(weights)
    config = vars(findings.sidecars.config)
    kept = {name: value for name, value in config.items() if name in vars(ModelSettings())}
    return Start(findings.checkpoint.network, findings.sidecars.vocab), kept


def _missing(error: ImportError) -> UsageError:
    return UsageError(f"{error.name} is not installed here", 'pip install "textgenrnn-pi[train]"')


def _print_samples(epoch: Epoch) -> None:
    for temperature, texts in epoch.samples.items():
        common.emit(f"### epoch {epoch.number}, temperature {temperature}\n")
        common.emit("".join(f"{text}\n\n" for text in texts))


def _convert(weights: Path, *, force: bool) -> int:
    from convert.converter import convert, inspect

    findings = inspect(weights)
    output = Path(f"{findings.sidecars.config.name}.tflite")
    size, parity = convert(findings, output, force=force, before_writing=common.stop_if_interrupted)
    common.say(f"wrote {output}, {size / 1e6:.1f} MB; it says: {parity.sample}")
    return 0
