"""`rnn-train`: texts in, textgenrnn's three files out, and with --convert a .tflite file."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pi_runtime.cli.arguments import Parser
from pi_runtime.cli.output import emit, note
from pi_runtime.cli.process import run, stop_if_interrupted
from pi_runtime.errors import UsageError
from train.settings import ModelSettings, TrainSettings, read_settings_file, settings_from

if TYPE_CHECKING:
    from convert.converter import Source
    from train.run import Epoch

HELP = {
    "rnn_size": "units per layer",
    "rnn_layers": "recurrent layers",
    "rnn_bidirectional": "let the layers read the window backward too",
    "max_length": "the window: tokens the network sees at once",
    "max_words": "upper bound on the vocabulary",
    "dim_embeddings": "width of the embedding",
    "word_level": "tokens are words, not characters",
    "line_delimited": "each line is a text; else everything is one running text",
    "num_epochs": "how often each sample is seen",
    "gen_epochs": "with --report: sample texts after every Nth epoch; 0: never",
    "batch_size": "samples per step",
    "train_size": "the share to train on; the rest validates",
    "validation": "compute the validation loss",
    "dropout": "share of embedding channels dropped at random",
    "max_gen_length": "tokens per sample text",
    "is_csv": "texts are the first column of CSV rows",
    "header": "skip the first line",
    "delimiter": "between CSV columns",
    "save_epochs": "keep the weights of every Nth epoch too",
    "optimizer": "adam, or rmsprop as in textgenrnn before 1.5",
    "seed": "of the initial weights and the order of the samples",
}


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-train."""
    run(_train, argv)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "rnn-train",
        "Train a textgenrnn network on texts. Writes NAME_weights.hdf5, NAME_vocab.json and "
        "NAME_config.json after each epoch, and the learning curve as NAME_training.png.",
        "  rnn-train poems.txt --name poems --num-epochs 20 --report\n"
        "  rnn-train jokes.txt --line-delimited --convert\n"
        "  rnn-train more.txt --line-delimited --weights colab_weights.hdf5 --name more\n"
        "  rnn-train poems.txt --name poems --num-epochs 20 --resume",
    )
    parser.add_argument("texts", type=Path, nargs="+", metavar="TEXT", help="text or CSV files")
    parser.add_argument("--name", default="colab", help="how the files' names begin (colab)")
    parser.add_argument("--config", type=Path, metavar="FILE",
                        help="settings: model_cfg and train_cfg of the Colab notebook, "
                        "as JSON or TOML; options override them")  # fmt: skip
    parser.add_argument("--encoding", default="utf-8", help="of the texts (utf-8)")
    parser.add_argument("--context", action="store_true",
                        help="the texts are CSV, and the second column is their label")  # fmt: skip
    parser.add_argument("--weights", type=Path, metavar="HDF5",
                        help="start from this checkpoint instead of a new network")  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="continue an interrupted training")
    parser.add_argument("--report", action="store_true", help="print sample texts while training")
    parser.add_argument("--convert", action="store_true", help="write NAME.tflite at the end")
    parser.add_argument("--force", action="store_true", help="replace existing files")
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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        return _train_and_convert(args)
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed here", 'pip install "textgenrnn-pi[train]"'
        ) from None


def _train_and_convert(args: argparse.Namespace) -> int:
    from train.texts import read_texts
    from train.training import Start, check_name, train

    name = check_name(args.name)
    in_model, in_training = read_settings_file(args.config) if args.config else ({}, {})
    source = _read_source(args.weights) if args.weights else None
    model = settings_from(
        ModelSettings, _settings_of(source) if source else in_model | _given(args, ModelSettings)
    )
    training = settings_from(TrainSettings, in_training | _given(args, TrainSettings))
    if not args.report:
        training = replace(training, gen_epochs=0)
    weights = Path(f"{name}_weights.hdf5")
    if weights.exists() and not (args.resume or args.force):
        raise UsageError(f"{weights} exists", "give --force to replace it, or another --name")
    texts, labels = read_texts(args.texts, training, args.encoding, context=args.context)
    note(f"{len(texts)} texts, {sum(map(len, texts)):,} characters")
    from train.progress import Bar, draw_curve

    def after_epoch(epoch: Epoch) -> None:
        draw_curve(Path(f"{name}_training.png"), epoch)
        _print_samples(epoch)

    try:
        train(
            texts,
            name,
            model,
            training,
            labels=labels,
            start=Start(source.network, source.vocabulary.ids) if source else None,
            resume=args.resume,
            after_epoch=after_epoch,
            callbacks=[Bar(training.num_epochs)],
        )
    except KeyboardInterrupt:
        note("\nstopped: the files are those of the last complete epoch; --resume continues")
        raise
    note(f"wrote {weights}, {name}_vocab.json, {name}_config.json")
    if args.convert:
        _convert(weights, force=args.force)
    return 0


def _given(
    args: argparse.Namespace, kind: type[ModelSettings] | type[TrainSettings]
) -> dict[str, Any]:
    """Return the settings that are given as options."""
    return {name: value for name in vars(kind()) if (value := getattr(args, name)) is not None}


def _read_source(weights: Path) -> Source:
    from convert.converter import read_source

    return read_source(weights)


def _settings_of(source: Source) -> dict[str, Any]:
    """Return the settings that a checkpoint has."""
    known = vars(ModelSettings())
    return {name: value for name, value in vars(source.config).items() if name in known}


def _print_samples(epoch: Epoch) -> None:
    for temperature, texts in epoch.samples.items():
        emit(f"### epoch {epoch.number}, temperature {temperature}\n")
        emit("".join(f"{text}\n\n" for text in texts))


def _convert(weights: Path, *, force: bool) -> None:
    from convert.converter import convert_checkpoint

    conversion = convert_checkpoint(weights, force=force, before_writing=stop_if_interrupted)
    megabytes = conversion.size / 1e6
    note(f"wrote {conversion.path}, {megabytes:.1f} MB; sample: {conversion.parity.sample}")
