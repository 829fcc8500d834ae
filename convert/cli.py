"""`rnn-convert`: a textgenrnn checkpoint in, one .tflite file out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pi_runtime.cli.arguments import add_quiet, whole
from pi_runtime.cli.output import as_json, be_quiet, emit, printable
from pi_runtime.cli.parser import Parser
from pi_runtime.cli.process import run, stop_if_interrupted
from pi_runtime.cli.progress import open_bar
from pi_runtime.cli.refusal import refuse
from pi_runtime.errors import UsageError

if TYPE_CHECKING:
    from convert.converter import Conversion, Source
    from pi_runtime.model.ngrams import NgramSet


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-convert."""
    run(_convert, argv)


def _parser() -> Parser:
    from pi_runtime.model.manifest import MAX_LENGTH

    parser = Parser(
        "rnn-convert",
        "Turn a textgenrnn checkpoint into one TFLite file that a Raspberry Pi generates from. "
        "The vocab and config are looked for beside the weights and taken only if they fit; "
        "or give all three, in any order.",
        "  rnn-convert colab_weights.hdf5\n"
        "  rnn-convert colab_weights.hdf5 colab_vocab.json colab_config.json\n"
        "  rnn-convert colab.zip\n"
        "  rnn-convert colab_weights.hdf5 -o poems.tflite\n"
        "  rnn-convert colab_weights.hdf5 --corpus poems.txt\n"
        "  rnn-convert colab_weights.hdf5 --inspect",
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="WEIGHTS",
        help="the .hdf5, .h5, .weights.h5 or .keras file, and maybe its _vocab.json and "
        "_config.json; or a .zip of the three",
    )
    parser.add_argument("--vocab", type=Path, metavar="F", help="its _vocab.json")
    parser.add_argument("--config", type=Path, metavar="F", help="its _config.json")
    parser.add_argument(
        "--max-length",
        type=whole("--max-length", 1, MAX_LENGTH),
        metavar="N",
        help="the window in tokens, if not the config's",
    )
    level = parser.add_mutually_exclusive_group()
    level.add_argument(
        "--word-level",
        action="store_true",
        default=None,
        help="tokens are words, whatever the config says",
    )
    level.add_argument(
        "--char-level",
        dest="word_level",
        action="store_false",
        default=None,
        help="tokens are characters",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="default: NAME.tflite in this folder"
    )
    parser.add_argument(
        "--quantize",
        choices=("int8",),
        help="a quarter of the size and faster on LiteRT; nearly the same text, and the report "
        "says how near",
    )
    parser.add_argument(
        "--corpus",
        type=Path,
        action="append",
        metavar="FILE",
        help="a text it was trained on, in UTF-8; may be given again: the model then tells what "
        "it copies, by hashes that are not the text",
    )
    parser.add_argument("--inspect", action="store_true", help="only look, write nothing")
    parser.add_argument("--json", action="store_true", help="report as one JSON object on stdout")
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    add_quiet(parser)
    return parser


def _convert(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    if args.inspect:
        refuse(
            args, ("output", "force", "quantize", "corpus"), "with --inspect, which writes nothing"
        )
    be_quiet(args.quiet)
    # Here, not above: NumPy may be imported only when the number of its threads is set.
    from convert.files.inputs import sort_inputs

    inputs = sort_inputs(args.files, args.vocab, args.config)
    sidecars = {
        "vocab": inputs.vocab,
        "config": inputs.config,
        "max_length": args.max_length,
        "word_level": args.word_level,
    }
    try:
        from convert.converter import convert_checkpoint, read_source

        if args.inspect:
            report = _describe(read_source(inputs.weights, **sidecars))
        else:
            with _stages(quiet=args.quiet) as on_stage:
                conversion = convert_checkpoint(
                    inputs.weights,
                    args.output,
                    **sidecars,
                    quantization=args.quantize or "float32",
                    corpus=args.corpus or (),
                    force=args.force,
                    # TensorFlow swallows some interrupts.
                    before_writing=stop_if_interrupted,
                    on_stage=on_stage,
                )
            report = _describe(conversion) | _describe_output(conversion)
            report["corpus"] = _describe_corpus(conversion.ngrams, args.corpus)
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed here", 'pip install "textgenrnn-pi[convert]"'
        ) from None
    if args.json:
        emit(as_json(report) + "\n")
    else:
        emit(printable("".join(f"{line}\n" for line in _lines(report))))
    return 0


