"""Every ban of pyproject.toml is seen by ruff when its line is written."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path


def test_every_banned_name_is_refused_with_what_to_use_instead(root: Path) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    bans: dict[str, dict[str, str]] = settings["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert {"asyncio.create_task", "time.sleep", "yaml.load", "pickle", "os.system"} <= bans.keys()

    refused = _refused(root, "".join(_use(name) for name in bans))

    assert refused == {name: ban["msg"] for name, ban in bans.items()}


def test_a_shell_and_a_bare_task_in_the_daemon_are_refused(root: Path) -> None:
    code = 'import subprocess\n\nsubprocess.run("ls *", shell=True, check=True)\n'
    assert "S602" in {found["code"] for found in _ruff(root, code)}


def _use(name: str) -> str:
    module, _, attribute = name.partition(".")
    return f"import {module}\n{name}\n" if attribute else f"import {module}\n"


def _refused(root: Path, code: str) -> dict[str, str]:
    pattern = re.compile(r"`([\w.]+)` is banned: (.*)", re.DOTALL)
    messages = (pattern.fullmatch(found["message"]) for found in _ruff(root, code) if found["code"] == "TID251")
    return {match[1]: match[2] for match in messages if match}


def _ruff(root: Path, code: str) -> list[dict[str, str]]:
    told = subprocess.run(
        [
            Path(sys.executable).parent / "ruff",
            *("check", "--no-cache", "--output-format=json", "--stdin-filename=gitopsd/control/probe.py", "-"),
        ],
        cwd=root,
        input=code,
        check=False,
        capture_output=True,
        text=True,
    )
    found: list[dict[str, str]] = json.loads(told.stdout)
    return found
