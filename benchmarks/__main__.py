"""`make bench`: measure everything in one run, print it, and write `.bench/result.json`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

import anyio
import uvloop

from benchmarks import micro
from benchmarks.engine_memory import memory_figures
from benchmarks.figures import Figure, table
from benchmarks.floors import measure_floors
from benchmarks.measure import Settings, chosen, measure
from benchmarks.monorepo import monorepo_figures
from benchmarks.phases import Phases
from benchmarks.renders import render_figures
from benchmarks.report import HEAD, figures
from benchmarks.scale import scale_figures
from benchmarks.scale_workload import OBJECTS
from benchmarks.syncs import Sizes, syncs_figures
from benchmarks.workload import OBJECTS_PER_APPLICATION, make_workload

_RESULT: Final = Path(__file__).resolve().parent.parent / ".bench" / "result.json"
_QUIET_CORES: Final = 0.1
_RENDERING: Final = {
    "monorepo": ("one repository of 1,000 applications and 20,000 files", monorepo_figures),
    "renders": ("renders against forks of the official programs", render_figures),
    "memory": ("memory of the engine", memory_figures),
}


def main() -> None:
    """Measure as the arguments say. Always exits 0: an aim that is missed is told, not punished."""
    arguments = _arguments()
    phases = Phases()
    loop = {"loop_factory": uvloop.new_event_loop}
    found: list[Figure] = []
    if "daemon" in arguments.tables:
        found += _daemon(arguments, phases)
    for name in [each for each in _RENDERING if each in arguments.tables]:
        title, measure_table = _RENDERING[name]
        phases(title)
        rows = anyio.run(measure_table, backend_options=loop)
        phases.end()
        print(f"\n{title}\n\n{table([HEAD, *(figure.row() for figure in rows)])}")
        found += rows
    if "syncs" in arguments.tables:
        found += _syncs(arguments, phases)
    if "scale" in arguments.tables:
        found += _scale(arguments, phases)
    missed = [figure.name for figure in found if figure.met is False]
    print(f"\nMissed: {'; '.join(missed) or 'nothing'}.")
    print(f"Load average at the end: {os.getloadavg()[0]:.1f}.")
    if phases.others() > _QUIET_CORES:
        print(f"Other programs used {phases.others():.1f} cores meanwhile: times are longer than on a machine at rest.")
    _write(found, arguments, phases)


def _daemon(arguments: argparse.Namespace, phases: Phases) -> list[Figure]:
    settings = Settings(Path(arguments.program), arguments.rounds, arguments.idle)
    loop = {"loop_factory": uvloop.new_event_loop}
    found = anyio.run(_run, arguments.applications, settings, phases, backend_options=loop)
    phases("costs per object")
    small = micro.figures()
    phases.end()
    count = arguments.applications
    objects = f"{count * OBJECTS_PER_APPLICATION:,}"
    print(f"\n{count} applications, {objects} objects, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(table([HEAD, *(figure.row() for figure in found)]))
    print()
    print(table([("Per object", "Time"), *(figure.row()[:2] for figure in small)]))
    return [*found, *small]


def _syncs(arguments: argparse.Namespace, phases: Phases) -> list[Figure]:
    loop = {"loop_factory": uvloop.new_event_loop}
    sizes = Sizes(arguments.sync_apps, arguments.waiting, arguments.rounds, arguments.rest)
    rows = anyio.run(syncs_figures, Path(arguments.program), sizes, phases, backend_options=loop)
    phases.end()
    print(f"\nSyncs\n\n{table([HEAD, *(figure.row() for figure in rows)])}")
    return rows


def _scale(arguments: argparse.Namespace, phases: Phases) -> list[Figure]:
    loop = {"loop_factory": uvloop.new_event_loop}
    program, count = Path(arguments.program), arguments.scale_apps
    rows = anyio.run(scale_figures, program, count, phases, backend_options=loop)
    phases.end()
    print(f"\n{count:,} applications of {OBJECTS} objects\n\n{table([HEAD, *(figure.row() for figure in rows)])}")
    return rows


async def _run(count: int, settings: Settings, phases: Phases) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="gitopsd-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for part in ("workload", "floors", "daemon"):
            (folder / part).mkdir()
        phases(f"making {count} applications")
        workload = make_workload(folder / "workload", count)
        phases("floors")
        floors = await measure_floors(workload, folder / "floors", chosen(workload, settings.rounds, 3))
        measured = await measure(workload, folder / "daemon", settings, floors.objects, phases)
        phases.end()
        return figures(floors, measured)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--applications", type=int, default=200, help="ten objects each (default: 200)")
    parser.add_argument("--rounds", type=int, default=20, help="pushes, and drifts (default: 20)")
    parser.add_argument("--idle", type=float, default=60, help="seconds of idleness (default: 60)")
    parser.add_argument("--scale-apps", type=int, default=5000, help="20 objects each, table `scale` (default: 5000)")
    parser.add_argument("--sync-apps", type=int, default=1000, help="ten objects each, table `syncs` (default: 1000)")
    parser.add_argument("--waiting", type=int, default=200, help="operations that wait for a wave (default: 200)")
    parser.add_argument("--rest", type=float, default=20, help="seconds of rest while they wait (default: 20)")
    tables = ("daemon", *_RENDERING, "syncs", "scale")
    parser.add_argument("--tables", nargs="+", choices=tables, default=tables, help="which ones (default: all)")
    beside = Path(sys.executable).parent / "gitopsd"
    parser.add_argument("--program", default=str(beside), help="the gitopsd to measure (default: the environment's)")
    return parser.parse_args()


def _write(found: list[Figure], arguments: argparse.Namespace, phases: Phases) -> None:
    result = {
        "applications": arguments.applications,
        "rounds": arguments.rounds,
        "idle_seconds": arguments.idle,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
        "phases": [asdict(phase) for phase in phases.done],
        "figures": [figure.record() for figure in found],
    }
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
