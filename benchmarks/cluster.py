"""A local cluster for one measurement, with its audit log."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

USER: Final = "gitopsd"
# A cluster that is ready still starts its controllers; nothing is measured while it does.
SETTLE_SECONDS: Final = 5.0
_PROGRAM: Final = Path(__file__).resolve().parent.parent / ".build" / "localcluster"
_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A running cluster; `kubeconfig` is that of the user `gitopsd`, who may do everything."""

    folder: Path
    kubeconfig: Path
    pid: int

    def mark(self) -> int:
        """A moment in the audit log, for `asked`."""
        return (self.folder / "audit.log").stat().st_size

    def asked(self, since: int) -> Counter[str]:
        """What the user `gitopsd` asked for since `since`: verb → requests; dry-runs are a verb of their own.

        A watch is counted when it is opened.
        """
        found: Counter[str] = Counter()
        with (self.folder / "audit.log").open("rb") as log:
            log.seek(since)
            for line in log:
                entry = json.loads(line)
                if entry["user"]["username"] == USER and entry["stage"] in _counted(entry["verb"]):
                    found["dry-run" if "dryRun=All" in entry["requestURI"] else entry["verb"]] += 1
        return found


def writes(asked: Counter[str]) -> int:
    """How many of these requests change something."""
    return sum(asked[verb] for verb in _WRITES)


def requests(asked: Counter[str]) -> int:
    """How many requests there were beyond opened watches."""
    return sum(asked.values()) - asked["watch"]


@contextmanager
def local_cluster(folder: Path) -> Iterator[LocalCluster]:
    """Start a fresh one in `folder`, end it afterwards."""
    program = os.environ.get("GITOPSD_LOCALCLUSTER") or str(_PROGRAM)
    process = subprocess.Popen(
        [program, "up", "--dir", str(folder), "--audit"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None or not process.stdout.readline():
            raise RuntimeError(f"the local cluster in {folder} did not start")
        command = [program, "kubeconfig", "--dir", str(folder), "--user", USER, "--group", "system:masters"]
        made = subprocess.run(command, check=True, capture_output=True, text=True)
        yield LocalCluster(folder, Path(made.stdout.strip()), process.pid)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _counted(verb: str) -> tuple[str, ...]:
    return ("ResponseStarted",) if verb == "watch" else ("ResponseComplete", "Panic")
