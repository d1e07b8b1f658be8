"""Try to break what meets foreign input, each check for a while: `python -m tools.fuzz SECONDS`.

Go's checks are guided by coverage; the first run builds the engine once more for that. What breaks one is kept by Go
below engine/testdata/fuzz, as a seed of the next test.
"""

import re
import subprocess
import sys
from typing import Final

from tools.golang import ROOT, Go, Program, SetupError, find_go, program

# What is fuzzed: the manifests' decoder, the protocol's frames in both directions, the path checks of both sides.
GO_CHECKS: Final = {"decoder": "FuzzDecoder", "protocol, engine": "FuzzFrames", "paths, engine": "FuzzResolve"}
PYTHON_CHECKS: Final = {"protocol, daemon": "frames", "paths, plugins": "paths"}
_PROGRESS: Final = re.compile(r"elapsed: (\S+), execs: (\d+) .*?new interesting: (\d+)")


def main(seconds: int) -> int:
    """Run all checks one after the other, print their counts; returns the exit code."""
    try:
        engine = program("engine")
        go = find_go([engine])
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    passed = [_go(name, target, seconds, engine, go) for name, target in GO_CHECKS.items()]
    passed += [_python(name, check, seconds) for name, check in PYTHON_CHECKS.items()]
    return 0 if all(passed) else 1


def _go(name: str, target: str, seconds: int, engine: Program, go: Go) -> bool:
    told = go.run(engine, "test", *engine.flags, "-v", "-run=^$", f"-fuzz=^{target}$", f"-fuzztime={seconds}s", ".")
    counts = _PROGRESS.findall(told.stdout)
    if told.returncode != 0 or not counts:
        print(told.stdout)
    elapsed, executions, found = counts[-1] if counts else ("0s", "0", "0")
    return _told(name, told.returncode == 0, f"{int(executions):,} inputs in {elapsed}, {found} of them of a new kind")


def _python(name: str, check: str, seconds: int) -> bool:
    command = [sys.executable, "-m", "tests.fuzz", check, str(seconds)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stderr)
    return _told(name, done.returncode == 0, done.stdout.strip())


def _told(name: str, passed: bool, counts: str) -> bool:
    print(f"{name}: {'nothing broke' if passed else 'BROKEN'}; {counts}", flush=True)
    return passed


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
