"""`python -m tests.differential [FEATURE…]`: the corpus table, and what differs. Exits 1 if anything does."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.cluster_fixture import find_localcluster, start
from tests.differential.comparison import Verdict
from tests.differential.corpus import CORPUS
from tests.differential.decoder import Decoder
from tests.differential.official import Official, missing
from tests.differential.run import compare


def main(wanted: Sequence[str]) -> int:
    """Compare the cases whose feature or name holds one of `wanted` (all by default)."""
    lacking = missing()
    program = find_localcluster()
    if lacking or program is None:
        sys.stderr.write(f"not built: {', '.join(lacking) or 'localcluster'}; run `make setup originals`\n")
        return 2
    cases = [case for case in CORPUS if not wanted or any(word in f"{case.feature}: {case.name}" for word in wanted)]
    with tempfile.TemporaryDirectory(prefix="gitopsd-differential-") as name, Decoder() as decoder:
        folder = Path(name)
        cluster = start(program, folder / "cluster")
        try:
            verdicts = compare(cases, folder / "cases", Official(folder, decoder, cluster.kubeconfig))
        finally:
            cluster.stop()
    sys.stdout.write(f"{table(verdicts)}\n")
    return 1 if any(each.problem for each in verdicts) else 0


def table(verdicts: Sequence[Verdict]) -> str:
    """A row for each feature with its number of cases by outcome, then what differs."""
    counts: dict[str, Counter[str]] = {}
    for each in verdicts:
        counts.setdefault(each.case.feature, Counter())["different" if each.problem else each.case.outcome.value] += 1
    total = sum(counts.values(), Counter[str]())
    wide = max(len(feature) for feature in counts)
    columns = ("equal", "refused", "stricter", "more", "different")
    rows: list[tuple[str, ...]] = [("feature", "cases", *columns)]
    for feature, found in [*counts.items(), ("all", total)]:
        rows.append((feature, str(found.total()), *(str(found[column] or "") for column in columns)))
    lines = [f"{row[0]:{wide}}  {'  '.join(f'{cell:>9}' for cell in row[1:])}" for row in rows]
    lines.insert(1, "-" * len(lines[0]))
    problems = [f"{each.case.feature}: {each.case.name}\n    {each.problem}" for each in verdicts if each.problem]
    why = "equal: the same objects in the same order; refused: by both; stricter: by us alone; more: by theirs alone"
    return "\n".join([*lines, "", why, *problems])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
