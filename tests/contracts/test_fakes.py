"""The fakes pass the contracts of what they stand for."""

import pytest

from gitopsd.ports.cluster import Cluster
from gitopsd.ports.store import Store
from gitopsd.testing.builders import a_namespace
from gitopsd.testing.cluster import FakeCluster
from gitopsd.testing.store import FakeStore
from tests.contracts.cluster_contract import ClusterContract
from tests.contracts.cluster_writes_contract import WritesContract
from tests.contracts.store_contract import StoreContract
from tests.contracts.strays_contract import StraysContract


class TestFakeCluster(ClusterContract, StraysContract, WritesContract):
    """A cluster of its own for each test."""

    @pytest.fixture
    def namespace(self) -> str:
        return "team"

    @pytest.fixture
    def cluster(self, namespace: str) -> Cluster:
        cluster = FakeCluster()
        cluster.plant(a_namespace(namespace))
        return cluster


class TestFakeStore(StoreContract):
    """An empty store for each test."""

    @pytest.fixture
    def store(self) -> Store:
        return FakeStore()
