"""The progress of a training: a bar on the terminal and the learning curve as an image."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import keras
from tqdm import tqdm

from pi_runtime.files import replacing
from train.run import Epoch


class Bar(keras.callbacks.Callback):  # type: ignore[misc]
    """A progress bar per epoch: loss, validation loss, time left."""

    def __init__(self, num_epochs: int) -> None:
        super().__init__()
        self._num_epochs = num_epochs
        self._bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Open the bar."""
        self._bar = tqdm(
            total=self.params["steps"], desc=f"epoch {epoch + 1}/{self._num_epochs}", unit="batch"
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advance the bar by a batch."""
        self._bar.set_postfix_str(f"loss {(logs or {}).get('loss', 0):.3f}", refresh=False)
        self._bar.update()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Show the losses of the epoch and close the bar."""
        losses = {name: value for name, value in (logs or {}).items() if "loss" in name}
        self._bar.set_postfix_str(", ".join(f"{name} {loss:.3f}" for name, loss in losses.items()))
        self._bar.close()


def draw_curve(path: Path, epoch: Epoch) -> None:
    """Draw the learning curve up to an epoch as a PNG.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="epoch", ylabel="loss, nats per token")
    axes.plot(range(1, len(epoch.losses) + 1), epoch.losses, marker=".", label="training")
    if epoch.val_losses:
        axes.plot(
            range(1, len(epoch.val_losses) + 1), epoch.val_losses, marker=".", label="validation"
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    content = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(content, format="png")
    with replacing(path) as file:
        file.write(content.getvalue())
