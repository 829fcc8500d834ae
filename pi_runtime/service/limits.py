"""How much a stranger on the control socket may ask for."""

LINE_BYTES = 65_536
"""The longest request."""

LETTERS = 10_000
"""The longest text to be spoken, and the longest prefix."""

TEXTS = 100
"""The most texts per request."""

TOKENS = 100_000
"""The most tokens per request, over all its texts."""

TEMPERATURES = 1000
"""The longest temperature schedule."""

MAX_TEMPERATURE = 1e6
"""The highest temperature."""
