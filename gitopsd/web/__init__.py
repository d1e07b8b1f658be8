"""FastAPI: what people, probes and Prometheus ask over HTTP."""

from gitopsd.web.app import create_app
from gitopsd.web.permission import Door
from gitopsd.web.reconciliations import Reconciliations
from gitopsd.web.serve import Listening, TcpAddress, UnixSocket, serve
from gitopsd.web.services import Services

__all__ = [
    "Door",
    "Listening",
    "Reconciliations",
    "Services",
    "TcpAddress",
    "UnixSocket",
    "create_app",
    "serve",
]
