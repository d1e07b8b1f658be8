"""What a cluster's entry becomes, and what it says where it cannot be used."""

import base64
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from gitopsd.core.errors import ClusterError
from gitopsd.core.proxy import Proxy
from gitopsd.core.secret import Secret
from gitopsd.kube.credentials import read_credentials
from gitopsd.kube.http import KubeHttp
from gitopsd.ports.cluster import ClusterAccess
from tests.cluster_fixture import ApiServer
from tests.kube.conftest import RealClock

CANARY = "CANARY-5c1d"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def kubeconfig(folder: Path, *, user: object = None, cluster: object = None) -> Path:
    """Write one with one context."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster or {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user or {"token": CANARY}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path


def access(path: Path, **fields: str) -> ClusterAccess:
    return ClusterAccess("own", kubeconfig=str(path), **fields)  # type: ignore[arg-type]  # tests name text fields


async def refusal(what: ClusterAccess) -> str:
    with pytest.raises(ClusterError) as refused:
        await read_credentials(what, NOW)
    assert CANARY not in str(refused.value)
    assert refused.value.hint
    return str(refused.value)


async def test_a_token_stands_in_a_secret(tmp_path: Path) -> None:
    found = await read_credentials(access(kubeconfig(tmp_path)), NOW)
    assert found.authorization == Secret(f"Bearer {CANARY}")
    assert CANARY not in repr(found)


async def test_client_keys_do_not_stay_on_the_disk(
    api_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = await read_credentials(access(api_server.kubeconfig), NOW)
    assert found.tls is not None
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
async def test_reading_credentials_again_and_again_keeps_no_file_open(api_server: ApiServer) -> None:
    await read_credentials(access(api_server.kubeconfig), NOW)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await read_credentials(access(api_server.kubeconfig), NOW)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_certificates_may_stand_in_the_entry_itself(api_server: ApiServer, clock: RealClock) -> None:
    pki = api_server.folder / "pki"
    what = ClusterAccess(
        "plain",
        server=api_server.server,
        ca=(pki / "ca.crt").read_text(),
        client_certificate=(pki / "admin.crt").read_text(),
        client_key=Secret((pki / "admin.key").read_text()),
    )
    async with KubeHttp(what, clock=clock) as http:
        assert (await http.request("GET", "/api/v1/namespaces/default")).ok


async def test_a_server_with_an_unknown_certificate_is_refused(api_server: ApiServer, clock: RealClock) -> None:
    async with KubeHttp(ClusterAccess("stranger", server=api_server.server), clock=clock) as http:
        with pytest.raises(ClusterError, match="certificate is refused") as refused:
            await http.request("GET", "/version")
    assert "give the authority that signed it" in refused.value.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "it cannot be read"),
        ("[]", "it cannot be read"),
        ("contexts: []\ncurrent-context: none", "none"),
    ],
)
async def test_a_broken_kubeconfig_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    assert said in await refusal(access(path))


async def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    assert "no such file" in await refusal(access(tmp_path / "nowhere"))


async def test_a_missing_context_is_named(tmp_path: Path) -> None:
    assert "staging" in await refusal(access(kubeconfig(tmp_path), context="staging"))


async def test_switching_tls_verification_off_needs_our_own_switch(tmp_path: Path) -> None:
    cluster = {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}
    assert "insecure: true" in await refusal(access(kubeconfig(tmp_path, cluster=cluster)))


async def test_tls_verification_is_off_only_where_the_kubeconfig_and_our_own_switch_both_say_so(
    api_server: ApiServer, tmp_path: Path, clock: RealClock
) -> None:
    own = yaml.safe_load(api_server.kubeconfig.read_text())
    user = own["users"][0]["user"]
    cluster = {"server": api_server.server, "insecure-skip-tls-verify": True}
    path = kubeconfig(tmp_path, cluster=cluster, user=user)
    permitted = replace(access(path), insecure=True)
    off = await read_credentials(permitted, NOW)
    async with KubeHttp(permitted, clock=clock) as http:
        assert (await http.request("GET", "/api/v1/namespaces/default")).ok
    for said in ({}, {"insecure-skip-tls-verify": False}):
        kubeconfig(tmp_path, cluster={"server": api_server.server, **said}, user=user)
        async with KubeHttp(permitted, clock=clock) as http:
            with pytest.raises(ClusterError, match="certificate is refused"):
                await http.request("GET", "/version")
        assert (await read_credentials(permitted, NOW)).fingerprint != off.fingerprint  # open connections end


@pytest.mark.parametrize(
    ("part", "key", "data"),
    [
        ("cluster", "certificate-authority", "!!!"),
        ("cluster", "certificate-authority", ""),
        ("cluster", "certificate-authority", base64.b64encode(b"no certificate").decode()),
        ("user", "client-certificate", "!!!"),
        ("user", "client-certificate", base64.b64encode(b"").decode()),
        ("user", "client-key", base64.b64encode(b"no key").decode()),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
async def test_what_is_no_certificate_or_key_never_counts_as_none(
    tmp_path: Path, part: str, key: str, data: str, in_file: bool
) -> None:
    """The library would take it for no certificates at all, and then the system's are trusted."""
    (tmp_path / "file").write_text(data)
    named = {key: "file"} if in_file else {f"{key}-data": data}
    cluster = {"server": "https://127.0.0.1:1", **(named if part == "cluster" else {})}
    path = kubeconfig(tmp_path, cluster=cluster, user=named if part == "user" else None)
    said = await refusal(access(path))
    assert f"{path}: its {key}{'' if in_file else '-data'} cannot be used: " in said


