"""Argo CD's Secrets as commands without a daemon read them. With a real cluster: tests/e2e/test_render.py."""

from __future__ import annotations

import socket
from pathlib import Path

import anyio
from anyio.abc import SocketAttribute, SocketStream

from gitopsd.config import Config, load
from gitopsd.core.errors import ClusterDown
from gitopsd.daemon.argocd_secrets import read_repositories, with_repositories
from gitopsd.daemon.clock import SystemClock

CONFIG = """\
clusters:
  - {{name: one, server: "https://127.0.0.1:{port}", token: t}}
  - {{name: two, server: "https://127.0.0.1:{port}", token: t}}
repositories: [{{url: "https://git.example.org/own.git"}}]
repositoriesFrom: [{{cluster: one, namespace: argocd}}, {{cluster: two, namespace: argocd}}]
"""


async def configured(folder: Path, port: int) -> Config:
    path = folder / "c.yaml"
    path.write_text(CONFIG.format(port=port), encoding="utf-8")
    path.chmod(0o600)
    return await anyio.to_thread.run_sync(lambda: load(str(path), environ={}))


async def test_a_cluster_that_never_answers_is_told_and_the_configuration_stays_as_it_is(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = await configured(tmp_path, silent.getsockname()[1])
        answers = await read_repositories(config, SystemClock(), seconds=0.3)
    assert [place.cluster for place in answers] == ["one", "two"]
    for place, answer in answers.items():
        assert isinstance(answer, ClusterDown)
        assert f"cluster {place.cluster}: no answer within 0.3 s" in str(answer)
        assert answer.hint
    assert with_repositories(config, answers).repositories == config.repositories


async def test_no_cluster_waits_for_another_that_does_not_answer(tmp_path: Path) -> None:
    waiting, both = 0, anyio.Event()

    async def hold(stream: SocketStream) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 2:
            both.set()
        async with stream:
            await anyio.sleep_forever()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as server, anyio.create_task_group() as tasks:
        port = server.extra(SocketAttribute.local_port)  # noqa: S610  # not Django's `extra`
        config = await configured(tmp_path, port)
        tasks.start_soon(server.serve, hold)
        tasks.start_soon(lambda: read_repositories(config, SystemClock(), seconds=60.0))
        with anyio.fail_after(30):
            await both.wait()
        tasks.cancel_scope.cancel()
