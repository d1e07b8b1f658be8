"""Plugins that are not installed, but stand in a folder of `pluginPath`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from gitopsd.core.errors import PluginError
from gitopsd.plugin.manager import PluginManager
from gitopsd.render.offline import render_folder

SOURCE = Path(__file__).with_name("json_lines.py").read_text()
LINES = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for plugins; what was imported from it is forgotten at the end."""
    before = list(sys.path)
    made = tmp_path / "plugins.d"
    made.mkdir(mode=0o755)
    yield made
    sys.path[:] = before
    for name in [name for name, module in sys.modules.items() if str(made) in str(getattr(module, "__file__", ""))]:
        del sys.modules[name]


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
    return path


def loaded(folder: Path) -> tuple[PluginManager, tuple[PluginError, ...]]:
    manager = PluginManager()
    assert manager.load_installed() == ()
    return manager, manager.load_folders([str(folder)])


async def test_a_module_renders_with_modules_that_stand_beside_it(folder: Path, tmp_path: Path) -> None:
    written(folder / "gitopsd_lines.py", SOURCE + "\nimport acme_beside\n")
    written(folder / "acme_beside.py", "")
    manager, errors = loaded(folder)
    assert errors == ()
    assert sys.path[-1] == str(folder)
    written(tmp_path / "app" / "objects.jsonl", LINES)
    result = await render_folder(manager.renderers(None), str(tmp_path / "app"), name="app")
    assert [each.name for each in result.manifests] == ["a"]


def test_a_package_is_found_by_its_entry_point_and_not_twice(folder: Path) -> None:
    written(folder / "gitopsd_acme" / "__init__.py", SOURCE)
    written(
        folder / "gitopsd_acme-2.1.dist-info" / "METADATA", "Metadata-Version: 2.1\nName: gitopsd-acme\nVersion: 2.1\n"
    )
    written(folder / "gitopsd_acme-2.1.dist-info" / "entry_points.txt", "[gitopsd.plugins]\nlines = gitopsd_acme\n")
    manager, errors = loaded(folder)
    assert errors == ()
    assert set(manager.names()) == {"command", "helm", "kustomize", "lines", "plain"}
    assert manager.versions()["lines"] == "2.1"


def test_the_version_of_a_module_is_its_content(folder: Path) -> None:
    module = written(folder / "gitopsd_lines.py", SOURCE)
    first = loaded(folder)[0].versions()["lines"]
    sys.modules.pop("gitopsd_lines")
    written(module, SOURCE + "\n# changed\n")
    assert first != loaded(folder)[0].versions()["lines"] != ""


def test_a_broken_plugin_is_named_and_hurts_no_other(folder: Path) -> None:
    written(folder / "gitopsd_broken.py", "raise RuntimeError('no licence')")
    written(folder / "gitopsd_lines.py", SOURCE)
    manager, (error,) = loaded(folder)
    assert "'broken'" in error.what
    assert error.where == str(folder)
    assert "no licence" in error.why
    assert "lines" in manager.names()


def test_no_plugin_of_a_folder_replaces_an_official_one(folder: Path) -> None:
    written(folder / "gitopsd_helm.py", SOURCE)
    manager, (error,) = loaded(folder)
    assert "'helm'" in error.what
    assert "comes from" in error.why
    assert {each.name for each in manager.renderers(None)}.isdisjoint({"json-lines"})


def test_loading_twice_in_one_process_is_loading_once(folder: Path) -> None:
    written(folder / "gitopsd_lines.py", SOURCE)
    manager, _ = loaded(folder)
    assert manager.load_folders([str(folder)]) == ()
    assert sys.path.count(str(folder)) == 1


