"""What the Grafana dashboards show: queries, and where they stand. `tools.dashboards` writes them as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL and how its series are called (`{{label}}`). `optional`: there may be nothing to show, all being well."""

    expr: str
    legend: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `width` of 24, `kind` as Grafana calls it. `bad`: any value above 0 is red; `hidden` are
    columns of a table.
    """

    title: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 12
    height: int = 8
    help: str = ""
    bad: bool = False
    hidden: tuple[str, ...] = ("Time", "Value", "__name__")


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard: variables by name (their query) and panels in rows."""

    uid: str
    title: str
    variables: Mapping[str, str]
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]


_JOB: Final = {"job": "label_values(gitopsd_build_info, job)"}


def _stat(title: str, expr: str, *, bad: bool = False, unit: str = "short", optional: bool = False) -> Panel:
    return Panel(title, (Query(expr, optional=optional),), "stat", unit, 4, 4, bad=bad)


def _quantiles(name: str, by: str = "", where: str = "", legend: str = "") -> tuple[Query, ...]:
    group = f"{by}, le" if by else "le"
    more = f", {where}" if where else ""
    return tuple(
        Query(
            f"histogram_quantile({quantile}, sum by ({group}) "
            f'(rate({name}_bucket{{job=~"$job"{more}}}[$__rate_interval])))',
            f"{legend} {shown}".strip(),
        )
        for quantile, shown in ((0.5, "median"), (0.99, "99%"))
    )


OVERVIEW: Final = Dashboard(
    "gitopsd-overview",
    "gitopsd / Overview",
    _JOB,
    (
        (
            "Now",
            (
                _stat("Applications", 'count(gitopsd_app_info{job=~"$job"})'),
                _stat(
                    "Not Synced",
                    'count(gitopsd_app_info{job=~"$job", sync_status!="Synced"}) or vector(0)',
                    bad=True,
                ),
                _stat(
                    "Not Healthy",
                    'count(gitopsd_app_info{job=~"$job", health_status!="Healthy"}) or vector(0)',
                    bad=True,
                ),
                _stat("Syncs under way", 'sum(gitopsd_operations{job=~"$job"})'),
                _stat("Clusters that do not answer", 'sum(gitopsd_cluster_up{job=~"$job"} == bool 0)', bad=True),
                _stat(
                    "Configuration not loaded",
                    'sum(gitopsd_config_last_reload_successful{job=~"$job"} == bool 0)',
                    bad=True,
                ),
            ),
        ),
        (
            "Applications",
            (
                Panel(
                    "Sync status",
                    (Query('count by (sync_status) (gitopsd_app_info{job=~"$job"})', "{{sync_status}}"),),
                ),
                Panel(
                    "Health", (Query('count by (health_status) (gitopsd_app_info{job=~"$job"})', "{{health_status}}"),)
                ),
                Panel(
                    "Syncs that ended",
                    (
                        Query(
                            'sum by (phase) (increase(gitopsd_app_sync_total{job=~"$job"}[$__rate_interval]))',
                            "{{phase}}",
                        ),
                    ),
                ),
                Panel(
                    "Conditions",
                    (Query('sum by (condition) (gitopsd_app_condition{job=~"$job"})', "{{condition}}", optional=True),),
                    help="What is wrong with applications, by its type.",
                ),
                Panel(
                    "Applications that need somebody",
                    (
                        Query(
                            'gitopsd_app_info{job=~"$job", sync_status!="Synced"} '
                            'or gitopsd_app_info{job=~"$job", health_status=~"Degraded|Missing|Unknown"}',
                            optional=True,
                        ),
                    ),
                    "table",
                    width=24,
                ),
            ),
        ),
        (
            "Clusters and repositories",
            (
                Panel(
                    "Clusters",
                    (Query('gitopsd_cluster_up{job=~"$job"}', "{{name}}"),),
                    "table",
                    hidden=("Time", "__name__"),
                ),
                Panel("Objects", (Query('gitopsd_cluster_objects{job=~"$job"}', "{{name}}"),)),
                Panel(
                    "Kinds that cannot be watched",
                    (Query('gitopsd_cluster_kinds_failing{job=~"$job"}', "{{name}}"),),
                    help="A permission is missing, an aggregated API is down, or a conversion webhook fails.",
                ),
                Panel(
                    "Requests to repositories that failed",
                    (
                        Query(
                            'sum by (repo) (increase(gitopsd_git_lsremote_fail_total{job=~"$job"}[$__rate_interval]))',
                            "{{repo}} look-up",
                            optional=True,
                        ),
                        Query(
                            'sum by (repo) (increase(gitopsd_git_fetch_fail_total{job=~"$job"}[$__rate_interval]))',
                            "{{repo}} fetch",
                            optional=True,
                        ),
                        Query(
                            "sum by (repo) "
                            '(increase(gitopsd_artifact_lookup_fail_total{job=~"$job"}[$__rate_interval]))',
                            "{{repo}} look-up",
                            optional=True,
                        ),
                        Query(
                            'sum by (repo) (increase(gitopsd_artifact_pull_fail_total{job=~"$job"}[$__rate_interval]))',
                            "{{repo}} download",
                            optional=True,
                        ),
                    ),
                ),
            ),
        ),
        (
            "What waits",
            (
                Panel("Syncs", (Query('sum by (state) (gitopsd_operations{job=~"$job"})', "{{state}}"),), width=8),
                Panel("Deletions", (Query('sum by (phase) (gitopsd_deletions{job=~"$job"})', "{{phase}}"),), width=8),
                Panel(
                    "Circuit breakers that are open",
                    (Query('gitopsd_circuit_breaker_open{job=~"$job"}', "{{cluster}}", optional=True),),
                    width=8,
                ),
            ),
        ),
    ),
)

