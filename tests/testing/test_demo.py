"""The demo's parts that need no cluster; `make demo ONCE=1` tests the whole."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from demo.place import DemoError, clean_place, make_repository, samples
from demo.view import Row, are_as_expected, rows

SUMMARY = {"name": "web", "sync": "Synced", "health": {"status": "Degraded", "message": "Caused by Pod:web"}}
RESOURCES = [
    {"kind": "Pod", "health": {"status": "Degraded", "message": "ImagePullBackOff"}},
    {"kind": "Service", "health": {"status": "Healthy", "message": ""}},
    {"kind": "ConfigMap", "health": None},
]


@pytest.mark.parametrize("answer", [[SUMMARY], {"items": [SUMMARY]}, {"applications": [SUMMARY]}])
def test_applications_are_read_from_every_answer(answer: object) -> None:
    assert rows(json.dumps(answer).encode()) == [Row("web", "Synced", "Degraded", "Caused by Pod:web")]


def test_the_resource_at_fault_says_why() -> None:
    answers = ([{**SUMMARY, "resources": RESOURCES}], [{"summary": SUMMARY, "resources": RESOURCES}])
    for answer in answers:
        assert rows(json.dumps(answer).encode()) == [Row("web", "Synced", "Degraded", "ImagePullBackOff")]


def test_all_samples_but_the_broken_one_have_to_be_healthy() -> None:
    wanted = samples()
    good = [Row(name, "Synced", sample.expected, "why") for name, sample in wanted.items()]

    assert [name for name, sample in wanted.items() if sample.expected == "Degraded"] == ["payments"]
    assert are_as_expected(good, wanted)
    assert not are_as_expected(good[1:], wanted)
    assert not are_as_expected([Row(row.name, "Synced", "Healthy") for row in good], wanted)
    assert not are_as_expected([Row(row.name, row.sync, row.health) for row in good], wanted), "it has to say why"


def test_a_place_is_clean_and_held_by_one_demo_alone(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "old.log").touch()

    with clean_place(tmp_path) as place:
        assert sorted(path.name for path in tmp_path.iterdir()) == ["gitopsd.yaml", "lock"]
        assert f"127.0.0.1:{place.port}" in place.config.read_text(encoding="utf-8")
        with pytest.raises(DemoError, match="another demo runs"), clean_place(tmp_path):
            pass


def test_a_change_in_the_work_tree_reaches_the_repository(tmp_path: Path) -> None:
    with clean_place(tmp_path) as place:
        make_repository(place)
        (place.samples / "guestbook" / "settings.yaml").unlink()
        for command in (("commit", "-qam", "less"), ("push", "-q")):
            subprocess.run(("git", "-C", place.samples, *command), check=True, capture_output=True)

        listed = ("git", "-C", tmp_path / "samples.git", "ls-tree", "-r", "--name-only", "main")
        files = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()

    assert "guestbook/frontend/deployment.yaml" in files
    assert "guestbook/settings.yaml" not in files
