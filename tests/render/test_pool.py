from __future__ import annotations

import base64
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from gitopsd.core.errors import RenderError
from gitopsd.plugin import EngineAnswer
from gitopsd.render.pool import EnginePool
from tests.render.conftest import SCRIPT

DOCUMENT = base64.b64encode(b"apiVersion: v1\nkind: Node\nmetadata: {name: node}\n").decode()


def name_of(answer: EngineAnswer) -> str:
    return answer.manifests[0].name


async def ready(pool: EnginePool) -> int:
    """The pid of the worker, once there is one."""
    await pool.call("decode", {"name": "warm-up"}, deadline=20)
    return pool.pids()[0]


async def test_many_requests_are_in_flight_at_once_and_each_gets_its_own_answer(scripted: Sequence[str]) -> None:
    found: dict[str, str] = {}

    async def ask(name: str) -> None:
        found[name] = name_of(await pool.call("decode", {"name": name}, deadline=20))

    async with EnginePool(scripted, workers=2) as pool, anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(ask, f"n{number}")
    assert found == {f"n{number}": f"n{number}" for number in range(50)}


async def test_leaving_the_pool_ends_its_processes(scripted: Sequence[str]) -> None:
    async with EnginePool(scripted) as pool:
        pid = await ready(pool)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_engine_that_is_given_up_while_it_starts_is_waited_for(
    scripted: Sequence[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def leave_soon(turns: int) -> None:
        async with EnginePool(scripted):
            for _ in range(turns):
                await anyio.to_thread.run_sync(bool)

    for turns in range(12):
        anyio.run(leave_soon, turns)
    assert "that handles pid" not in caplog.text  # asyncio's complaint about a child that nobody waited for


async def test_an_error_inside_the_block_comes_out_as_it_is(scripted: Sequence[str]) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with EnginePool(scripted):
            raise KeyError("mine")


async def test_a_worker_has_an_empty_environment_and_a_process_group_of_its_own(
    scripted: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "canary")
    async with EnginePool(scripted) as pool:
        shown = name_of(await pool.call("decode", {"do": "environment"}, deadline=20))
        pid = pool.pids()[0]
    variables, folder, group = shown.split(" ")
    assert "SECRET_TOKEN" not in variables
    assert "PATH" not in variables
    assert folder == "/"
    assert group == str(pid) != str(os.getpgid(0))


async def test_a_worker_ends_when_the_daemon_is_killed(scripted: Sequence[str], tmp_path: Path) -> None:
    program = (
        "import anyio, sys\n"
        "from gitopsd.render.pool import EnginePool\n"
        "async def main():\n"
        "    async with EnginePool(sys.argv[1:]) as pool:\n"
        "        await pool.call('decode', {}, deadline=20)\n"
        "        print(pool.pids()[0], flush=True)\n"
        "        await anyio.sleep_forever()\n"
        "anyio.run(main)\n"
    )
    async with await anyio.open_process([sys.executable, "-c", program, *scripted], stdin=None) as daemon:
        assert daemon.stdout is not None
        handle = os.pidfd_open(int(await daemon.stdout.receive()))
        daemon.send_signal(signal.SIGKILL)
        await daemon.wait()
    with anyio.fail_after(30):
        await anyio.wait_readable(handle)
    os.close(handle)


async def test_another_protocol_is_a_clear_error() -> None:
    async with EnginePool((sys.executable, "-I", "-S", str(SCRIPT), "2")) as pool:
        with pytest.raises(RenderError, match="not there") as caught:
            await pool.call("decode", {}, deadline=20)
    assert "it speaks protocol 2, this gitopsd speaks 1" in caught.value.why


async def test_a_program_that_is_no_engine_is_a_clear_error() -> None:
    async with EnginePool(("/bin/echo", "hello")) as pool:
        with pytest.raises(RenderError) as caught:
            await pool.call("decode", {}, deadline=20)
    assert "is it the right program?" in caught.value.why


async def test_a_missing_program_is_a_clear_error(tmp_path: Path) -> None:
    async with EnginePool((str(tmp_path / "nothing"),)) as pool:
        with pytest.raises(RenderError) as caught:
            await pool.call("decode", {}, deadline=20)
    assert "cannot be started" in caught.value.why


async def test_a_worker_killed_in_the_middle_answers_all_that_was_pending_and_the_next_request_works(
    scripted: Sequence[str], tmp_path: Path
) -> None:
    reasons: list[str] = []
    journal, mark = tmp_path / "journal", tmp_path / "mark"
    found: list[str] = []

    async def ask(name: str) -> None:
        params = {"do": "die once", "mark": str(mark), "name": name, "journal": str(journal)}
        found.append(name_of(await pool.call("decode", params, deadline=20)))

    async with EnginePool(scripted, on_restart=reasons.append) as pool:
        first = await ready(pool)
        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(ask, f"n{number}")
        assert sorted(found) == ["n0", "n1", "n2"]
        assert await ready(pool) != first
    assert reasons == ["it was ended by SIGSEGV"]


async def test_a_request_that_kills_its_workers_is_an_error_that_says_why(scripted: Sequence[str]) -> None:
    async with EnginePool(scripted) as pool:
        with pytest.raises(RenderError, match="twice") as caught:
            await pool.call("decode", {"do": "die"}, deadline=20)
        assert "SIGKILL" in caught.value.why
        with pytest.raises(RenderError) as caught:
            await pool.call("decode", {"do": "panic"}, deadline=20)
        assert caught.value.why == "it ended with exit code 2 (panic: the sky fell)"
        await ready(pool)


async def test_Z3_a_request_that_killed_two_workers_is_refused_until_its_input_changes(
    scripted: Sequence[str], tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    params = {"do": "die", "root": "commit-a", "journal": str(journal)}
    async with EnginePool(scripted) as pool:
        with pytest.raises(RenderError, match="twice"):
            await pool.call("decode", params, deadline=20)
        assert len(journal.read_text().splitlines()) == 2
        with pytest.raises(RenderError, match="not rendered again"):
            await pool.call("decode", params, deadline=20)
        assert len(journal.read_text().splitlines()) == 2
        with pytest.raises(RenderError, match="twice"):
            await pool.call("decode", params | {"root": "commit-b"}, deadline=20)
        assert len(journal.read_text().splitlines()) == 4


async def test_Z3_renders_in_flight_beside_a_killer_succeed(scripted: Sequence[str], tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    outcomes: dict[str, str] = {}

    async def innocent() -> None:
        answer = await pool.call("decode", {"do": "die once", "mark": str(tmp_path / "mark")}, deadline=20)
        outcomes["innocent"] = name_of(answer)

    async def killer() -> None:
        with pytest.raises(RenderError, match="twice"):
            await pool.call("decode", {"do": "die", "journal": str(journal)}, deadline=20)
        outcomes["killer"] = "refused"

    async with EnginePool(scripted) as pool:
        await ready(pool)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(innocent)
            tasks.start_soon(killer)
    assert outcomes == {"innocent": "made", "killer": "refused"}


async def test_a_worker_over_its_memory_limit_is_named_with_the_limit(scripted: Sequence[str]) -> None:
    async with EnginePool(scripted) as pool:
        with pytest.raises(RenderError) as caught:
            await pool.call("decode", {"do": "memory"}, deadline=20)
        assert caught.value.why == "more memory than 1 byte"
        await ready(pool)


async def test_D4_a_worker_that_does_not_answer_is_killed_after_its_deadline(
    scripted: Sequence[str], tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    async with EnginePool(scripted, grace=0.05) as pool:
        first = await ready(pool)
        with pytest.raises(RenderError, match=r"not ready after 0\.1 s") as caught:
            await pool.call("decode", {"do": "hold", "journal": str(journal)}, deadline=0.1)
        assert caught.value.retryable
        assert await ready(pool) != first


async def test_a_stuck_worker_is_replaced_and_the_requests_beside_it_are_answered(
    scripted: Sequence[str], tmp_path: Path
) -> None:
    async with EnginePool(scripted) as pool:
        first = await ready(pool)
        with pytest.raises(RenderError, match="not ready after 1s"):
            await pool.call("decode", {"do": "stuck"}, deadline=1)
        assert await ready(pool) != first


async def test_a_caller_that_gives_up_leaves_the_worker_working(scripted: Sequence[str], tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    os.mkfifo(journal)
    taken = os.open(journal, os.O_RDONLY | os.O_NONBLOCK)
    async with EnginePool(scripted, in_flight=1) as pool:
        first = await ready(pool)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: pool.call("decode", {"do": "hold", "journal": str(journal)}, deadline=60))
            with anyio.fail_after(30):
                await anyio.wait_readable(taken)
            tasks.cancel_scope.cancel()
        assert await ready(pool) == first
    os.close(taken)


async def test_a_worker_that_breaks_the_protocol_is_ended(scripted: Sequence[str]) -> None:
    async with EnginePool(scripted) as pool:
        with pytest.raises(RenderError) as caught:
            await pool.call("decode", {"do": "garbage"}, deadline=20)
        assert "it broke the protocol" in caught.value.why
        await ready(pool)


async def test_the_real_engine_decodes_after_being_killed(engine: str) -> None:
    async with EnginePool([engine]) as pool:
        params = {"documents_base64": DOCUMENT, "file": "node.yaml"}
        assert name_of(await pool.call("decode", params, deadline=20)) == "node"
        os.kill(pool.pids()[0], signal.SIGKILL)
        assert name_of(await pool.call("decode", params, deadline=20)) == "node"


async def test_a_method_without_manifests_gives_its_result_as_it_stands(scripted: Sequence[str]) -> None:
    async with EnginePool(scripted) as pool:
        result = await pool.ask("health", {"name": "n"}, deadline=20)
        assert list(result) == ["manifests", "reads", "warnings"]
        with pytest.raises(RenderError, match="not ready after 1s"):
            await pool.ask("health", {"do": "stuck"}, deadline=20)
        with pytest.raises(RenderError, match="twice"):
            await pool.ask("health", {"do": "die"}, deadline=20)
