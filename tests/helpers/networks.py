"""The networks that every backend is held to."""

from __future__ import annotations

from tests.helpers.checkpoints import small_network

LENGTH = 7
"""T of all of them."""

CLASSES = 30
"""V of all of them."""

NETWORKS = {
    "forward": small_network(1, classes=CLASSES, units=16, layers=2),
    "forward-deep": small_network(2, classes=CLASSES, units=8, layers=4),
    "forward-one-unit": small_network(3, classes=CLASSES, embedding=1, units=1, layers=1),
    "both-ways": small_network(4, classes=CLASSES, units=9, layers=2, bidirectional=True),
    "both-ways-deep": small_network(5, classes=CLASSES, units=8, layers=4, bidirectional=True),
    "extreme": small_network(6, classes=CLASSES, units=12, layers=2, scale=8.0),
    "extreme-both-ways": small_network(7, classes=CLASSES, units=6, bidirectional=True, scale=8.0),
}
