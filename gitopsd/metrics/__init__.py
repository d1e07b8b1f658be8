"""Every metric's name once, and a collector fed by events."""