async def test_empty_data_leave_the_file_beside_them_in_force(api_server: ApiServer, tmp_path: Path) -> None:
    cluster = {
        "server": "https://127.0.0.1:1",
        "certificate-authority-data": "",
        "certificate-authority": str(api_server.folder / "pki" / "ca.crt"),
    }
    found = await read_credentials(access(kubeconfig(tmp_path, cluster=cluster)), NOW)
    assert found.tls is not None
    assert len(found.tls.get_ca_certs()) == 1


@pytest.mark.parametrize("key", ["as", "as-groups"])
async def test_J14_a_user_that_impersonates_is_refused_and_not_taken_for_itself(tmp_path: Path, key: str) -> None:
    user = {"token": CANARY, key: "somebody" if key == "as" else ["somebody"]}
    assert f"its user has {key}" in await refusal(access(kubeconfig(tmp_path, user=user)))


async def test_user_name_and_password_are_basic_authorization() -> None:
    what = ClusterAccess("basic", server="https://h", username="u", password=Secret(CANARY))
    found = await read_credentials(what, NOW)
    assert found.authorization == Secret("Basic " + base64.b64encode(f"u:{CANARY}".encode()).decode())


async def test_a_kubeconfigs_proxy_gives_way_to_the_entrys(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, cluster={"server": "http://127.0.0.1:1", "proxy-url": "http://one:1"})
    assert (await read_credentials(access(path), NOW)).proxy == "http://one:1"
    what = replace(access(path), proxy=Proxy("http", "two", 2, "u", Secret("p@ss")))
    assert (await read_credentials(what, NOW)).proxy == "http://u:p%40ss@two:2"


async def test_a_proxy_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    cluster = {"server": "http://127.0.0.1:1", "proxy-url": f"socks5://{CANARY}@h:1"}
    assert "its proxy-url cannot be used" in await refusal(access(kubeconfig(tmp_path, cluster=cluster)))


async def test_a_kubeconfig_that_was_replaced_is_read_anew_after_a_401(tmp_path: Path) -> None:
    async def judge(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=200 if request.headers["Authorization"] == "Bearer new" else 401)

    runner = web.ServerRunner(web.Server(judge))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cluster = {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    clock = SteppingClock()
    async with KubeHttp(access(kubeconfig(tmp_path, cluster=cluster)), clock=clock) as http:
        assert (await http.request("GET", "/version")).status == 401
        kubeconfig(tmp_path, cluster=cluster, user={"token": "new"})
        clock.seconds += 6
        assert (await http.request("GET", "/version")).status == 200
    await runner.cleanup()


async def test_a_token_that_was_refused_is_read_anew(tmp_path: Path) -> None:
    """The file holds a new token by then; five seconds of the clock lie between two readings."""
    token = tmp_path / "token"
    token.write_text("old")

    async def judge(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=200 if request.headers["Authorization"] == "Bearer new" else 401)

    runner = web.ServerRunner(web.Server(judge))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    clock = SteppingClock()
    what = ClusterAccess("rotating", server=f"http://127.0.0.1:{runner.addresses[0][1]}", token_file=str(token))
    async with KubeHttp(what, clock=clock) as http:
        assert (await http.request("GET", "/version")).status == 401
        token.write_text("new")
        assert (await http.request("GET", "/version")).status == 401
        clock.seconds += 6
        assert (await http.request("GET", "/version")).status == 200
    await runner.cleanup()


class SteppingClock(RealClock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def monotonic(self) -> float:
        """Return what the test says."""
        return self.seconds


def test_only_what_is_needed_of_the_kubernetes_library_is_loaded() -> None:
    """And whoever wants the whole of it still gets it."""
    script = """
import sys, gitopsd.kube.cluster
assert not [name for name in sys.modules if name.startswith("kubernetes_asyncio")]
import kubernetes_asyncio.client
assert callable(kubernetes_asyncio.client.ApiClient) and kubernetes_asyncio.client.V1Pod
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