@contextmanager
def _stages(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Yield what shows on the terminal which stage converting is at."""
    from convert.converter import STAGES

    bar = open_bar(len(STAGES), quiet=quiet, leave=False, bar_format="{desc} |{bar}| {elapsed}")

    def show(stage: str) -> None:
        if bar is not None:
            bar.n = STAGES.index(stage)
            bar.set_description_str(f"{stage:<8}")

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def _describe(found: Source | Conversion) -> dict[str, Any]:
    return {
        "weights": str(found.weights),
        "layout": found.layout,
        "architecture": asdict(found.config)
        | {"classes": found.classes, "single_text": found.single_text},
        "notes": list(found.notes),
    }


def _describe_output(conversion: Conversion) -> dict[str, Any]:
    parity = conversion.parity
    return {
        "output": str(conversion.path),
        "bytes": conversion.size,
        "deviation": parity.deviations,
        "tolerance": parity.tolerance,
        "sensitive": parity.sensitive,
        "not_tried": parity.not_tried,
        "sample": parity.sample,
        "divergence": asdict(parity.divergence) if parity.divergence else None,
    }


def _describe_corpus(ngrams: NgramSet | None, files: list[Path]) -> dict[str, Any] | None:
    if ngrams is None:
        return None
    return {
        "files": [str(path) for path in files],
        "unit": ngrams.unit,
        "gram_size": ngrams.gram_size,
        "grams": ngrams.grams,
        "lines": ngrams.lines,
        "bytes": ngrams.size,
    }


def _lines(report: dict[str, Any]) -> list[str]:
    network = report["architecture"]
    kind = "bidirectional " if network["rnn_bidirectional"] else ""
    level = "words" if network["word_level"] else "characters"
    lines = [
        f"weights   {report['weights']}: {report['layout']}",
        f"network   {network['rnn_layers']} × {network['rnn_size']} {kind}LSTM, "
        f"{network['classes']} classes of {level}, window {network['max_length']}"
        + (", single_text" if network["single_text"] else ""),
        *(f"          {note}" for note in report["notes"]),
    ]
    if "output" not in report:
        return lines
    if divergence := report["divergence"]:
        lines.append(
            f"int8      KL divergence from float32 {divergence['kl_mean']:.1e} on average, "
            f"{divergence['kl_max']:.1e} at most; the same likeliest token after "
            f"{divergence['argmax_agreement']:.0%} of tokens"
        )
    exact = ", ".join(f"{name} {value:.1e}" for name, value in report["deviation"].items())
    allowed = "" if divergence else f" (allowed {report['tolerance']:.1e})"
    lines.append(f"parity    largest |Δp| {exact}{allowed}")
    if report["sensitive"]:
        lines.append(
            "          this network amplifies rounding: float32 alone causes that much, "
            "so its texts may differ from textgenrnn's"
        )
    if report["not_tried"]:
        lines.append(f"          not tried on TFLite: {report['not_tried']}")
    if corpus := report["corpus"]:
        count = len(corpus["files"])
        lines.append(
            f"corpus    {corpus['grams']:,} runs of {corpus['gram_size']} {corpus['unit']} and "
            f"{corpus['lines']:,} lines of {count} file{'s' * (count > 1)}, "
            f"{corpus['bytes'] / 1000:,.0f} kB"
        )
    lines.append(f"says      {report['sample']}")
    lines.append(f"wrote     {report['output']}, {report['bytes'] / 1e6:.1f} MB")
    return lines
