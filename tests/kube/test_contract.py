"""The real cluster passes the contract of clusters."""

from tests.contracts.cluster_contract import ClusterContract


class TestKubeCluster(ClusterContract):
    """The suite on a real API server, in a namespace of its own each."""
