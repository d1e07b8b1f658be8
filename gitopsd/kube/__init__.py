"""Kubernetes clusters behind one door: connect, discover, watch, apply, delete."""