@pytest.mark.parametrize("mode", [0o646, 0o666])
@pytest.mark.parametrize("name", ["gitopsd_lines.py", "beside/other.py", "beside"])
def test_a_folder_that_others_can_change_is_refused(folder: Path, name: str, mode: int) -> None:
    written(folder / "gitopsd_lines.py", SOURCE)
    written(folder / "beside" / "other.py", "")
    open_one = folder / name
    open_one.chmod(mode | (0o111 if open_one.is_dir() else 0))
    manager, (error,) = loaded(folder)
    assert error.where == str(open_one)
    assert "everybody may write to it" in error.why
    assert "chmod" in error.hint
    assert "lines" not in manager.names()
    assert str(folder) not in sys.path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_another_users_plugin_is_refused(folder: Path) -> None:
    os.chown(written(folder / "gitopsd_lines.py", SOURCE), 4242, 0)
    _, (error,) = loaded(folder)
    assert "user 4242" in error.why


def test_what_the_kubelet_mounts_is_trusted(folder: Path) -> None:
    written(folder / "..1" / "gitopsd_lines.py", SOURCE)
    (folder / "..data").symlink_to("..1")
    (folder / "gitopsd_lines.py").symlink_to("..data/gitopsd_lines.py")
    folder.chmod(0o777)
    manager, errors = loaded(folder)
    assert errors == ()
    assert "lines" in manager.names()


def test_a_folder_that_is_not_there_is_an_error_and_nothing_else(tmp_path: Path) -> None:
    manager, (error,) = loaded(tmp_path / "nowhere")
    assert error.where == str(tmp_path / "nowhere")
    assert "helm" in manager.names()


@pytest.mark.parametrize("end", ["raise SystemExit(0)", "raise KeyboardInterrupt", "import sys; sys.exit('bye')"])
def test_a_plugin_that_would_end_the_process_is_named_and_ends_nothing(folder: Path, end: str) -> None:
    written(folder / "gitopsd_ends.py", end)
    written(folder / "gitopsd_lines.py", SOURCE)
    manager, (error,) = loaded(folder)
    assert "'ends'" in error.what
    assert error.why.startswith(("SystemExit", "KeyboardInterrupt"))
    assert "lines" in manager.names()


def test_what_a_plugin_prints_is_no_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder / "gitopsd_lines.py", f"print('welcome')\n{SOURCE}")
    written(folder / "gitopsd_other.py", "print('me too')\nraise ValueError")
    loaded(folder)
    sys.stdout.write("answer\n")
    told = capsys.readouterr()
    assert told.out == "answer\n"
    assert told.err == "welcome\nme too\n"


def test_a_link_that_leads_nowhere_is_named_and_the_rest_is_loaded(folder: Path) -> None:
    written(folder / "gitopsd_lines.py", SOURCE)
    (folder / "README").symlink_to("gone")
    manager, (error,) = loaded(folder)
    assert (error.where, error.why) == (str(folder / "README"), "gone: No such file or directory")
    assert "lines" in manager.names()


def test_a_module_that_brings_nothing_is_no_plugin(folder: Path) -> None:
    written(folder / "gitopsd_empty.py", "def gitopsd_rendrers(): ...\n")
    manager, (error,) = loaded(folder)
    assert "'empty' brings nothing" in error.what
    assert "empty" not in manager.names()
    assert "empty" not in manager.versions()


def test_a_signal_ends_what_waits_for_a_plugin_and_that_is_told(folder: Path) -> None:
    written(folder / "gitopsd_hangs.py", "import threading\nthreading.Event().wait()\n")
    script = (
        "import sys, asyncio, signal, uvloop\n"
        "from gitopsd.plugin.manager import PluginManager\n"
        "async def main():\n"
        "    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)\n"
        "    PluginManager(lambda name: print('waits for', name, flush=True)).load_folders(sys.argv[1:])\n"
        "asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "waits for hangs\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM


async def test_signals_come_to_the_event_loop_again_when_plugins_are_loaded(folder: Path) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        loaded(folder)
        os.kill(os.getpid(), signal.SIGTERM)
        with anyio.fail_after(30):
            assert await anext(signals) == signal.SIGTERM
