"""The service on the Pi: one process that owns the model and the sound card."""
