"""The progress of a training: a bar on the terminal and the learning curve as an image."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pi_runtime.files import replacing
from train.run import Epoch


class ProgressBars(Sequence[Any]):
    """Keras callbacks for `train`: one that draws a bar per epoch, with the loss and the time left.

    `open_bar` opens a tqdm bar, or returns None for none. The callback is made when it is first
    asked for, since that imports Keras, which takes seconds that errors should not take.
    """

    def __init__(self, num_epochs: int, open_bar: Callable[..., Any]) -> None:
        self._num_epochs, self._open_bar = num_epochs, open_bar

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        return [_callback(self._num_epochs, self._open_bar)][index]


def _callback(num_epochs: int, open_bar: Callable[..., Any]) -> Any:
    import keras

    class Bar(keras.callbacks.Callback):  # type: ignore[misc]
        """A progress bar per epoch: loss, validation loss, time left."""

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            """Open the bar."""
            name = f"epoch {epoch + 1}/{num_epochs}"
            self._bar = open_bar(self.params["steps"], desc=name, unit="batch")

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            """Advance the bar by a batch."""
            if self._bar is not None:
                self._bar.set_postfix_str(f"loss {(logs or {}).get('loss', 0):.3f}", refresh=False)
                self._bar.update()

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            """Show the losses of the epoch and close the bar."""
            if self._bar is not None:
                losses = {name: value for name, value in (logs or {}).items() if "loss" in name}
                shown = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
                self._bar.set_postfix_str(shown)
                self._bar.close()

    return Bar()


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
