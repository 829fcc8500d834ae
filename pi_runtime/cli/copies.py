"""`--report-copies`: how much of each text is copied from what the model was trained on."""

from __future__ import annotations

from pi_runtime.cli.output import note
from pi_runtime.generation.redrawing import known_ngrams
from pi_runtime.model.ngrams import RUNS, NgramSet


class Copies:
    """Measures texts, and says of all of them at the end what was found."""

    def __init__(self, ngrams: NgramSet | None, run: int) -> None:
        """`run` is the length of a run that counts, in the units of the set; 0: that of `RUNS`.

        Raises:
            UsageError: the model does not know its training text, or no runs so short.
        """
        self._ngrams = known_ngrams(ngrams, run)
        self._run = run or RUNS[self._ngrams.unit]
        self._texts = self._copying = 0

    def of(self, text: str) -> dict[str, float]:
        """Return the fields of a text's record."""
        copied = self._ngrams.copied(text, self._run)
        self._texts += 1
        self._copying += copied > 0
        return {
            "copied": round(copied, 4),
            "longest_run": self._ngrams.longest_run(text),
        }

    def tell(self, index: int, found: dict[str, float]) -> None:
        """Say what was found of a text."""
        note(
            f"text {index}: {found['copied']:.0%} copied, "
            f"the longest run has {found['longest_run']} {self._ngrams.unit}"
        )

    def report(self) -> str:
        """Return what was found of all texts."""
        return (
            f"{self._copying} of {self._texts} texts have a run of {self._run} "
            f"{self._ngrams.unit} from the training text"
        )
