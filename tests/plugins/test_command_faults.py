"""Commands that fail, hang, flood, flee, and what is left of them: nothing."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import anyio
import pytest

from gitopsd.core.errors import RenderError
from gitopsd.plugin import CommandPlugin, RenderRequest
from gitopsd_command.keeper.processes import descendants
from gitopsd_command.renderer import CommandRenderer
from gitopsd_command.runner import Runner
from tests.plugins.commands import Workshop, alive, config_map, keeper_among, kill, plugin, shell, until, workshop

# Leaves its parent, its session and its process group, and tells its process id.
FLEES = (
    "setsid sh -c 'echo pid $$ >&2; trap \"\" TERM HUP; touch $HOME/fled; exec sleep 600' </dev/null >/dev/null & "
    "while ! test -e $HOME/fled; do sleep 0.01; done;"
)


async def failed(here: Workshop) -> RenderError:
    with pytest.raises(RenderError) as caught:
        await here.render()
    assert here.left_over() == []
    return caught.value


def told_pids(error: RenderError) -> list[int]:
    return [int(each) for each in re.findall(r"pid (\d+)", error.why)]


async def test_a_command_that_hangs_is_killed_at_its_deadline_with_all_that_it_started(tmp_path: Path) -> None:
    script = f"echo pid $$ >&2; {FLEES} (sleep 600 & echo pid $! >&2; wait)"
    here = workshop(tmp_path, plugin(script, timeout_seconds=2.5))
    error = await failed(here)
    assert error.what == "generate of plugin tool did not end within 2.5 s and was killed"
    assert error.retryable
    # On a busy machine not all of them were started by then.
    assert not any(alive(pid) for pid in told_pids(error))


async def test_a_longer_timeout_and_waiting_for_a_turn_extend_the_renders_deadline(tmp_path: Path) -> None:
    tool = plugin(f"echo '{config_map('a')}'", timeout_seconds=300.0)
    here = workshop(tmp_path, tool)
    asked: list[float] = []
    request = RenderRequest(
        app="shop", namespace="", root=str(here.root), path="app", options={}, deadline=60.0, extend=asked.append
    )
    await CommandRenderer(tool, Runner(str(here.copies))).render(request)
    longer, turn = asked
    assert longer >= 300.0 - 60.0
    assert turn > 0


async def test_what_forked_away_is_ended_with_the_command(tmp_path: Path) -> None:
    script = (
        "setsid sh -c 'echo $$ > $HOME/pid; exec sleep 600' & while ! test -s $HOME/pid; do sleep 0.01; done; "
        "printf '{apiVersion: v1, kind: Pod, metadata: {name: p%s}}' $(cat $HOME/pid)"
    )
    here = workshop(tmp_path, plugin(script))
    (name,) = await here.names()
    assert not alive(int(name[1:]))
    assert here.left_over() == []


async def test_a_crowd_of_processes_is_ended(tmp_path: Path) -> None:
    others = set(descendants(os.getpid()))
    script = "for i in $(seq 100); do (setsid sleep 600 &) ; done; touch $HOME/started; sleep 600"
    here = workshop(tmp_path, plugin(script))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(here.render)
        await until(lambda: bool(list(here.copies.glob("*/home/started"))))
        started = set(descendants(os.getpid())) - others
        assert len(started) > 100
        tasks.cancel_scope.cancel()
    assert not any(alive(pid) for pid in started)
    assert here.left_over() == []


async def test_endless_output_is_cut_at_its_limit(tmp_path: Path) -> None:
    error = await failed(workshop(tmp_path, plugin("yes", output_limit=1 << 20)))
    assert error.what == f"generate of plugin tool printed more than {1 << 20} bytes and was killed"


async def test_endless_standard_error_holds_nothing_up(tmp_path: Path) -> None:
    script = f"yes noise | head -c 30000000 >&2; echo the reason >&2; echo '{config_map('a')}'; exit 7"
    error = await failed(workshop(tmp_path, plugin(script)))
    assert error.what == "generate of plugin tool failed with exit code 7"
    assert error.why.endswith("noise | the reason")
    assert len(error.why) <= 1000


async def test_endless_output_of_init_holds_nothing_up(tmp_path: Path) -> None:
    tool = plugin(f"echo '{config_map('a')}'", init=shell("yes | head -c 30000000"), output_limit=1 << 16)
    assert await workshop(tmp_path, tool).names() == ["a"]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("head -c 100000 /dev/zero", "printed binary data"),
        (r"printf 'a: \377\376\n'", "neither UTF-8 nor UTF-16"),
        ("echo Rendering the chart", "no Kubernetes object"),
        ("echo 'name: value'", "no Kubernetes object"),
        ("echo '[1, 2]'", "no Kubernetes object"),
        ("echo 'apiVersion: v1'; echo 'metadata: {name: a}'", "no Kubernetes object"),
        ("echo '{kind: ['", "did not find expected"),
        ("echo 'a: &a [*a]'", "contains itself"),
    ],
)
async def test_output_that_is_no_manifest_is_an_error_with_its_place(tmp_path: Path, script: str, message: str) -> None:
    error = await failed(workshop(tmp_path, plugin(script)))
    assert re.search(message, f"{error.what} {error.why}")
    assert "the output of plugin tool" in f"{error.where} {error.why}"


async def test_no_output_is_no_manifest_and_a_warning(tmp_path: Path) -> None:
    result = await workshop(tmp_path, plugin("echo; echo '# nothing'")).render()
    assert (result.manifests, result.warnings) == ((), ("plugin tool printed no objects",))


async def test_generate_does_not_run_when_init_fails(tmp_path: Path) -> None:
    tool = plugin("echo generated >&2; exit 1", init=shell("echo no licence >&2; exit 5"))
    error = await failed(workshop(tmp_path, tool))
    assert error.what == "init of plugin tool failed with exit code 5"
    assert error.why == "no licence"


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("acme-no-such-program",), "there is no program 'acme-no-such-program', or not what it runs in"),
        (("./input.txt",), "Permission denied"),
        (("/",), "Permission denied"),
    ],
)
async def test_a_program_that_cannot_be_run_is_named(tmp_path: Path, argv: tuple[str, ...], why: str) -> None:
    error = await failed(workshop(tmp_path, CommandPlugin("tool", argv)))
    assert error.what == "generate of plugin tool cannot be started"
    assert error.why == why


async def test_a_crash_is_told_by_its_signal(tmp_path: Path) -> None:
    error = await failed(workshop(tmp_path, plugin("echo before >&2; kill -SEGV $$")))
    assert error.what == "generate of plugin tool was ended by SIGSEGV"
    assert error.why == "before"


async def test_a_process_gets_no_more_memory_than_its_limit(tmp_path: Path) -> None:
    argv = (sys.executable, "-I", "-S", "-c", "bytearray(300 << 20)")
    error = await failed(workshop(tmp_path, CommandPlugin("tool", argv, memory_limit=100 << 20)))
    assert "MemoryError" in error.why


async def test_a_render_that_is_given_up_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    others = set(descendants(os.getpid()))
    here = workshop(tmp_path, plugin(f"{FLEES} touch $HOME/started; sleep 600"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(here.render)
        await until(lambda: bool(list(here.copies.glob("*/home/started"))))
        started = set(descendants(os.getpid())) - others
        assert len(started) >= 3
        tasks.cancel_scope.cancel()
    assert here.left_over() == []
    assert not any(alive(pid) for pid in started)


async def test_a_keeper_that_is_killed_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    others = set(descendants(os.getpid()))
    here = workshop(tmp_path, plugin(f"{FLEES} touch $HOME/started; sleep 600"))
    caught: list[RenderError] = []

    async def render() -> None:
        with pytest.raises(RenderError) as error:
            await here.render()
        caught.append(error.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(render)
        await until(lambda: bool(list(here.copies.glob("*/home/started"))))
        started = set(descendants(os.getpid())) - others
        kill(keeper_among(started))
    assert "ended in the middle" in caught[0].what
    assert caught[0].retryable
    await until(lambda: not any(alive(pid) for pid in started))
    assert here.left_over() == []


DAEMON = """
import sys
import anyio
from pathlib import Path
from tests.plugins.commands import Workshop, plugin
here = Workshop(Path(sys.argv[1]), [plugin(sys.argv[2])])
anyio.run(here.render)
"""


async def test_a_daemon_that_is_killed_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    script = f"{FLEES} touch $HOME/started; sleep 600"
    here = workshop(tmp_path, plugin(script))
    root = Path(__file__).parents[2]
    async with await anyio.open_process(
        [sys.executable, "-c", DAEMON, str(tmp_path), script], cwd=root, start_new_session=True
    ) as daemon:
        await until(lambda: bool(list(here.copies.glob("*/home/started"))))
        started = set(descendants(daemon.pid))
        assert len(started) >= 3
        daemon.send_signal(signal.SIGKILL)
        await daemon.wait()
    await until(lambda: here.left_over() == [])
    await until(lambda: not any(alive(pid) for pid in started))


async def test_what_a_killed_daemon_and_keeper_left_is_removed_with_the_next_run(tmp_path: Path) -> None:
    here = workshop(tmp_path, plugin(f"echo '{config_map('a')}'"))
    (here.copies / "gitopsd-command-0123" / "source").mkdir(parents=True)
    (here.copies / "somebody-elses").mkdir()
    assert await here.names() == ["a"]
    assert here.left_over() == ["somebody-elses"]


async def test_folders_that_cannot_be_listed_or_are_very_deep_are_removed(tmp_path: Path) -> None:
    script = (
        "for i in $(seq 60); do mkdir -p $(printf 'd%.0s' $(seq 200)) && cd d*; done; cd $HOME; "
        f"mkdir -p a/b && touch a/b/c && chmod 0 a/b a; echo '{config_map('a')}'"
    )
    here = workshop(tmp_path, plugin(script))
    assert await here.names() == ["a"]
    assert here.left_over() == []
