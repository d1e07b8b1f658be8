"""Clusters: which there are, whether they answer, and what is watched there."""

from __future__ import annotations

from urllib.parse import unquote

from fastapi import FastAPI
from starlette.responses import Response

from gitopsd.web.answer import answer, encoded
from gitopsd.web.models.cluster import Cluster, ClusterDetails, Clusters
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.permission import Permission
from gitopsd.web.problem import Problem
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services


def add_cluster_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/clusters."""
    routes = Registrar(app, "clusters", "/api/v1/clusters")

    @routes.get("", Permission.LOCAL, model=Clusters)
    async def list_clusters() -> Response:
        """Every cluster, with the state of its connection."""
        return answer(encoded(Clusters(items=tuple(Cluster.of(status) for status in services.clusters()))))

    @routes.get("/{name}", Permission.LOCAL, model=ClusterDetails, others={404: ErrorAnswer})
    async def get_cluster(name: str) -> Response:
        """One cluster, by name or URL, with the kinds that are watched there and how many objects of them there are.

        A slash in the name is `%252F`: encoded twice, for the first round is undone before the path is taken apart.
        """
        statuses = services.clusters()
        asked = {name, unquote(name)}
        for status in statuses:
            if asked & {status.name, status.server}:
                return answer(encoded(ClusterDetails.of(status)))
        known = ", ".join(sorted(status.name for status in statuses)) or "none"
        raise Problem.not_found(f"no cluster is named {name!r}", hint=f"one of {known}")
