"""Check our Go programs: `python -m tools.gocheck test|vet NAME...`."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Final

from tools.golang import PACKAGING, PLACES, Go, Program, SetupError, find_go, program

COUNTED: Final = ("pass", "fail", "skip")


def main(arguments: Sequence[str]) -> int:
    """Run the check on the named programs (all by default); returns the exit code."""
    checks = {"test": test, "vet": vet}
    if not arguments or arguments[0] not in checks:
        print(
            f"usage: python -m tools.gocheck {'|'.join(checks)} [{'|'.join((*PLACES, *PACKAGING))}]...", file=sys.stderr
        )
        return 2
    try:
        programs = [program(name) for name in arguments[1:] or (*PLACES, *PACKAGING)]
        go = find_go(programs)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    passed = [checks[arguments[0]](one, go) for one in programs]
    return 0 if all(passed) else 1


def test(one: Program, go: Go) -> bool:
    """Run `go test`; print the counts, and the output of what failed."""
    told = go.run(one, "test", *one.flags, "-json", "./...")
    counts: Counter[str] = Counter()
    output: dict[tuple[str, str], list[str]] = {}
    failed: list[tuple[str, str]] = []
    for line in told.stdout.splitlines():
        event = _event(line)
        where = (event.get("Package") or event.get("ImportPath") or "", event.get("Test", ""))
        action = event.get("Action", "")
        if action in {"output", "build-output"}:
            output.setdefault(where, []).append(event["Output"])
        elif action in COUNTED and where[1]:
            counts[action] += 1
        if action in {"fail", "build-fail"}:
            failed.append(where)
    for where in failed:
        print("".join(output.get(where, [])), end="")
    if told.returncode != 0 and not failed:
        print(told.stdout.rstrip())
    words = {"pass": "passed", "fail": "failed", "skip": "skipped"}
    print(f"{one.name}: {', '.join(f'{counts[kind]} {words[kind]}' for kind in COUNTED if counts[kind]) or 'no tests'}")
    return told.returncode == 0


def vet(one: Program, go: Go) -> bool:
    """Run `go vet` and gofmt; print what they found."""
    vetted = go.run(one, "vet", *one.flags, "./...")
    unformatted = go.unformatted(one)
    if vetted.returncode != 0:
        print(vetted.stdout.rstrip())
    for name in unformatted:
        print(f"{one.name}/{name}: not formatted; run `make format`")
    passed = vetted.returncode == 0 and not unformatted
    print(f"{one.name}: {'go vet and gofmt are content' if passed else 'see above'}")
    return passed


def _event(line: str) -> dict[str, str]:
    """Read one line of `go test -json`; what Go prints beside its events counts as output of no test."""
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        return {"Action": "output", "Output": f"{line}\n"}
    return {name: value for name, value in event.items() if isinstance(value, str)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
