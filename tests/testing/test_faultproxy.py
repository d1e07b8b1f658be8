"""The proxy that fails on demand leaves nothing behind when it ends, however its API server takes that."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import aiohttp
import anyio

from gitopsd.testing.faultproxy import FaultProxy
from tests.cluster_fixture import ApiServer


@contextmanager
def mute(api_server: ApiServer) -> Iterator[tuple[int, threading.Semaphore]]:
    """A server with the API server's certificate that reads one request per connection and never says a word again,
    not even that TLS ends. Its port, and what is released for each request.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(api_server.folder / "pki" / "apiserver.crt", api_server.folder / "pki" / "apiserver.key")
    asked = threading.Semaphore(0)
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as held:

        def serve() -> None:
            with suppress(OSError):  # the listener was closed
                while True:
                    accepted, _ = listener.accept()
                    connection = held.enter_context(context.wrap_socket(accepted, server_side=True))
                    connection.recv(65536)
                    asked.release()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], asked
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_requests_that_are_never_answered_leave_no_socket_to_the_next_test(
    api_server: ApiServer, tmp_path: Path
) -> None:
    async def ask(proxy: FaultProxy) -> None:
        async with aiohttp.ClientSession() as session:
            await session.get(proxy.url)

    async def leave_while_it_waits(kubeconfig: Path, asked: threading.Semaphore) -> None:
        async with FaultProxy(kubeconfig) as proxy, anyio.create_task_group() as tasks:
            tasks.start_soon(ask, proxy)
            await anyio.to_thread.run_sync(asked.acquire)
            tasks.cancel_scope.cancel()

    with mute(api_server) as (port, asked):
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(api_server.kubeconfig.read_text().replace(api_server.server, f"https://127.0.0.1:{port}"))
        gc.collect()  # what others left is theirs
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            anyio.run(leave_while_it_waits, kubeconfig, asked)
            gc.collect()
    assert [str(each.message) for each in told] == []
