"""Faults at every write, kills at every moment: what was there stays whole or is replaced whole."""