_NAMED: Final = 'job=~"$job", name="$name"'
APPLICATION: Final = Dashboard(
    "gitopsd-application",
    "gitopsd / One application",
    {
        **_JOB,
        "name": 'label_values(gitopsd_app_info{job=~"$job"}, name)',
        "server": 'label_values(gitopsd_app_info{job=~"$job", name="$name"}, dest_server)',
        "repo": 'label_values(gitopsd_app_info{job=~"$job", name="$name"}, repo)',
    },
    (
        (
            "The application",
            (
                Panel("What it is", (Query(f"gitopsd_app_info{{{_NAMED}}}"),), "table", width=24, height=5),
                Panel(
                    "Sync status",
                    (Query(f"count by (sync_status) (gitopsd_app_info{{{_NAMED}}})", "{{sync_status}}"),),
                    "state-timeline",
                ),
                Panel(
                    "Health",
                    (Query(f"count by (health_status) (gitopsd_app_info{{{_NAMED}}})", "{{health_status}}"),),
                    "state-timeline",
                ),
                Panel(
                    "Conditions",
                    (Query(f"gitopsd_app_condition{{{_NAMED}}}", "{{condition}}", optional=True),),
                ),
                Panel(
                    "Orphaned resources",
                    (Query(f"gitopsd_app_orphaned_resources{{{_NAMED}}}", "orphans", optional=True),),
                    help="Only where the project has `orphanedResources`.",
                ),
            ),
        ),
        (
            "Its syncs",
            (
                Panel(
                    "Syncs that ended",
                    (
                        Query(
                            f"sum by (phase) (increase(gitopsd_app_sync_total{{{_NAMED}}}[$__rate_interval]))",
                            "{{phase}}",
                        ),
                    ),
                ),
                Panel(
                    "How long a sync took on average",
                    (
                        Query(
                            f"sum(gitopsd_app_sync_duration_seconds_total{{{_NAMED}}}) "
                            f"/ sum(gitopsd_app_sync_total{{{_NAMED}}})",
                            "since gitopsd's start",
                        ),
                    ),
                    unit="s",
                ),
            ),
        ),
        (
            "Where it lives",
            (
                Panel(
                    "Reconciliations on its cluster",
                    _quantiles("gitopsd_app_reconcile_seconds", where='dest_server="$server"'),
                    unit="s",
                ),
                Panel(
                    "Requests to its API server",
                    (
                        Query(
                            "sum by (code) (rate(gitopsd_kube_request_total"
                            '{job=~"$job", server="$server"}[$__rate_interval]))',
                            "{{code}}",
                        ),
                    ),
                    unit="reqps",
                ),
                Panel(
                    "Requests to its repository",
                    (
                        Query(
                            "sum by (request_type) (increase(gitopsd_git_request_total"
                            '{job=~"$job", repo="$repo"}[$__rate_interval]))',
                            "{{request_type}}",
                            optional=True,
                        ),
                        Query(
                            "sum by (request_type) (increase(gitopsd_artifact_request_total"
                            '{job=~"$job", repo=~"$repo.*"}[$__rate_interval]))',
                            "{{request_type}}",
                            optional=True,
                        ),
                    ),
                ),
                Panel(
                    "Its cluster answers",
                    (Query('gitopsd_cluster_up{job=~"$job", server="$server"}', "{{name}}"),),
                    "state-timeline",
                ),
            ),
        ),
    ),
)

