"""Train a textgenrnn network on texts, into the three files that textgenrnn writes (desktop).

from train import ModelSettings, TrainSettings, train
train(texts, "colab", ModelSettings(rnn_size=64), TrainSettings(num_epochs=10))
"""

from train.settings import ModelSettings, TrainSettings
from train.training import Epoch, train

__all__ = ["Epoch", "ModelSettings", "TrainSettings", "train"]
