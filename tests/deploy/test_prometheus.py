"""A real Prometheus scrapes a running daemon: its rules load, and every query of the dashboards has an answer."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import httpx
import pytest
import yaml

from gitopsd.metrics.gathered import Rows
from gitopsd.metrics.metric import Metric
from tests.cluster_fixture import api_server
from tests.deploy.promtool import PROMETHEUS, RULES, promtool
from tests.e2e.conditions import healthy, says, synced
from tests.e2e.conftest import cluster, user, world
from tests.e2e.manifests import config_map
from tests.e2e.world import Running, World
from tools.dashboards import DASHBOARDS
from tools.panels import Query

__all__ = ["api_server", "cluster", "user", "world"]

_DEADLINE: Final = 60.0
_TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
_ADDRESS: Final = re.compile(r"Listening on.*?address=(127\.0\.0\.1:\d+)")
_EVERY: Final = "200ms"


class Scraped:
    """A Prometheus at work on one daemon. Each scrape that begins says that what the one before it saw is stored."""

    def __init__(self, running: Running) -> None:
        self._begun = anyio.Event()
        running.daemon.recorder.exposition.gather((), self._heard)
        self.client = httpx.AsyncClient(trust_env=False, timeout=20.0)

    def _heard(self) -> Mapping[Metric, Rows]:
        self._begun.set()
        self._begun = anyio.Event()
        return {}

    async def get(self, path: str, **params: str) -> Any:
        """The data of an answer of Prometheus' API."""
        answer = await self.client.get(f"/api/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def result(self, query: str) -> list[dict[str, Any]]:
        """What a query gives now."""
        found: list[dict[str, Any]] = (await self.get("query", query=query))["result"]
        return found

    async def until_all(self, queries: Iterator[str]) -> None:
        """Ask again after each scrape until all of these have a result."""
        missing = list(dict.fromkeys(queries))
        with anyio.move_on_after(_DEADLINE):
            while missing:
                await self._begun.wait()
                missing = [query for query in missing if not await self.result(query)]
        assert missing == []


@asynccontextmanager
async def prometheus(running: Running, folder: Path) -> AsyncIterator[Scraped]:
    """Prometheus on loopback, with our example and rules, in a hurry."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus: install the package `prometheus`")
    config = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": _EVERY, "scrape_timeout": _EVERY, "evaluation_interval": _EVERY}
    config["rule_files"] = [str(path) for path in RULES]
    address = running.daemon.address
    assert address is not None
    (job,) = config["scrape_configs"]
    job.update(scrape_interval=_EVERY, static_configs=[{"targets": [f"{address.host}:{address.port}"]}])
    written = folder / "prometheus.yaml"
    written.write_text(yaml.safe_dump(config), encoding="utf-8")
    scraped = Scraped(running)
    process = await anyio.open_process(
        [
            program,
            f"--config.file={written}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            "--web.listen-address=127.0.0.1:0",
            "--enable-feature=exemplar-storage",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        async with scraped.client, anyio.create_task_group() as tasks:
            scraped.client.base_url = httpx.URL(await tasks.start(_address_in_log, process))
            yield scraped
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            process.kill()
            await process.aclose()


async def _address_in_log(process: anyio.abc.Process, *, task_status: anyio.abc.TaskStatus[str]) -> None:
    assert process.stderr is not None
    log = ""
    told = False
    async for chunk in process.stderr:
        log = (log + chunk.decode(errors="replace"))[-20_000:]
        if not told and (found := _ADDRESS.search(log)):
            told = True
            task_status.started(f"http://{found[1]}")
    assert told, log


@asynccontextmanager
async def at_work(world: World) -> AsyncIterator[Running]:
    """A daemon with an application that synced twice, and one whose folder is not there."""
    world.commit({"shop/one.yaml": config_map("one")})
    world.application("shop", prune=True)
    world.application("lost", path="nowhere")
    async with world.daemon() as running:
        running.daemon.recorder.exemplar = lambda: _TRACE
        await running.until("shop", synced, healthy)
        await running.until("lost", says("ComparisonError"))
        await running.live("shop", world.commit({"shop/two.yaml": config_map("two")}))
        yield running


def asked(query: Query, world: World) -> str:
    """The query as Grafana would send it."""
    values = {
        "job": "gitopsd",
        "name": world.full("shop"),
        "server": world.cluster.server,
        "repo": str(world.repo.path),
        "__rate_interval": "30s",
    }
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], query.expr)


def queries(world: World, *, optional: bool) -> Iterator[str]:
    for dashboard in DASHBOARDS.values():
        for _, panels in dashboard.rows:
            for panel in panels:
                yield from (asked(query, world) for query in panel.queries if query.optional == optional)


async def test_every_query_of_the_dashboards_has_an_answer(world: World, tmp_path: Path) -> None:
    async with at_work(world) as running, prometheus(running, tmp_path) as scraped:
        await scraped.until_all(queries(world, optional=False))
        for query in queries(world, optional=True):
            await scraped.result(query)  # there need not be any, but Prometheus understands it
        for dashboard in DASHBOARDS.values():
            for variable in dashboard.variables.values():
                selector = variable.removeprefix("label_values(").rpartition(",")[0]
                assert await scraped.result(asked(Query(selector), world))


async def test_rules_are_evaluated_and_an_application_in_trouble_is_about_to_alert(
    world: World, tmp_path: Path
) -> None:
    async with at_work(world) as running, prometheus(running, tmp_path) as scraped:
        await scraped.until_all(
            iter(
                [
                    f'ALERTS{{alertname="GitopsdApplicationUnknown", name="{world.full("lost")}"}}',
                    "job:gitopsd_app_info:count",
                    "job:gitopsd_app_reconcile_seconds:p99_5m",
                ]
            )
        )
        groups = (await scraped.get("rules"))["groups"]
        assert {
            rule["name"]: rule["lastError"] for group in groups for rule in group["rules"] if "lastError" in rule
        } == {}
        assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
        pending = {alert["labels"]["alertname"] for alert in (await scraped.get("alerts"))["alerts"]}
        assert pending == {"GitopsdApplicationUnknown"}


async def test_a_trace_is_found_from_the_reconciliation_that_it_tells_of(world: World, tmp_path: Path) -> None:
    async with at_work(world) as running, prometheus(running, tmp_path) as scraped:
        await running.refresh("shop")
        name = "gitopsd_app_reconcile_seconds_bucket"
        await scraped.until_all(iter([name]))
        found = await scraped.get("query_exemplars", query=name, start="0", end="9999999999")
        assert {item["labels"]["trace_id"] for series in found for item in series["exemplars"]} == {_TRACE}


async def test_prometheus_finds_nothing_to_complain_of_in_a_scrape(world: World) -> None:
    async with at_work(world) as running:
        text = await running.metrics()
    checked = await anyio.to_thread.run_sync(lambda: promtool("check", "metrics", given=text))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


async def test_a_running_daemon_has_argo_cd_s_metrics_with_what_is_asked_of_its_rooms(world: World) -> None:
    world.config["server"] |= {
        "metricsPrefix": "argocd",
        "metricsApplicationLabels": ["team"],
        "metricsClusterLabels": ["environment"],
    }
    world.config["clusters"][0]["labels"] = {"environment": "test"}
    world.config["projects"] = [
        {
            "name": "watched",
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
            "orphanedResources": {"warn": False},
        }
    ]
    world.commit({"shop/one.yaml": config_map("one")})
    world.application("shop", project="watched", labels={"team": "web"})
    async with world.daemon() as running:
        await running.until("shop", synced, healthy)
        stray = {"metadata": {"name": "stray", "namespace": world.full("shop")}}
        await world.cluster.do("POST", world.cluster.path(world.full("shop"), "configmaps"), stray)

        def counted() -> bool:
            return list(running.daemon.supervisor.orphan_counts().values()) == [1]

        await running.until_true(counted)
        text = await running.metrics()
    name, server = world.full("shop"), world.cluster.server
    (repo,) = set(re.findall(r'argocd_app_info\{.*?repo="([^"]*)"', text))
    for line in (
        f'argocd_app_orphaned_resources_count{{name="{name}",namespace="argocd",project="watched"}} 1.0',
        f'argocd_app_labels{{label_team="web",name="{name}",namespace="argocd",project="watched"}} 1.0',
        f'argocd_cluster_labels{{label_environment="test",name="local",server="{server}"}} 1.0',
        f'argocd_cluster_cache_age_seconds{{server="{server}"}} 0.0',
        f'argocd_repo_pending_request_total{{repo="{repo}"}} 0.0',
        "argocd_reconcile_queue_depth 0.0",
    ):
        assert line in text, line
    for begin in (
        f'argocd_cluster_api_resources{{server="{server}"}} ',
        f'argocd_cluster_api_resource_objects{{server="{server}"}} ',
        f'argocd_cluster_events_total{{group="",kind="ConfigMap",server="{server}"}} ',
        f'argocd_resource_events_processing_count{{server="{server}"}} ',
        "argocd_repo_parallelism_wait_duration_seconds_count",
    ):
        (value,) = [line.removeprefix(begin) for line in text.splitlines() if line.startswith(begin)]
        assert float(value) > 0, begin
