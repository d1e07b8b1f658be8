"""Wires all rooms by hand and runs them."""
