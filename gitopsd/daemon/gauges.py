"""What a scrape asks of the rooms."""

from __future__ import annotations

from pathlib import Path

from gitopsd.config import Config
from gitopsd.control.supervisor import Supervisor
from gitopsd.daemon.rooms import Rooms
from gitopsd.metrics import Recorder
from gitopsd.ports.clock import Clock


def show_gauges(recorder: Recorder, config: Config, rooms: Rooms, supervisor: Supervisor, clock: Clock) -> None:
    """Have `recorder` show, from now on, what is asked for at each scrape. No work is done between two scrapes."""
    recorder.ask_clusters(
        lambda: [cluster.status() for cluster in rooms.clusters.all], clock, config.server.metrics_cluster_labels
    )
    recorder.ask_sources(rooms.sources.git.waiting)
    recorder.ask_queue(supervisor.waiting, supervisor.under_way)
    recorder.ask_orphans(supervisor.orphan_counts)
    recorder.ask_disk(Path(config.state_dir), Path(config.cache_dir))
