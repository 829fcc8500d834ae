"""textgenrnn's interactive mode: a token at a time, chosen by number."""

from __future__ import annotations

import sys

from pi_runtime.cli import common
from pi_runtime.generation.generator import TextGenerator
from pi_runtime.generation.interactive import Composer
from pi_runtime.model.vocabulary import START

CONTROLS = "a number: that one   o: words of your own   x: take one back   s: stop"


def compose(generator: TextGenerator, prefix: str | None, count: int) -> str:
    """Ask at the terminal for one token after the other; return the text.

    Questions go to stderr, so that stdout gets the text alone. The end of stdin stops too.
    """
    composer = Composer(generator, prefix)
    common.say(CONTROLS)
    while True:
        options = composer.options(count)
        common.say(f"\n{composer.text}▁")
        listed = (f"{number} {_shown(token)}" for number, token in enumerate(options, 1))
        common.say("   ".join(listed))
        line = sys.stdin.readline()
        choice = line.strip()
        if not line or choice == "s":
            return composer.text
        if choice == "x":
            composer.back()
        elif choice == "o":
            composer.write(sys.stdin.readline().rstrip("\n"))
        elif choice.isascii() and choice.isdigit() and 0 < int(choice) <= len(options):
            token = options[int(choice) - 1]
            if token == START:
                return composer.text
            composer.add(token)
        else:
            common.say(CONTROLS)


def _shown(token: str) -> str:
    """Return a token as it can be told apart on a line."""
    if token == START:
        return "(end)"
    return token if token.strip() and token.isprintable() else repr(token)
