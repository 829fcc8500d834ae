"""Defaults and bounds of speech, apart from `config`, which a warm one-off need not import."""

MAX_SENTENCE = 300
"""Characters after which a text without stops is cut anyway."""

SENTENCE_TIME = 60.0
"""Seconds of synthesis after which a sentence is given up."""

SENTENCE_SILENCE = 0.2
"""Seconds of silence after each sentence."""

COMMAND_RATE = 22_050
"""Samples per second of the raw sound of the "command" engine."""

MIN_FACTOR, MAX_FACTOR = 0.1, 10.0
"""Bounds of rate, pitch and volume."""

LOUDNESS = -21.0
"""LUFS of every sentence: about what the engines have on the average, so that no voice's peaks need
to be turned down much."""

MIN_LOUDNESS, MAX_LOUDNESS = -40.0, 0.0
"""Bounds of the loudness; 0 leaves each sentence as its engine made it."""

MAX_SECONDS = 86_400.0
"""Upper bound on any time."""

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 4_000, 192_000
"""Bounds of samples per second."""
