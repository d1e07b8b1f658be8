"""Wires every room by hand: run, reload, readiness, logging."""
