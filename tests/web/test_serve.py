"""Real sockets."""

# Files are what these tests are about, and nothing else runs in their loops.

import contextlib
import logging
import socket
import stat
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import pytest
from starlette.types import Receive, Scope, Send

from gitopsd.core.errors import ConfigError
from gitopsd.web import Door, Listening, TcpAddress, UnixSocket, create_app, serve
from gitopsd.web.headers import SECURITY_HEADERS
from tests.web.conftest import Daemon

LOOPBACK = TcpAddress("127.0.0.1", 0)


@asynccontextmanager
async def serving(daemon: Daemon, listen: TcpAddress | UnixSocket, door: Door = Door.LOCAL) -> AsyncIterator[Listening]:
    """Serve the app for as long as the block runs."""
    async with anyio.create_task_group() as tasks:
        yield await tasks.start(serve, create_app(daemon.services(), door), listen)
        tasks.cancel_scope.cancel()


def over(path: Path) -> httpx.AsyncClient:
    """Return a client over the unix socket."""
    return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(path)), base_url="http://gitopsd", timeout=10)


async def test_the_public_door_answers_on_tcp(daemon: Daemon) -> None:
    async with serving(daemon, LOOPBACK, Door.PUBLIC) as at, httpx.AsyncClient(timeout=10) as client:
        base = f"http://{at.host}:{at.port}"
        told = await client.get(f"{base}/healthz")
        assert (told.status_code, told.json()) == (200, {"status": "ok", "reason": ""})
        assert {name: told.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert not {"server", "date"} & told.headers.keys()
        assert (await client.get(f"{base}/api/v1/applications")).status_code == 404


async def test_the_api_answers_on_the_unix_socket_and_leaves_nothing_behind(daemon: Daemon, tmp_path: Path) -> None:
    daemon.add("guestbook")
    path = tmp_path / "gitopsd.sock"
    async with serving(daemon, UnixSocket(path)) as at, over(path) as client:
        assert at.path == path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (await client.get("/api/v1/applications")).json()["total"] == 1
        assert (await client.get("/metrics")).status_code == 200
    assert not path.exists()


@pytest.mark.usefixtures("nothing_blocks")
async def test_serving_never_blocks_the_loop(daemon: Daemon, tmp_path: Path) -> None:
    daemon.add("guestbook")
    path = tmp_path / "gitopsd.sock"
    async with serving(daemon, UnixSocket(path)), over(path) as client:
        assert (await client.get("/api/v1/applications/guestbook")).status_code == 200


async def test_a_taken_port_is_said_so(daemon: Daemon) -> None:
    async with serving(daemon, LOOPBACK) as at:
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{at.port}: cannot listen: .*in use.*another program"):
            await serve(create_app(daemon.services(), Door.PUBLIC), TcpAddress(at.host, at.port))


async def test_a_port_is_free_again_at_once(daemon: Daemon) -> None:
    async with serving(daemon, LOOPBACK) as at, httpx.AsyncClient() as client:
        await client.get(f"http://127.0.0.1:{at.port}/healthz")
    async with serving(daemon, TcpAddress("127.0.0.1", at.port)) as again:
        assert again.port == at.port


@pytest.mark.parametrize("address", [TcpAddress("203.0.113.7", 1), TcpAddress("no.such.host.invalid", 80)])
async def test_an_address_of_no_use_is_said_so(daemon: Daemon, address: TcpAddress) -> None:
    with pytest.raises(ConfigError, match=r"Try: set server\.listen"):
        await serve(create_app(daemon.services(), Door.PUBLIC), address)


async def test_a_path_that_is_too_long_says_its_length(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / ("x" * 120)
    with pytest.raises(ConfigError, match=r"too long: it has \d+ bytes, the system takes 107.*state\.dir"):
        await serve(create_app(daemon.services(), Door.LOCAL), UnixSocket(path))


async def test_a_folder_that_is_not_there_is_said_so(daemon: Daemon, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot listen on the socket"):
        await serve(create_app(daemon.services(), Door.LOCAL), UnixSocket(tmp_path / "none" / "s"))


async def test_a_socket_of_a_killed_daemon_is_taken_over(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "gitopsd.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with serving(daemon, UnixSocket(path)), over(path) as client:
        assert (await client.get("/healthz")).status_code == 200


async def test_a_socket_that_somebody_answers_on_is_left_alone(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "gitopsd.sock"
    async with serving(daemon, UnixSocket(path)), over(path) as client:
        with pytest.raises(ConfigError, match="another gitopsd answers"):
            await serve(create_app(daemon.services(), Door.LOCAL), UnixSocket(path))
        assert (await client.get("/healthz")).status_code == 200


async def test_a_file_in_place_of_the_socket_is_left_alone(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "gitopsd.sock"
    path.write_text("precious")
    with pytest.raises(ConfigError, match="a file in place of the socket"):
        await serve(create_app(daemon.services(), Door.LOCAL), UnixSocket(path))
    assert path.read_text() == "precious"


async def test_a_socket_that_another_daemon_put_there_meanwhile_stays(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "gitopsd.sock"
    async with serving(daemon, UnixSocket(path)):
        path.unlink()
        path.write_text("another one's")
    assert path.read_text() == "another one's"


async def test_it_ends_though_requests_of_minutes_are_under_way(daemon: Daemon, tmp_path: Path) -> None:
    daemon.add("guestbook")
    path = tmp_path / "gitopsd.sock"
    ends: list[str] = []
    async with anyio.create_task_group() as clients:

        async def ask() -> None:
            async with over(path) as client:
                try:
                    told = await client.post("/api/v1/applications/guestbook/refresh?wait=200")
                    ends.append(str(told.status_code))
                except httpx.TransportError as error:
                    ends.append(type(error).__name__)

        async with serving(daemon, UnixSocket(path)):
            for _ in range(3):
                clients.start_soon(ask)
            with anyio.fail_after(30):
                await daemon.asked.wait()
            began = time.monotonic()
        assert time.monotonic() - began < 10  # what the requests wait for takes 200
    assert len(ends) == 3
    assert not path.exists()


async def test_a_request_under_way_is_finished_when_it_ends_soon(tmp_path: Path) -> None:
    path = tmp_path / "gitopsd.sock"
    inside, leave = anyio.Event(), anyio.Event()
    statuses: list[int] = []

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        inside.set()
        await leave.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask() -> None:
        async with over(path) as client:
            statuses.append((await client.get("/")).status_code)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as clients, anyio.create_task_group() as tasks:
            await tasks.start(serve, slow, UnixSocket(path))
            clients.start_soon(ask)
            await inside.wait()
            tasks.cancel_scope.cancel()
            leave.set()
    assert statuses == [204]


async def test_an_idle_door_asks_for_no_timer(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def counting(delay: float) -> None:
        slept.append(delay)
        await anyio.lowlevel.checkpoint()

    with monkeypatch.context() as patched:
        patched.setattr("asyncio.sleep", counting)
        async with serving(daemon, UnixSocket(tmp_path / "gitopsd.sock")):
            await anyio.wait_all_tasks_blocked()
            assert slept == []
            patched.undo()


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 40_000,
        b"POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    ],
)
async def test_bytes_that_are_no_request_harm_nobody(daemon: Daemon, raw: bytes) -> None:
    async with serving(daemon, LOOPBACK, Door.PUBLIC) as at, httpx.AsyncClient(timeout=10) as client:
        async with await anyio.connect_tcp("127.0.0.1", at.port) as stream:
            await stream.send(raw)
            with anyio.fail_after(30):
                status = (await stream.receive()).split(b" ", 2)[1]
        assert status[:1] == b"4"
        assert (await client.get(f"http://127.0.0.1:{at.port}/healthz")).status_code == 200
    assert _bugs(daemon) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: Upgrade\r\n\r\n",
        b"GARBAGE\r\n\r\n",
    ],
)
async def test_what_strangers_send_puts_nothing_into_the_log(
    daemon: Daemon, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with (
            serving(daemon, LOOPBACK, Door.PUBLIC) as at,
            await anyio.connect_tcp("127.0.0.1", at.port) as stream,
        ):
            await stream.send(raw)
            with anyio.fail_after(30):
                assert (await stream.receive()).startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == []


async def _exchange(port: int, raw: bytes) -> bytes:
    """All that comes back on a connection that the request asks to close."""
    told = b""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(raw)
        with anyio.fail_after(30), contextlib.suppress(anyio.EndOfStream):
            while True:
                told += await stream.receive()
    return told


@pytest.mark.parametrize("path", [b"/healthz", b"/readyz", b"/metrics"])
async def test_a_head_is_answered_as_its_get_without_the_body(daemon: Daemon, path: bytes) -> None:
    async with serving(daemon, LOOPBACK, Door.PUBLIC) as at:
        rest = path + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        got = await _exchange(at.port, b"GET " + rest)
        assert got.startswith(b"HTTP/1.1 200 ")
        assert await _exchange(at.port, b"HEAD " + rest) == got.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


@pytest.mark.parametrize("origin", [b"http://127.0.0.1:8081", b"HTTPS://metrics.example.org"])
async def test_a_request_may_name_the_whole_url(daemon: Daemon, origin: bytes) -> None:
    async with serving(daemon, LOOPBACK, Door.PUBLIC) as at:
        rest = b"/metrics?a=b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        got = await _exchange(at.port, b"GET " + rest)
        assert got.startswith(b"HTTP/1.1 200 ")
        assert await _exchange(at.port, b"GET " + origin + rest) == got
        for target in (origin, origin + b"/api/v1/applications", b"ftp://x/metrics"):
            nowhere = b"GET " + target + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            assert (await _exchange(at.port, nowhere)).startswith(b"HTTP/1.1 404 ")


def _bugs(daemon: Daemon) -> Sequence[Exception]:
    return [error for _, error in daemon.bugs]
