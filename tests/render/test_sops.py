"""The process that decrypts, as a process."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import pytest
from blockbuster import blockbuster_ctx

from gitopsd.core.app import AppSpec, Destination
from gitopsd.core.errors import GitopsdError, RenderError
from gitopsd.core.ids import AppName
from gitopsd.core.secret import Secret
from gitopsd.ports.sops import KeyServices, SopsAccess, SopsKey
from gitopsd.render.sops import Sops, locate_sops
from gitopsd.render.supplies import NoKeyError
from tests.sealing import Key, age_keys, pgp_key, seal

PLAIN = {
    "yaml": "kind: Secret\nstringData:\n    token: swordfish\n---\nkind: Other\n",
    "json": '{\n\t"token": "swordfish"\n}\n',
    "dotenv": "TOKEN=swordfish\n",
    "ini": "[section]\ntoken = swordfish\n",
    "binary": "\x00swordfish\n",
}
GOOD_TOKEN = "canary-token"
YAML = "token: swordfish\n"


@pytest.fixture(scope="module")
def keys() -> list[Key]:
    return age_keys(2)


@pytest.fixture(scope="module")
def pgp() -> Key:
    return pgp_key()


@pytest.fixture(scope="session")
def command() -> tuple[str, ...]:
    found = locate_sops(os.environ)
    if found is None:
        assert not os.environ.get("CI"), "gitopsd-sops is missing: run `make setup`"
        pytest.skip("gitopsd-sops is not built: run `make setup`")
    return (found,)


def own(*keys: Key, projects: tuple[str, ...] = ()) -> tuple[SopsKey, ...]:
    return tuple(SopsKey(Secret(key.private), projects) for key in keys)


def app(project: str = "default") -> AppSpec:
    return AppSpec(AppName("app"), (), Destination(name="local"), project=project)


async def refused(sops: Sops, cipher: bytes, spec: AppSpec | None = None) -> RenderError:
    with pytest.raises(RenderError) as caught:
        await sops.decrypt(spec or app(), cipher, "prod/secret.yaml", "yaml")
    assert not re.search("SECRET-KEY-1[A-Z0-9]", repr(caught.value) + str(caught.value))
    assert "swordfish" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("syntax", PLAIN)
async def test_each_format_is_decrypted_by_age_and_by_pgp(
    command: tuple[str, ...], keys: list[Key], pgp: Key, syntax: str
) -> None:
    cipher = seal(PLAIN[syntax], syntax=syntax, age=[keys[0]], pgp=[pgp])
    for access in (SopsAccess(age=own(keys[0])), SopsAccess(pgp=own(pgp))):
        async with Sops(command, access) as sops:
            assert (await sops.decrypt(app(), cipher, "f", syntax)).decode() == PLAIN[syntax]


async def test_the_process_starts_with_the_first_file_and_serves_many(
    command: tuple[str, ...], keys: list[Key]
) -> None:
    cipher = seal(YAML, age=[keys[0]])
    found: list[bytes] = []

    async def one() -> None:
        found.append(await sops.decrypt(app(), cipher, "f", "yaml"))

    async with Sops(command, SopsAccess(age=own(keys[0]))) as sops:
        before = sops.pid
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(one)
        pid = sops.pid
        await one()
        assert sops.pid == pid
    assert before is None
    assert pid is not None
    assert found == [YAML.encode()] * 21
    assert not await anyio.Path(f"/proc/{pid}").exists()


async def test_a_file_for_somebody_else_is_told_with_its_recipients(
    command: tuple[str, ...], keys: list[Key], pgp: Key
) -> None:
    cipher = seal(YAML, age=[keys[1]], pgp=[pgp])
    async with Sops(command, SopsAccess(age=own(keys[0]))) as sops:
        error = await refused(sops, cipher)
        assert isinstance(error, NoKeyError)
        assert "prod/secret.yaml" in str(error)
        assert keys[1].name in error.what
        assert pgp.name in error.what
        assert keys[0].name in error.hint
    async with Sops(command, SopsAccess()) as sops:
        assert keys[1].name in (await refused(sops, cipher)).what


async def test_a_key_that_cannot_be_read_is_named_and_not_quoted(command: tuple[str, ...], keys: list[Key]) -> None:
    cipher = seal(YAML, age=[keys[0]])
    broken = SopsKey(Secret("AGE-SECRET-KEY-1CANARY"))
    async with Sops(command, SopsAccess(age=(broken,))) as sops:
        error = await refused(sops, cipher)
        assert "age key 1 cannot be read" in error.what
        assert "CANARY" not in str(error)
        sops.reconfigure(SopsAccess(age=(broken, *own(keys[0]))))
        assert await sops.decrypt(app(), cipher, "f", "yaml") == YAML.encode()


async def test_a_file_that_was_tampered_with_is_refused(command: tuple[str, ...], keys: list[Key]) -> None:
    cipher = seal("open: yes\ntoken: swordfish\n", age=[keys[0]], encrypted_regex="^token$")
    async with Sops(command, SopsAccess(age=own(keys[0]))) as sops:
        error = await refused(sops, cipher.replace(b"open: ", b"open: no "))
        assert not isinstance(error, NoKeyError)
        assert "was changed after it was encrypted" in error.what


async def test_other_keys_take_effect_at_once(command: tuple[str, ...], keys: list[Key]) -> None:
    old, new = keys
    async with Sops(command, SopsAccess(age=own(old))) as sops:
        before = sops.generation
        cipher = seal(YAML, age=[new])
        await refused(sops, cipher)
        first = sops.pid
        sops.reconfigure(SopsAccess(age=own(old)))
        assert (sops.pid, sops.generation) == (first, before)
        sops.reconfigure(SopsAccess(age=own(new)))
        assert sops.generation != before
        assert await sops.decrypt(app(), cipher, "f", "yaml") == YAML.encode()
        assert sops.pid != first
        await refused(sops, seal(YAML, age=[old]))


async def test_a_killed_process_is_replaced_and_nothing_is_lost(command: tuple[str, ...], keys: list[Key]) -> None:
    cipher = seal(YAML, age=[keys[0]])
    found: list[bytes] = []

    async def one() -> None:
        found.append(await sops.decrypt(app(), cipher, "f", "yaml"))

    async with Sops(command, SopsAccess(age=own(keys[0]))) as sops:
        await one()
        for _ in range(3):
            async with anyio.create_task_group() as tasks:
                for _ in range(8):
                    tasks.start_soon(one)
                if sops.pid is not None:
                    os.kill(sops.pid, signal.SIGKILL)
        await one()
    assert found == [YAML.encode()] * 26


async def test_D1_a_file_that_needs_too_much_memory_is_named_and_the_next_one_works(
    command: tuple[str, ...], keys: list[Key]
) -> None:
    large = seal("x" * (12 << 20), syntax="binary", age=[keys[0]])
    async with Sops(command, SopsAccess(age=own(keys[0])), memory_limit=48 << 20) as sops:
        with pytest.raises(RenderError, match="died of large, twice") as caught:
            await sops.decrypt(app(), large, "large", "binary")
        assert "memory" in caught.value.why
        assert await sops.decrypt(app(), seal(YAML, age=[keys[0]]), "f", "yaml") == YAML.encode()


async def test_keys_are_for_the_projects_that_they_name(command: tuple[str, ...], keys: list[Key]) -> None:
    cipher = seal(YAML, age=[keys[0]])
    async with Sops(command, SopsAccess(age=own(keys[0], projects=("team-*",)))) as sops:
        assert await sops.decrypt(app("team-a"), cipher, "f", "yaml") == YAML.encode()
        error = await refused(sops, cipher, app("other"))
        assert isinstance(error, NoKeyError)
        assert "none is configured for this application" in error.hint


async def test_S9_no_key_is_in_the_arguments_or_the_environment_of_the_process(
    command: tuple[str, ...], keys: list[Key]
) -> None:
    services = KeyServices(("https://vault.example.org",), {"VAULT_TOKEN": Secret("canary-token")})
    async with Sops(command, SopsAccess(age=own(keys[0]), services=services)) as sops:
        await sops.decrypt(app(), seal(YAML, age=[keys[0]]), "f", "yaml")
        process = anyio.Path(f"/proc/{sops.pid}")
        shown = await (process / "cmdline").read_bytes() + await (process / "environ").read_bytes()
        assert b"SECRET" not in shown
        assert b"canary" not in shown


async def test_a_program_that_is_missing_or_no_such_program_is_told() -> None:
    for command in (None, ("/bin/cat",), ("/does/not/exist",)):
        async with Sops(command, SopsAccess()) as sops:
            with pytest.raises(RenderError, match="gitopsd-sops is not there") as caught:
                await sops.decrypt(app(), b"", "f", "yaml")
            assert caught.value.retryable


async def test_nothing_blocks_the_loop_while_decrypting(command: tuple[str, ...], keys: list[Key]) -> None:
    large = seal("x" * (2 << 20), syntax="binary", age=[keys[0]])
    async with Sops(command, SopsAccess(age=own(keys[0]))) as sops:
        with blockbuster_ctx():
            for _ in range(3):
                assert len(await sops.decrypt(app(), large, "f", "binary")) == 2 << 20


@dataclass
class Vault:
    """Opens what was sealed for it, for who has the token; `hold` keeps it from answering until it is set."""

    url: str = ""
    tokens: list[str] = field(default_factory=list)
    hold: threading.Event | None = None


@contextmanager
def vault(hold: threading.Event | None = None) -> Iterator[Vault]:
    found = Vault(hold=hold)

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            found.tokens.append(self.headers["X-Vault-Token"])
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if found.hold is not None:
                found.hold.wait(30)
            allowed = found.tokens[-1] == "canary-token"
            plain = asked["ciphertext"].removeprefix("vault:v1:")
            body = {"data": {"plaintext": plain}} if allowed else {"errors": ["no entry for canary-wrong here"]}
            raw = json.dumps(body).encode()
            self.send_response(200 if allowed else 403)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield found
        finally:
            if found.hold is not None:
                found.hold.set()
            server.shutdown()
            serving.join()


def services(url: str, token: str = GOOD_TOKEN) -> SopsAccess:
    return SopsAccess(services=KeyServices((url,), {"VAULT_TOKEN": Secret(token)}))


async def test_a_key_service_that_is_allowed_opens_a_file(command: tuple[str, ...]) -> None:
    with vault() as here:
        cipher = seal(YAML, vault=[f"{here.url}/v1/sops/keys/one"])
        async with Sops(command, services(f"{here.url}/v1/sops")) as sops:
            assert await sops.decrypt(app(), cipher, "f", "yaml") == YAML.encode()
        assert here.tokens == ["canary-token"]


async def test_S8_what_a_key_service_answers_is_told_without_the_credentials(command: tuple[str, ...]) -> None:
    with vault() as here:
        cipher = seal(YAML, vault=[f"{here.url}/v1/sops/keys/one"])
        async with Sops(command, services(here.url, "canary-wrong")) as sops:
            error = await refused(sops, cipher)
            assert "403" in error.what
            assert "no entry for … here" in error.what
            assert "canary" not in str(error)


async def test_S15_a_key_service_that_a_file_names_gets_no_credentials_unless_it_is_allowed(
    command: tuple[str, ...],
) -> None:
    with vault() as here:
        cipher = seal(YAML, vault=[f"{here.url}/v1/sops/keys/one"])
        for access in (services("https://vault.example.org"), SopsAccess()):
            async with Sops(command, access) as sops:
                error = await refused(sops, cipher)
                assert "is not among sops.kms.keys" in error.what
                assert here.url in error.what
        assert here.tokens == []


async def test_D1_a_key_service_that_never_answers_costs_one_file_its_deadline(
    command: tuple[str, ...], keys: list[Key]
) -> None:
    with vault(threading.Event()) as here:
        cipher = seal(YAML, vault=[f"{here.url}/v1/sops/keys/one"])
        access = SopsAccess(age=own(keys[0]), services=services(here.url).services)
        async with Sops(command, access, deadline=1.0) as sops:
            error = await refused(sops, cipher)
            assert error.retryable
            assert await sops.decrypt(app(), seal(YAML, age=[keys[0]]), "f", "yaml") == YAML.encode()


async def test_an_age_key_is_an_ordinary_key_file(command: tuple[str, ...], keys: list[Key]) -> None:
    text = f"# created: 2026-01-02T03:04:05Z\n# public key: {keys[0].name}\n{keys[0].private}\n{keys[1].private}\n"
    async with Sops(command, SopsAccess(age=(SopsKey(Secret(text)),))) as sops:
        for key in keys:
            assert await sops.decrypt(app(), seal(YAML, age=[key]), "f", "yaml") == YAML.encode()


async def test_what_is_no_sops_file_is_refused_without_quoting_it(command: tuple[str, ...], keys: list[Key]) -> None:
    async with Sops(command, SopsAccess(age=own(keys[0]))) as sops:
        for content in (b"", b"swordfish", b"sops: {mac: swordfish, version: 3}\n", b"\xff" * 100):
            error: GitopsdError = await refused(sops, content)
            assert "prod/secret.yaml" in error.what
