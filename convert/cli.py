"""`rnn-convert`: a textgenrnn checkpoint in, one .tflite file out."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pi_runtime.cli import common
from pi_runtime.errors import UsageError

if TYPE_CHECKING:
    from convert.converter import Findings
    from convert.verify import Parity


def main(argv: list[str] | None = None) -> NoReturn:
    """Run rnn-convert."""
    common.run(_convert, argv)


def _parser() -> argparse.ArgumentParser:
    parser = common.Parser(
        "rnn-convert",
        "Turn a textgenrnn checkpoint into one TFLite file that a Raspberry Pi generates from. "
        "The vocab and config are looked for beside the weights and taken only if they fit.",
        "  rnn-convert colab_weights.hdf5\n"
        "  rnn-convert colab_weights.hdf5 -o poems.tflite\n"
        "  rnn-convert colab_weights.hdf5 --inspect",
    )
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help="the .hdf5 file")
    parser.add_argument("--vocab", type=Path, metavar="F", help="its _vocab.json")
    parser.add_argument("--config", type=Path, metavar="F", help="its _config.json")
    parser.add_argument(
        "--max-length", type=int, metavar="N", help="the window, where no config tells it"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="default: NAME.tflite here"
    )
    parser.add_argument(
        "--quantize",
        choices=("int8",),
        help="a quarter of the size and faster on LiteRT; nearly the same text, and the report "
        "says how near",
    )
    parser.add_argument("--inspect", action="store_true", help="look only, write nothing")
    parser.add_argument("--json", action="store_true", help="report as one JSON object on stdout")
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    return parser


def _convert(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    if args.max_length is not None and not 0 < args.max_length <= 10_000:
        raise UsageError("--max-length is out of bounds", "give 1 to 10000")
    try:
        from convert.converter import check_output, convert, inspect
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed here", 'pip install "textgenrnn-pi[convert]"'
        ) from None
    findings = inspect(args.weights, args.vocab, args.config, args.max_length)
    report = _describe(findings)
    if args.inspect:
        _print(report, as_json=args.json)
        return 0
    output = args.output or Path(f"{findings.sidecars.config.name}.tflite")
    check_output(output, force=args.force)
    size, parity = convert(
        findings,
        output,
        quantization=args.quantize or "float32",
        force=args.force,
        before_writing=common.stop_if_interrupted,  # TensorFlow swallows some of them
    )
    report |= {"output": str(output), "bytes": size} | _describe_parity(parity)
    _print(report, as_json=args.json)
    return 0


def _describe(findings: Findings) -> dict[str, Any]:
    config, vocabulary = findings.sidecars.config, findings.vocabulary
    return {
        "weights": str(findings.checkpoint.path),
        "layout": findings.checkpoint.layout,
        "architecture": asdict(config)
        | {"classes": vocabulary.classes, "single_text": vocabulary.single_text},
        "notes": list(findings.sidecars.notes),
    }


def _describe_parity(parity: Parity) -> dict[str, Any]:
    return {
        "deviation": parity.deviations,
        "tolerance": parity.tolerance,
        "sensitive": parity.sensitive,
        "not_tried": parity.missing,
        "sample": parity.sample,
        "divergence": asdict(parity.divergence) if parity.divergence else None,
    }


def _print(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        import json

        common.emit(json.dumps(report, ensure_ascii=False) + "\n")
        return
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
    if "output" in report:
        if report["divergence"]:
            far = report["divergence"]
            lines.append(
                f"int8      KL divergence from float32 {far['kl_mean']:.1e} on average, "
                f"{far['kl_max']:.1e} at most; the same likeliest token in "
                f"{far['argmax_agreement']:.0%} of windows"
            )
        exact = ", ".join(f"{name} {value:.1e}" for name, value in report["deviation"].items())
        allowed = "" if report["divergence"] else f" (allowed {report['tolerance']:.1e})"
        lines.append(f"parity    largest |Δp| {exact}{allowed}")
        if report["sensitive"]:
            lines.append(
                "          this network amplifies rounding: float32 alone moves it that far, "
                "so its texts may differ from textgenrnn's"
            )
        if report["not_tried"]:
            lines.append(f"          not tried on TFLite: {report['not_tried']}")
        lines.append(f"says      {report['sample']}")
        lines.append(f"wrote     {report['output']}, {report['bytes'] / 1e6:.1f} MB")
    common.emit("\n".join(lines) + "\n")