PERFORMANCE: Final = Dashboard(
    "gitopsd-performance",
    "gitopsd / Performance",
    _JOB,
    (
        (
            "Reconciliations",
            (
                Panel("How long they take", _quantiles("gitopsd_app_reconcile_seconds"), unit="s"),
                Panel(
                    "How many",
                    (
                        Query(
                            "sum by (dest_server) "
                            '(rate(gitopsd_app_reconcile_seconds_count{job=~"$job"}[$__rate_interval]))',
                            "{{dest_server}}",
                        ),
                        Query(
                            "sum by (dest_server) "
                            '(rate(gitopsd_app_reconcile_failed_total{job=~"$job"}[$__rate_interval]))',
                            "{{dest_server}} failed",
                            optional=True,
                        ),
                    ),
                    unit="ops",
                ),
                Panel(
                    "Queue",
                    (
                        Query('sum(gitopsd_reconcile_queue_depth{job=~"$job"})', "waiting"),
                        Query('sum(gitopsd_reconcile_under_way{job=~"$job"})', "under way"),
                    ),
                ),
                Panel("How long syncs take", _quantiles("gitopsd_operation_seconds"), unit="s"),
            ),
        ),
        (
            "The process",
            (
                Panel(
                    "CPU",
                    (Query('rate(process_cpu_seconds_total{job=~"$job"}[$__rate_interval])', "{{instance}}"),),
                    unit="percentunit",
                    width=8,
                    help="Of the daemon itself; render workers and fetches are processes of their own.",
                ),
                Panel(
                    "Memory",
                    (Query('process_resident_memory_bytes{job=~"$job"}', "{{instance}}"),),
                    unit="bytes",
                    width=8,
                ),
                Panel(
                    "Open files",
                    (Query('process_open_fds{job=~"$job"} / process_max_fds{job=~"$job"}', "{{instance}}"),),
                    unit="percentunit",
                    width=8,
                ),
                Panel(
                    "How late the loop is",
                    _quantiles("gitopsd_loop_lag_seconds"),
                    unit="s",
                    width=8,
                    help="More than 20 ms: something holds up everything else.",
                ),
                Panel(
                    "Room on disk",
                    (Query('gitopsd_disk_free_bytes{job=~"$job"}', "{{folder}}"),),
                    unit="bytes",
                    width=8,
                ),
                Panel("State", (Query('gitopsd_state_bytes{job=~"$job"}', "{{instance}}"),), unit="bytes", width=8),
            ),
        ),
        (
            "API servers",
            (
                Panel(
                    "Requests",
                    (
                        Query(
                            'sum by (verb) (rate(gitopsd_kube_request_total{job=~"$job"}[$__rate_interval]))',
                            "{{verb}}",
                        ),
                    ),
                    unit="reqps",
                ),
                Panel(
                    "How long they take",
                    _quantiles("gitopsd_kube_request_seconds", "verb", legend="{{verb}}"),
                    unit="s",
                ),
                Panel(
                    "How long they wait for their turn",
                    _quantiles("gitopsd_kube_wait_seconds", "server", legend="{{server}}"),
                    unit="s",
                    help="inFlight, qps and burst of the cluster's entry.",
                ),
                Panel(
                    "Refused and failed",
                    (
                        Query(
                            "sum by (server, code) (rate(gitopsd_kube_request_total"
                            '{job=~"$job", code!~"2.."}[$__rate_interval]))',
                            "{{server}} {{code}}",
                            optional=True,
                        ),
                    ),
                    unit="reqps",
                ),
                Panel(
                    "Changes that watches tell",
                    (
                        Query(
                            'sum by (name) (rate(gitopsd_cluster_events_total{job=~"$job"}[$__rate_interval]))',
                            "{{name}}",
                        ),
                    ),
                    unit="ops",
                ),
                Panel(
                    "How long it takes to take them in",
                    _quantiles("gitopsd_watch_batch_seconds", "server", legend="{{server}}"),
                    unit="s",
                ),
                Panel(
                    "Kinds with the most objects in memory",
                    (
                        Query(
                            'topk(10, sum by (name, kind) (gitopsd_cluster_kind_objects_kept{job=~"$job"}))',
                            "{{name}} {{kind}}",
                        ),
                    ),
                ),
                Panel(
                    "Kinds with the most objects in all",
                    (
                        Query(
                            'topk(10, sum by (name, kind) (gitopsd_cluster_kind_objects{job=~"$job"}))',
                            "{{name}} {{kind}}",
                        ),
                    ),
                ),
            ),
        ),
        (
            "Sources and renders",
            (
                Panel(
                    "Requests to git servers",
                    _quantiles("gitopsd_git_request_seconds", "request_type", legend="{{request_type}}"),
                    unit="s",
                ),
                Panel("How long they wait for a worker", _quantiles("gitopsd_git_wait_seconds"), unit="s"),
                Panel(
                    "Renders",
                    (
                        Query(
                            'sum by (renderer, result) (rate(gitopsd_render_total{job=~"$job"}[$__rate_interval]))',
                            "{{renderer}} {{result}}",
                        ),
                    ),
                    unit="ops",
                ),
                Panel(
                    "How long they take",
                    _quantiles("gitopsd_render_seconds", "renderer", legend="{{renderer}}"),
                    unit="s",
                ),
                Panel("How long they wait for the engine", _quantiles("gitopsd_render_wait_seconds"), unit="s"),
                Panel(
                    "Engine restarts",
                    (Query('increase(gitopsd_engine_restart_total{job=~"$job"}[$__rate_interval])', "{{instance}}"),),
                ),
            ),
        ),
    ),
)
