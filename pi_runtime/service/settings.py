"""How the service is set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pi_runtime.generation.params import SamplingParams
from pi_runtime.service.quiet_hours import QuietHours
from pi_runtime.speech.config import SpeechConfig


@dataclass(frozen=True)
class ServiceSettings:
    """What the command line and the settings file say. A reload makes another one."""

    model: Path
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    params: SamplingParams = field(default_factory=SamplingParams)
    prefix: str | None = None
    seed: int | None = None
    """Of the first text; each further one gets the next. None: each gets a random one."""
    backend: str = "auto"
    threads: int = 1
    interval: tuple[float, float] = (600.0, 600.0)
    """The shortest and the longest silence between two texts, in seconds."""
    on_demand: bool = False
    """Whether it speaks only when asked to."""
    quiet_hours: QuietHours = field(default_factory=QuietHours)
    """When it does not speak by itself."""
    keep_awake: bool = False
    """Whether faint noise is played between texts."""
    device: str = "default"
    """The ALSA device to play to."""
    wait: float = 5.0
    """Seconds to wait for a missing or busy device."""
