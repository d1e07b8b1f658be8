"""The run's API server."""

from tests.cluster_fixture import api_server, namespace

__all__ = ["api_server", "namespace"]
