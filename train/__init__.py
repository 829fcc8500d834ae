"""Train a textgenrnn network on texts, into the three files that textgenrnn writes (desktop side).

from train import ModelSettings, TrainSettings, train

train(texts, "colab", ModelSettings(rnn_size=64), TrainSettings(num_epochs=10))
"""

from train.errors import TextError, TrainingError
from train.run import Epoch
from train.settings import ModelSettings, TrainSettings
from train.training import Start, train

__all__ = [
    "Epoch",
    "ModelSettings",
    "Start",
    "TextError",
    "TrainSettings",
    "TrainingError",
    "train",
]
