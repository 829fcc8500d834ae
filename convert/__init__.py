"""Turn a textgenrnn checkpoint into one .tflite file for the Raspberry Pi (desktop side)."""
