"""Traces of reconciles: recorded in the event loop, delivered to an OpenTelemetry collector by a thread."""

from __future__ import annotations

from gitopsd.tracing.delivery import Delivered, Delivery
from gitopsd.tracing.recording import Recording

__all__ = ["Delivered", "Delivery", "Recording"]
