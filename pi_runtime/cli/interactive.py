"""textgenrnn's interactive mode: one token at a time, chosen by number."""

from __future__ import annotations

import sys

from pi_runtime.cli.output import note
from pi_runtime.generation.generator import TextGenerator
from pi_runtime.generation.interactive import InteractiveText
from pi_runtime.model.vocabulary import START

CONTROLS = "a number: that one   o: words of your own   x: take one back   s: stop"


def interact(generator: TextGenerator, prefix: str | None, count: int) -> str:
    """Ask at the terminal for one token after the other; return the text.

    Questions go to stderr, so that stdout gets the text alone. The end of stdin stops too.
    """
    text = InteractiveText(generator, prefix)
    note(CONTROLS)
    while True:
        choices = {str(number): token for number, token in enumerate(text.options(count), 1)}
        note(f"\n{text.text}▁")
        note("   ".join(f"{number} {_shown(token)}" for number, token in choices.items()))
        line = sys.stdin.readline()
        choice = line.strip()
        if not line or choice == "s":
            return text.text
        if choice == "x":
            text.undo()
        elif choice == "o":
            text.write(sys.stdin.readline().rstrip("\n"))
        elif choice in choices:
            if choices[choice] == START:
                return text.text
            text.add(choices[choice])
        else:
            note(CONTROLS)


def _shown(token: str) -> str:
    """Return a token in a form that is visible on a line."""
    if token == START:
        return "(end)"
    return token if token.strip() and token.isprintable() else repr(token)
