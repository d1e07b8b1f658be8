"""Kubernetes behind one door: connect, discovery, watch, index of live objects, apply, prune, logs, events."""
