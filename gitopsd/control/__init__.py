"""Async orchestration: orders the awaited steps and decides nothing; knows core and ports only."""
