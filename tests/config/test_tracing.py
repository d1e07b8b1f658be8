"""`tracing:` in the configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gitopsd.config import TracingSettings, load
from gitopsd.core.secret import Secret

WITHOUT_THE_EXTRA = """
import sys
sys.modules["opentelemetry"] = None
from gitopsd.config import ConfigErrors, has_tracing, load
assert not has_tracing()
try:
    load(sys.argv[1], environ={})
except ConfigErrors as errors:
    print(errors.errors[0])
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "gitopsd.yaml"
    path.write_text(text)
    return str(path)


def test_without_the_section_there_are_no_settings(tmp_path: Path) -> None:
    assert load(written(tmp_path, "applications: []"), environ={}).tracing is None


def test_an_empty_section_is_what_the_environment_says(tmp_path: Path) -> None:
    assert load(written(tmp_path, "tracing: {}"), environ={}).tracing == TracingSettings()


def test_headers_may_stand_in_files_and_are_secrets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Bearer t0ken\n")
    (tmp_path / "token").chmod(0o600)
    headers = "{authorization: {file: token}, x-a: b}"
    where = "endpoint: 'https://${HOST}/x'"
    text = f"tracing: {{{where}, headers: {headers}, sampleRatio: 0.1, insecure: true}}"
    found = load(written(tmp_path, text), environ={"HOST": "collector.example.org"}).tracing
    assert found == TracingSettings(
        "https://collector.example.org/x",
        (("authorization", Secret("Bearer t0ken")), ("x-a", Secret("b"))),
        0.1,
        insecure=True,
    )
    assert "t0ken" not in repr(found)


def test_without_the_extra_the_section_is_refused_with_what_to_install(tmp_path: Path) -> None:
    path = written(tmp_path, "tracing: {endpoint: 'http://localhost:4318'}")
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA, path], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.strip() == (
        f"{path}:1:10: tracing cannot be used: traces need packages that are not installed. "
        "Try: pip install 'gitopsd[tracing]'"
    )


def test_without_the_extra_all_else_goes_on(tmp_path: Path) -> None:
    path = written(tmp_path, "applications: []")
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA, path], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
