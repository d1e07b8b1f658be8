"""`resources.children`: kinds to look for below other kinds."""

from __future__ import annotations

from pathlib import Path

from gitopsd.core.ids import GroupKind
from tests.config.writing import LOCAL, loaded


def test_kinds_below_a_kind_are_named_by_group_and_kind(tmp_path: Path) -> None:
    main = f"{LOCAL}resources:\n  children:\n    - {{group: a.io, kind: A, children: [Pod, /Secret, batch/Job]}}\n"
    settings = loaded(tmp_path, f"{main}    - {{group: a.io, kind: A, children: [a.io/B]}}\n").resources
    expected = (GroupKind("", "Pod"), GroupKind("", "Secret"), GroupKind("batch", "Job"), GroupKind("a.io", "B"))
    assert settings.children_of(GroupKind("a.io", "A")) == expected
    assert settings.children_of(GroupKind("b.io", "A")) == ()
