"""The real cluster passes the contract of clusters."""

from tests.contracts.cluster_contract import ClusterContract
from tests.contracts.cluster_writes_contract import WritesContract
from tests.contracts.strays_contract import StraysContract


class TestKubeCluster(ClusterContract, StraysContract, WritesContract):
    """The suite on a real API server, in a namespace of its own each."""
