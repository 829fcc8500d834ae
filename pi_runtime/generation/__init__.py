"""From probabilities to texts."""
