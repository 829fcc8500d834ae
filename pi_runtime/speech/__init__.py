"""Text becomes sound: tokens → sentences → sanitised text → PCM → player."""
