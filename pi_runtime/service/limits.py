"""How much a request may ask for."""

LINE_BYTES = 65_536
"""The longest request."""

LETTERS = 10_000
"""The longest text to be said, and the longest prefix."""

TEXTS = 100
"""The most texts a request."""

TOKENS = 100_000
"""The most tokens a request, over all its texts."""
