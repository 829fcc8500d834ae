"""textgenrnn's defaults. Apart from `params`, so that a warm one-off need not import that."""

SCHEDULE = (1.0, 0.5, 0.2, 0.2)
"""Temperatures, cycled token by token."""

MAX_GEN_LENGTH = 300
"""Tokens after which a text ends."""

SYNTHESIS_SCHEDULE = (0.5, 0.2, 0.2)
"""The temperatures of texts that several models write together."""

STOP_TOKENS = (" ", "\n")
"""The tokens behind which another model goes on."""
