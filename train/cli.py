"""`rnn-train`: texts in, textgenrnn's three files out, and with --convert a .tflite file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pi_runtime.cli.arguments import add_quiet, given_options, number, whole
from pi_runtime.cli.output import be_quiet, emit, note
from pi_runtime.cli.parser import Parser
from pi_runtime.cli.process import run, stop_if_interrupted
from pi_runtime.cli.progress import open_bar
from pi_runtime.cli.refusal import refuse
from pi_runtime.errors import Error, UsageError
from train.settings import (
    BOUNDS,
    OPTIMIZERS,
    WHOLE_BOUNDS,
    ModelSettings,
    TrainSettings,
    read_settings_file,
    settings_from,
)

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


def _parser() -> Parser:
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
    parser.add_argument("--no-corpus", dest="corpus", action="store_false",
                        help="with --convert: leave out the hashes of the texts, by which the "
                        "model tells what it copies")  # fmt: skip
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
                group.add_argument(
                    option,
                    type=_type(name, option),
                    choices=OPTIMIZERS if name == "optimizer" else None,
                    default=None,
                    metavar="X",
                    help=text,
                )
    add_quiet(parser)
    return parser


def _type(name: str, option: str) -> Callable[[str], Any]:
    """Return the argparse type of a setting."""
    if name in WHOLE_BOUNDS:
        return whole(option, *WHOLE_BOUNDS[name])
    return number(option, *BOUNDS[name]) if name in BOUNDS else str


def _train(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    be_quiet(args.quiet)
    _check(args)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        return _train_and_convert(args)
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed here", 'pip install "textgenrnn-pi[train]"'
        ) from None


def _check(args: argparse.Namespace) -> None:
    """Refuse options that mean nothing together with the others."""
    if args.weights:
        refuse(
            args, vars(ModelSettings()), f"with --weights, whose network is that of {args.weights}"
        )
    if not args.report:
        add = "add --report, or leave it out"
        refuse(args, ("gen_epochs", "max_gen_length"), "without --report", add)
    if not args.convert:
        refuse(args, ("corpus",), "without --convert", "add --convert, or leave it out")
    if args.is_csv or args.context:
        refuse(args, ("line_delimited",), "with CSV, where each row is a text")


def _check_training(args: argparse.Namespace, training: TrainSettings) -> None:
    """Refuse options that mean nothing with the settings, a settings file's among them."""
    if not (training.is_csv or args.context):
        refuse(args, ("delimiter",), "without CSV", "add --is-csv or --context, or leave it out")
    if training.train_size == 1 and args.validation:
        todo = "give a --train-size below 1, or leave it out"
        refuse(args, ("validation",), "while --train-size is 1: no text is left for it", todo)


def _check_outputs(args: argparse.Namespace, name: str) -> None:
    """Check before the long work that no file is replaced unasked."""
    weights, converted = Path(f"{name}_weights.hdf5"), Path(f"{name}.tflite")
    if weights.exists() and not (args.resume or args.force):
        raise UsageError(f"{weights} exists", "give --force to replace it, or another --name")
    if args.convert and converted.exists() and not args.force:
        raise UsageError(f"{converted} exists", "give --force to replace it, or another --name")


def _train_and_convert(args: argparse.Namespace) -> int:
    from train.texts import read_texts
    from train.training import Start, check_name, train

    name = check_name(args.name)
    in_model, in_training = read_settings_file(args.config) if args.config else ({}, {})
    source = _read_source(args.weights) if args.weights else None
    if source:
        in_model = _settings_of(source, in_model, args.config)
    model = settings_from(ModelSettings, in_model | given_options(args, vars(ModelSettings())))
    training = settings_from(
        TrainSettings, in_training | given_options(args, vars(TrainSettings()))
    )
    _check_training(args, training)
    if not args.report:
        training = replace(training, gen_epochs=0)
    _check_outputs(args, name)
    texts, labels = read_texts(args.texts, training, args.encoding, context=args.context)
    note(f"{len(texts)} texts, {sum(map(len, texts)):,} characters")
    from train.progress import ProgressBars, draw_curve

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
            callbacks=ProgressBars(training.num_epochs, partial(open_bar, quiet=args.quiet)),
        )
    except KeyboardInterrupt:
        note("\nstopped: the files are those of the last complete epoch; --resume continues")
        raise
    weights = Path(f"{name}_weights.hdf5")
    note(f"wrote {weights}, {name}_vocab.json, {name}_config.json")
    if args.convert:
        _convert(weights, texts if args.corpus else [], force=args.force)
    if not args.quiet:
        _tell_copies(weights, texts, training)
    return 0


def _read_source(weights: Path) -> Source:
    from convert.converter import read_source

    return read_source(weights)


def _settings_of(source: Source, in_file: dict[str, Any], path: Path | None) -> dict[str, Any]:
    """Return the settings that a checkpoint has.

    Raises:
        UsageError: a settings file has others.
    """
    known = vars(settings_from(ModelSettings, in_file))
    settings = {name: value for name, value in vars(source.config).items() if name in known}
    for name, value in settings.items():
        if in_file.get(name, value) != value:
            raise UsageError(
                f"{path}: {name} is {in_file[name]}, and {value} in {source.weights}",
                "leave model_cfg out, or train without --weights",
            )
    return settings


def _print_samples(epoch: Epoch) -> None:
    for temperature, texts in epoch.samples.items():
        emit(f"### epoch {epoch.number}, temperature {temperature}\n")
        emit("".join(f"{text}\n\n" for text in texts))


def _tell_copies(weights: Path, texts: list[str], training: TrainSettings) -> None:
    """Say how much of what the network writes is from its texts, word for word."""
    from pi_runtime.backends.numpy import numpy_backend
    from pi_runtime.generation.generator import TextGenerator
    from train.copies import describe, find_copies

    try:
        source = _read_source(weights)
    except Error as error:  # the training is complete all the same
        note(f"how much it copies is not known: {error}")
        return
    backend = numpy_backend(source.network, source.config.max_length)
    generator = TextGenerator(backend, source.vocabulary, source.config)
    copies = find_copies(
        generator, texts, seed=training.seed, max_gen_length=training.max_gen_length
    )
    for line in describe(copies, source.vocabulary):
        note(line)


def _convert(weights: Path, texts: list[str], *, force: bool) -> None:
    from convert.converter import convert_checkpoint

    conversion = convert_checkpoint(
        weights, texts=texts, force=force, before_writing=stop_if_interrupted
    )
    megabytes = conversion.size / 1e6
    note(f"wrote {conversion.path}, {megabytes:.1f} MB; sample: {conversion.parity.sample}")
