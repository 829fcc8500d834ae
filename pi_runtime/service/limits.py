"""How much a stranger on the control socket may ask for."""

LINE_BYTES = 65_536
"""The longest request."""

LETTERS = 10_000
"""The longest text to be spoken, and the longest prefix."""

TEXTS = 100
"""The most texts per request."""

TOKENS = 100_000
"""The most tokens per request, over all its texts."""

MULTIPLICATIONS = 1_200_000_000_000
"""The most work per request: `TOKENS` tokens of textgenrnn's own model, half a minute on a desktop
and some minutes on a Pi 4. A larger network gets fewer tokens."""

SHORT = MULTIPLICATIONS // 100
"""Up to this a request is short, and does not wait for long ones: 1,000 tokens of that model."""

TEMPERATURES = 1000
"""The longest temperature schedule."""

STOPS = 16
"""The most strings at which a text ends."""

STOP_LETTERS = 1000
"""The most letters of all of them."""

WAITING = 128
"""The most connections that have asked for nothing, or take a reply; one more ends another one."""

WORKING = 64
"""The most requests that are worked on or wait for their turn."""

USER_WORKING = 56
"""The most of them that one user may have, so that no one shuts out the others."""

LISTENERS = 16
"""The most connections that listen to events at a time."""

USER_LISTENERS = 8
"""The most of them that one user may have, so that no one shuts out the others."""

MAX_TEMPERATURE = 1e6
"""The highest temperature."""
