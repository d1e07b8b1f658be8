"""Jobs and CronJobs."""

from __future__ import annotations

from datetime import datetime

from gitopsd.core.health.condition import conditions_of, find_true
from gitopsd.core.health.fields import Fields
from gitopsd.core.health.status import Health, degraded, healthy, progressing, suspended


def job(live: Fields) -> Health:
    """Condition Failed: Degraded. Suspended: Suspended. Complete: Healthy. Else Progressing.

    See https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions.
    """
    conditions = conditions_of(live)
    failed = find_true(conditions, "Failed")
    if failed is not None:
        return degraded(failed.said or "The job failed")
    paused = find_true(conditions, "Suspended")
    if paused is not None:
        return suspended(paused.said or "The job is suspended")
    complete = find_true(conditions, "Complete")
    if complete is not None:
        return healthy(complete.message)
    return progressing(_progress_message(live))


def cron_job(live: Fields) -> Health:
    """Degraded only where the last run is over and did not succeed; suspended, running or never run is Healthy.

    A suspended CronJob would otherwise suspend its application, and a running one would make it Progressing on every
    run (Argo CD 3.2 took both back).
    """
    if live.boolean("spec", "suspend"):
        return healthy("Suspended")
    if not live.present("status"):
        return progressing("Waiting for the controller to see it")
    status = live.under("status")
    scheduled = status.time("lastScheduleTime")
    if scheduled is None:
        return healthy("Not scheduled yet")
    running = len(status.each("active"))
    if running:
        return healthy(f"Active runs: {running}")
    return _last_run_health(scheduled, status)


def _last_run_health(scheduled: datetime, status: Fields) -> Health:
    """The health of a CronJob none of whose runs is active."""
    succeeded = status.time("lastSuccessfulTime")
    if succeeded is None:
        return healthy("No run has succeeded yet; the last one may have failed")
    if succeeded < scheduled:
        return degraded(
            f"The last run, of {status.text('lastScheduleTime')}, did not succeed; "
            f"the last success was at {status.text('lastSuccessfulTime')}"
        )
    return healthy(f"The last run succeeded at {status.text('lastSuccessfulTime')}")


def _progress_message(live: Fields) -> str:
    status = live.under("status")
    active, succeeded, failed = status.integer("active"), status.integer("succeeded"), status.integer("failed")
    wanted = live.optional_integer("spec", "completions")
    done = f"{succeeded} of {wanted}" if wanted is not None else f"{succeeded}"
    failures = f", failed: {failed}" if failed else ""
    return f"Waiting for the job's pods: active: {active}, succeeded: {done}{failures}"
