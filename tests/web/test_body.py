"""Request bodies are bounded before anything reads them."""

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from gitopsd.web.body import MOST_BYTES, BodyLimit
from gitopsd.web.crowd import Crowd
from tests.web.conftest import Daemon

PATH = "/api/v1/applications/guestbook/refresh"


async def endless(sent: list[int]) -> AsyncIterator[bytes]:
    """Give a body of 2 GiB, a piece at a time, noting how much was taken."""
    for _ in range(32768):
        sent.append(65536)
        yield b"x" * 65536


async def test_W1_a_chunked_body_ends_at_the_limit(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.add("guestbook")
    sent: list[int] = []
    told = await local.post(PATH, content=endless(sent), headers={"content-type": "application/json"})
    assert (told.status_code, told.json()["error"]["code"]) == (413, "too-large")
    assert sum(sent) <= MOST_BYTES + 2 * 65536
    assert daemon.refreshed == []


async def test_W1_a_body_that_says_it_is_too_long_is_not_read(daemon: Daemon, local: httpx.AsyncClient) -> None:
    sent: list[int] = []
    told = await local.post(
        PATH, content=endless(sent), headers={"content-type": "application/json", "content-length": str(2 << 30)}
    )
    assert told.status_code == 413
    assert sent == []


async def test_W1_the_public_door_takes_no_body(public: httpx.AsyncClient) -> None:
    told = await public.request("GET", "/metrics", content=b"x")
    assert told.status_code == 413


async def test_W1_a_body_that_does_not_come_is_given_up() -> None:
    sent: list[Message] = []

    async def never() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-length", b"5"), (b"content-type", b"application/json")]
    scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    with anyio.fail_after(30):
        await BodyLimit(PlainTextResponse("not reached"), MOST_BYTES, read_seconds=0.01)(scope, never, send)
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_a_body_that_a_form_of_another_site_could_send_is_refused(
    daemon: Daemon, local: httpx.AsyncClient, content_type: str
) -> None:
    daemon.add("guestbook")
    told = await local.post(PATH, content=b"{}", headers={"content-type": content_type})
    assert (told.status_code, told.json()["error"]["code"]) == (415, "unsupported-media-type")
    assert daemon.refreshed == []


@pytest.mark.parametrize("content", [b"", b"{}"])
async def test_an_empty_or_json_body_is_taken(daemon: Daemon, local: httpx.AsyncClient, content: bytes) -> None:
    daemon.add("guestbook")
    told = await local.post(PATH, content=content, headers={"content-type": "application/json; charset=utf-8"})
    assert told.status_code == 202


async def test_the_app_behind_gets_the_whole_body() -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await PlainTextResponse(message["body"])(scope, receive, send)

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"a":', b"1", b"}"):
            yield piece

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(BodyLimit(echo, MOST_BYTES)), base_url="http://gitopsd"
    ) as client:
        told = await client.post("/", content=pieces(), headers={"content-type": "application/json"})
    assert told.text == '{"a":1}'


async def test_a_crowd_is_answered_503_and_let_in_again_later() -> None:
    inside, leave = anyio.Event(), anyio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        inside.set()
        await leave.wait()
        await PlainTextResponse("done")(scope, receive, send)

    statuses: list[int] = []
    transport = httpx.ASGITransport(Crowd(slow, most=1))
    async with httpx.AsyncClient(transport=transport, base_url="http://gitopsd") as client:

        async def first() -> None:
            statuses.append((await client.get("/")).status_code)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(first)
                await inside.wait()
                refused = await client.get("/")
                leave.set()
        again = await client.get("/")
    assert (refused.status_code, refused.json()["error"]["code"], refused.headers["retry-after"]) == (503, "busy", "1")
    assert [*statuses, again.status_code] == [200, 200]
