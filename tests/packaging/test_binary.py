"""The frozen program as a folder: the same as an installation, with nothing of the machine's own Python."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
import yaml

from gitopsd.store.revisions import HEAD
from gitopsd.testing.gitserver import GitRepo, GitServer
from tests.packaging import built
from tests.plugins.third_party import json_lines
from tests.store.statefiles import rows, write
from tools.frozen_contents import NO_STDLIB

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = ROOT / "demo" / "samples"
SOURCE = (sys.executable, "-m", "gitopsd.cli")
pytestmark = pytest.mark.timeout(built.SECONDS)


@pytest.fixture(scope="module")
def gitopsd() -> Path:
    return built.folder()


def test_it_is_made_of_what_an_installation_is_made_of(gitopsd: Path, tmp_path: Path) -> None:
    frozen = json.loads(built.run([gitopsd, "version", "--all", "-o", "json"], tmp_path / "home").stdout)
    installed = json.loads(built.run([*SOURCE, "version", "--all", "-o", "json"], tmp_path / "home").stdout)
    installed.pop("commit", None)
    assert frozen == installed
    assert frozen["engine"].startswith(frozen["gitopsd"])


def test_it_starts_within_a_second_and_a_half(gitopsd: Path, tmp_path: Path) -> None:
    taken = []
    for _ in range(3):
        started = time.monotonic()
        assert built.run([gitopsd, "version"], tmp_path / "home").returncode == 0
        taken.append(time.monotonic() - started)
    assert min(taken) < 1.5


@pytest.mark.parametrize("sample", ["guestbook", "storefront/overlays/production", "blog", "dashboards"])
def test_it_renders_as_the_source_does(gitopsd: Path, tmp_path: Path, sample: str) -> None:
    told = ["render", str(SAMPLES / sample), "-n", "here", "-o", "json"]
    frozen = built.run([gitopsd, *told], tmp_path / "home")
    assert frozen.returncode == 0, frozen.stderr
    assert json.loads(frozen.stdout)
    assert frozen.stdout == built.run([*SOURCE, *told], tmp_path / "home").stdout


def test_the_example_is_checked_and_its_schema_is_the_same(gitopsd: Path, tmp_path: Path) -> None:
    assert built.run([gitopsd, "config", "schema"], tmp_path / "home").stdout == (
        ROOT / "config" / "schema.json"
    ).read_text(encoding="utf-8")
    told = ["config", "check", str(ROOT / "config" / "gitopsd.example.yaml")]
    frozen, source = (built.run([*program, *told], tmp_path / "home") for program in ((gitopsd,), SOURCE))
    assert (frozen.returncode, frozen.stdout, frozen.stderr) == (source.returncode, source.stdout, source.stderr)


def test_a_state_file_of_an_earlier_version_is_brought_forward_and_back(gitopsd: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "state", "0001")

    def migrate(revision: str) -> str:
        told = ["admin", "migrate", "--state-dir", str(file.parent), "--to", revision, "--force"]
        ran = built.run([gitopsd, *told], tmp_path / "home")
        assert ran.returncode == 0, ran.stderr
        return str(rows(file, "SELECT version FROM schema_version"))

    assert migrate(HEAD) == f"[({int(HEAD)},)]"
    assert migrate("0001") == "[(1,)]"


def test_a_repository_is_fetched_by_processes_of_its_own(gitopsd: Path, tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "served" / "app.git")
    repo.commit({"app/a.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: fetched}}\n"})
    with GitServer(tmp_path / "served") as server:
        config = written(tmp_path, repoURL=server.url("app.git"), path="app")
        done = built.run([gitopsd, "render", "--app", "web", "--config", config, "-o", "json"], tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert [each["metadata"]["name"] for each in json.loads(done.stdout)] == ["fetched"]


def test_a_command_plugin_runs_and_sees_none_of_the_libraries_in_here(gitopsd: Path, tmp_path: Path) -> None:
    print_environment = 'echo "{apiVersion: v1, kind: ConfigMap, metadata: {name: told}, data: {paths: \\"$(env)\\"}}"'
    repo = GitRepo(tmp_path / "served" / "app.git")
    repo.commit({"app/a.txt": "a"})
    plugin = {"name": "shell", "generate": {"command": ["sh", "-c"], "args": [print_environment]}}
    with GitServer(tmp_path / "served") as server:
        config = written(
            tmp_path, {"plugins": [plugin]}, repoURL=server.url("app.git"), path="app", plugin={"name": "shell"}
        )
        done = built.run([gitopsd, "render", "--app", "web", "--config", config, "-o", "json"], tmp_path / "home")
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)
    assert "PATH=" in told["data"]["paths"]
    assert "LD_LIBRARY_PATH" not in told["data"]["paths"]
    assert "_internal" not in told["data"]["paths"]


def test_a_plugin_from_a_folder_has_the_whole_standard_library(gitopsd: Path, tmp_path: Path) -> None:
    wanted = sorted(name for name in sys.stdlib_module_names if name not in NO_STDLIB and not name.startswith("_"))
    left = {"msilib", "msvcrt", "nt", "ntpath", "winreg", "winsound"}  # of another system
    imports = "\n".join(f"import {name}" for name in wanted if name not in left)
    plugins = tmp_path / "plugins.d"
    plugins.mkdir(mode=0o755)
    text = Path(json_lines.__file__).read_text(encoding="utf-8")
    (plugins / "gitopsd_lines.py").write_text(f"{text}\n{imports}\nimport xml.etree.ElementTree, email.mime.text\n")
    (plugins / "gitopsd_lines.py").chmod(0o644)
    repo = GitRepo(tmp_path / "served" / "app.git")
    repo.commit({"app/objects.jsonl": '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "line"}}\n'})
    with GitServer(tmp_path / "served") as server:
        config = written(tmp_path, {"pluginPath": ["plugins.d"]}, repoURL=server.url("app.git"), path="app")
        done = built.run([gitopsd, "render", "--app", "web", "--config", config, "-o", "json"], tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert [each["metadata"]["name"] for each in json.loads(done.stdout)] == ["line"]


def test_nothing_under_the_gpl_and_nothing_of_tests_is_inside(gitopsd: Path) -> None:
    names = [path.name for path in gitopsd.parent.rglob("*")]
    assert [name for name in names if "readline" in name or "gdbm" in name] == []
    assert [name for name in names if name.startswith(("pytest", "hypothesis", "mypy", "blockbuster"))] == []
    assert not (gitopsd.parent / "_internal" / "gitopsd" / "testing").exists()


def test_no_shared_library_is_taken_from_the_machine_but_glibc(gitopsd: Path) -> None:
    """What the programs in the folder need beside each other is part of every glibc system."""
    glibc = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libcrypt.so.1"}
    inside = {path.name for path in gitopsd.parent.rglob("*.so*")}
    needed: set[str] = set()
    for path in (gitopsd, *gitopsd.parent.rglob("*.so*")):
        dump = built.run(["objdump", "-p", path], gitopsd.parent.parent).stdout.split("\n")
        needed.update(line.split()[1] for line in dump if line.strip().startswith("NEEDED"))
    assert {name for name in needed - inside if not name.startswith("ld-linux")} <= glibc


async def test_it_reconciles_the_samples(gitopsd: Path, tmp_path: Path) -> None:
    await built.reconciles_the_samples(gitopsd, tmp_path / "demo")


def written(folder: Path, more: dict[str, object] | None = None, **source: object) -> Path:
    """A configuration with one application."""
    destination = {"server": "https://kubernetes.default.svc", "namespace": "here"}
    application = {"name": "web", "source": {"targetRevision": "main", **source}, "destination": destination}
    clusters = [{"name": "local", "server": "https://kubernetes.default.svc", "token": "none"}]
    path = folder / "gitopsd.yaml"
    path.write_text(yaml.safe_dump({"clusters": clusters, "applications": [application], **(more or {})}))
    return path
