"""Which clusters applications may name as their destination."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

# Argo CD's own name and URL of the cluster that it runs in.
IN_CLUSTER_NAME = "in-cluster"
IN_CLUSTER_SERVER = "https://kubernetes.default.svc"


@dataclass(frozen=True, slots=True)
class KnownClusters:
    """Names and server URLs. `complete` is false when some entry could not be read: then nothing is called unknown."""

    names: tuple[str, ...]
    servers: tuple[str, ...]
    complete: bool = True

    def has_name(self, name: str) -> bool:
        """Whether `destination.name` names one."""
        return not self.complete or name in self.names

    def has_server(self, server: str) -> bool:
        """Whether `destination.server` is one's URL, whatever its letters' case, default port or last slash.

        A cluster called in-cluster stands for Argo CD's own, however it is reached from here.
        """
        servers = (*self.servers, IN_CLUSTER_SERVER) if IN_CLUSTER_NAME in self.names else self.servers
        return not self.complete or comparable(server) in {comparable(known) for known in servers}

    def means_in_cluster(self, server: str) -> bool:
        """Whether `server` is the URL by which Argo CD means the cluster that it runs in."""
        return comparable(server) == comparable(IN_CLUSTER_SERVER)


def comparable(server: str) -> tuple[str, str, int | None, str]:
    """What is equal for two URLs of one API server, whatever their letters' case, default port or last slash."""
    try:
        parts = urlsplit(server)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
        return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")
    except ValueError:
        return "", server, None, ""
