"""The service's status, parts of which are known in different places."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class ServiceStatus:
    """See `rnn-speak --status`."""

    model: Path
    loaded: float = field(default_factory=time.time)
    """When the model and the settings were taken, in seconds since 1970."""
    spoken: int = 0
    """Texts."""
    speech_trouble: str = ""
    """Why the service's last text of its own could not be spoken."""
    reload_trouble: str = ""
    """Why the last reload was refused."""

    @property
    def trouble(self) -> str:
        """What is going wrong at present; empty if nothing is."""
        return "; ".join(filter(None, (self.reload_trouble, self.speech_trouble)))
