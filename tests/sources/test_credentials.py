"""Credentials of every kind, proxies and certificates: wrong ones fail in words, right ones need no restart."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import http.client
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gitopsd.core.errors import SourceError
from gitopsd.core.known_hosts import known_hosts_as
from gitopsd.core.proxy import parse_proxy
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import GitHubApp, RepositoryAccess
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.git import GitSources
from gitopsd.sources.limits import GitLimits, GitRequest
from gitopsd.sources.worker import relay
from gitopsd.testing.forge import Forge
from gitopsd.testing.gitserver import GitRepo, GitServer, SshServer, new_key
from gitopsd.testing.proxies import ProxyServer
from tests.sources.certificates import Authority
from tests.sources.watching import files_with

PAST = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)


def tip(repo: GitRepo) -> str:
    return repo.git("rev-parse", "main")


async def opened(stack: AsyncExitStack, folder: Path, *accesses: RepositoryAccess) -> GitSources:
    return await stack.enter_async_context(GitSources(folder=folder / "state", repositories=accesses))


async def refusal(sources: GitSources, url: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await sources.refs(url, fresh=True)
    assert "CANARY" not in f"{caught.value} {caught.value!r}"
    return caught.value


# Wrong, then right


@pytest.mark.parametrize("kind", ["password", "forced password", "token", "template"])
async def test_credentials_put_right_work_without_a_restart(
    *, kind: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    url = server.url(repo.path.name)
    server.faults.username, server.faults.password = "u", "right-CANARY"
    if kind == "token":
        server.faults.token = "right-CANARY"

    def accesses(secret: str) -> Accesses:
        match kind:
            case "token":
                return Accesses([RepositoryAccess(url, bearer_token=Secret(secret))])
            case "template":
                template = RepositoryAccess(f"http://127.0.0.1:{server.port}", username="u", password=Secret(secret))
                return Accesses([RepositoryAccess(url)], [template])
            case _:
                forced = kind == "forced password"
                return Accesses([RepositoryAccess(url, username="u", password=Secret(secret), force_basic_auth=forced)])

    sources = await stack.enter_async_context(GitSources(folder=tmp_path / "state", repositories=Accesses()))
    assert "asks for credentials" in (await refusal(sources, url)).why
    sources.reconfigure(accesses("wrong-CANARY"))
    error = await refusal(sources, url)
    assert (error.what, error.why) == ("authentication failed", "the server refused the credentials")
    sources.reconfigure(accesses("right-CANARY"))
    assert await sources.commit(url, "main") == tip(repo)

    # They expire: the next look-up says so, and what is there stays.
    server.faults.password, server.faults.token = "newer", "newer" if kind == "token" else ""
    await refusal(sources, url)
    assert await sources.commit(url, "main") == tip(repo)
    sources.reconfigure(accesses("newer"))
    await sources.refs(url, fresh=True)


async def test_a_forced_password_is_sent_before_the_server_asks(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    url = server.url(repo.path.name)
    access = RepositoryAccess(url, username="u", password=Secret("p"), force_basic_auth=True)
    sources = await opened(stack, tmp_path, access)
    assert await sources.commit(url, "main") == tip(repo)
    assert {seen.method for seen in server.seen} == {"GET", "POST"}
    assert all(seen.authorization.startswith("Basic ") for seen in server.seen)


needs_sshd = pytest.mark.skipif(bool(SshServer.missing()), reason=SshServer.missing() or "sshd is there")


@needs_sshd
async def test_an_ssh_key_and_known_hosts_put_right_work_without_a_restart(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    right, wrong = new_key(tmp_path / "right"), new_key(tmp_path / "wrong")
    sshd = stack.enter_context(SshServer(tmp_path / "sshd", [tmp_path / "right"]))
    url = sshd.url(repo.path)

    def template(key: str, known_hosts: str) -> Accesses:
        server = url.split("/", 3)[2]
        return Accesses(
            [], [RepositoryAccess(f"ssh://{server}", ssh_private_key=Secret(key), ssh_known_hosts=known_hosts)]
        )

    sources = await opened(stack, tmp_path)
    steps = (
        (right, "", "ssh host key was refused"),
        (right, f"[127.0.0.1]:{sshd.port} {(tmp_path / 'wrong.pub').read_text()}", "ssh host key was refused"),
        (wrong, sshd.known_hosts, "authentication failed"),
    )
    for key, known_hosts, what in steps:
        sources.reconfigure(template(key, known_hosts))
        assert what in (await refusal(sources, url)).what
    sources.reconfigure(template(right, sshd.known_hosts))
    assert await sources.commit(url, "main") == tip(repo)


# Certificates


async def test_a_client_certificate_is_shown_and_a_wrong_one_is_told_from_a_wrong_server(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, served: Path
) -> None:
    authority, stranger = Authority("one"), Authority("stranger")
    server = stack.enter_context(GitServer(served, authority.server(tmp_path / "server.pem", "127.0.0.1")))
    server.context.verify_mode = ssl.CERT_REQUIRED
    server.context.load_verify_locations(cadata=authority.pem)
    url = server.url(repo.path.name)

    def access(certificate: str, key: str, ca: str = authority.pem) -> RepositoryAccess:
        return RepositoryAccess(url, ca=ca, tls_client_cert=certificate, tls_client_key=Secret(key) if key else None)

    sources = await opened(stack, tmp_path, access("", ""))
    error = await refusal(sources, url)
    assert (error.what, "asks for a client certificate" in error.why) == ("authentication failed", True)

    server.context.maximum_version = ssl.TLSVersion.TLSv1_2  # which has no word of its own for it
    error = await refusal(sources, url)
    assert (error.what, "asks for a client certificate" in error.why) == ("authentication failed", True)
    server.context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED

    sources.reconfigure([access(*stranger.issue("127.0.0.1"))])
    error = await refusal(sources, url)
    assert (error.what, "refused the client certificate" in error.why) == ("authentication failed", True)

    sources.reconfigure([access(authority.issue("127.0.0.1")[0], authority.issue("127.0.0.1")[1])])
    assert "no certificate with its key" in (await refusal(sources, url)).why

    certificate, key = authority.issue("127.0.0.1")
    sources.reconfigure([access(certificate, key, stranger.pem)])
    assert (await refusal(sources, url)).what == "the git server's TLS certificate was refused"

    sources.reconfigure([access(certificate, key)])
    assert await sources.commit(url, "main") == tip(repo)
    assert [seen.method for seen in server.seen][-1] == "POST"
    assert files_with(key.splitlines()[1], tmp_path / "state") == []


async def test_S10_a_fetch_with_a_client_certificate_follows_no_redirect(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, served: Path
) -> None:
    authority = Authority("one")
    server = stack.enter_context(GitServer(served, authority.server(tmp_path / "server.pem", "127.0.0.1")))
    second = stack.enter_context(GitServer(served))
    certificate, key = authority.issue("127.0.0.1")
    access = RepositoryAccess(
        server.url(repo.path.name),
        username="u",
        password=Secret("CANARY"),
        ca=authority.pem,
        tls_client_cert=certificate,
        tls_client_key=Secret(key),
    )
    sources = await opened(stack, tmp_path, access)
    await sources.refs(access.url, fresh=True)
    server.faults.redirect_fetch_to = f"http://127.0.0.1:{second.port}"
    with pytest.raises(SourceError, match="redirected to another host"):
        await sources.commit(access.url, "main")
    assert second.seen == []


@pytest.mark.parametrize("why", ["expired server", "expired CA", "revoked", "other CA"])
async def test_a_certificate_that_is_not_good_any_more_is_refused_in_words(
    *, why: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, served: Path
) -> None:
    authority = Authority("one", until=PAST) if why == "expired CA" else Authority("one")
    until = {"until": PAST} if why == "expired server" else {}
    pem = authority.server(tmp_path / "server.pem", "127.0.0.1", **until)
    server = stack.enter_context(GitServer(served, pem))
    url = server.url(repo.path.name)
    bundle = {
        "revoked": authority.pem + authority.revoked(pem.read_text()),
        "other CA": Authority("other").pem,
    }.get(why, authority.pem)
    sources = await opened(stack, tmp_path, RepositoryAccess(url, ca=bundle))
    error = await refusal(sources, url)
    assert error.what == "the git server's TLS certificate was refused"
    expected = {"revoked": "certificate revoked", "other CA": "unable to get local issuer certificate"}
    assert expected.get(why, "certificate has expired") in error.why
    if why == "revoked":
        sources.reconfigure([RepositoryAccess(url, ca=authority.pem + authority.revoked())])
        assert await sources.commit(url, "main") == tip(repo)


# Proxies


@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
async def test_git_goes_through_a_proxy_that_wants_a_password(
    *, kind: str, secured: bool, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, served: Path
) -> None:
    authority = Authority("one")
    certificate = authority.server(tmp_path / "server.pem", "127.0.0.1")
    server = stack.enter_context(GitServer(served, certificate if secured else None))
    server.faults.username, server.faults.password = "u", "for-the-server"
    proxy = stack.enter_context(
        ProxyServer(
            "socks5" if kind == "socks5" else "http", certificate if kind == "https" else None, "pu", "for-the-proxy"
        )
    )
    url = server.url(repo.path.name)
    # A bundle of the repository's stands for the proxy's certificate, too; plain http has no bundle.
    if kind == "https" and not secured:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        (tmp_path / "ca.pem").write_text(authority.pem)
    access = RepositoryAccess(
        url,
        username="u",
        password=Secret("for-the-server"),
        ca=authority.pem if secured else "",
        proxy=parse_proxy(f"{kind}://pu:for-the-proxy@127.0.0.1:{proxy.port}"),
    )
    sources = await opened(stack, tmp_path, access)
    assert await sources.commit(url, "main") == tip(repo)
    assert set(proxy.seen) == {f"127.0.0.1:{server.port}"}
    assert len(proxy.seen) >= 2
    assert {seen.method for seen in server.seen} == {"GET", "POST"}


async def test_names_are_resolved_by_the_proxy(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    for kind in ("http", "socks5"):
        proxy = stack.enter_context(ProxyServer(kind, hosts={"git.only-the-proxy.test": "127.0.0.1"}))
        url = server.url(repo.path.name, host="git.only-the-proxy.test")
        access = RepositoryAccess(url, proxy=parse_proxy(f"{kind}://127.0.0.1:{proxy.port}"))
        async with GitSources(folder=tmp_path / kind, repositories=[access]) as sources:
            assert await sources.commit(url, "main") == tip(repo)
        assert set(proxy.seen) == {f"git.only-the-proxy.test:{server.port}"}


async def test_hosts_of_noproxy_are_reached_straight(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    proxy = stack.enter_context(ProxyServer())
    url = server.url(repo.path.name)
    parsed = parse_proxy(f"http://127.0.0.1:{proxy.port}")
    sources = await opened(stack, tmp_path, RepositoryAccess(url, proxy=parsed, no_proxy=("127.0.0.0/8",)))
    assert await sources.commit(url, "main") == tip(repo)
    assert proxy.seen == []


async def test_S13_a_proxys_password_reaches_no_server_and_the_servers_no_foreign_proxy(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, served: Path
) -> None:
    authority = Authority("one")
    server = stack.enter_context(GitServer(served, authority.server(tmp_path / "server.pem", "127.0.0.1")))
    plain = stack.enter_context(GitServer(served))
    proxy = stack.enter_context(ProxyServer(username="pu", password="CANARY-proxy"))
    parsed = parse_proxy(f"http://pu:CANARY-proxy@127.0.0.1:{proxy.port}")
    urls = [each.url(repo.path.name) for each in (server, plain)]
    sources = await opened(
        stack,
        tmp_path,
        RepositoryAccess(urls[0], username="u", password=Secret("CANARY-server"), ca=authority.pem, proxy=parsed),
        RepositoryAccess(urls[1], proxy=parsed),
    )
    for url in urls:
        assert await sources.commit(url, "main") == tip(repo)
    # What goes through a tunnel is the server's alone; plain requests tell the proxy who asks, and nobody the server.
    assert proxy.heads
    assert all("\r\nProxy-Authorization: Basic " in head for head in proxy.heads)
    assert not any("\r\nAuthorization: " in head for head in proxy.heads)
    assert all(seen.authorization == "" for seen in plain.seen)
    assert files_with("CANARY", tmp_path / "state") == []


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("fault", ["down", "no password", "wrong password", "forbids", "unknown host"])
async def test_a_proxy_that_does_not_let_git_through_is_told_from_the_server(
    *, fault: str, secured: bool, kind: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, served: Path
) -> None:
    authority = Authority("one")
    certificate = authority.server(tmp_path / "server.pem", "127.0.0.1") if secured else None
    server = stack.enter_context(GitServer(served, certificate))
    proxy = stack.enter_context(ProxyServer(kind))
    if fault in {"no password", "wrong password"}:
        proxy.username, proxy.password = "u", "right"
    if fault == "forbids" and kind == "http":
        proxy.status = 403
    host = "no-such-host.invalid" if fault in {"unknown host", "forbids"} else "127.0.0.1"
    url = server.url(repo.path.name, host=host)
    user = {"wrong password": "u:CANARY@", "unknown host": "u:CANARY@"}.get(fault, "")
    port = 1 if fault == "down" else proxy.port
    ca = authority.pem if secured else ""
    sources = await opened(
        stack, tmp_path, RepositoryAccess(url, ca=ca, proxy=parse_proxy(f"{kind}://{user}127.0.0.1:{port}"))
    )
    error = await refusal(sources, url)
    if kind == "http" and not secured and fault in {"forbids", "unknown host"}:
        return  # a proxy of plain requests answers in the server's stead
    assert error.what == "the proxy does not let git through"
    assert f"the proxy {kind}://127.0.0.1:{port}" in error.why
    if fault in {"down", "no password", "wrong password"}:
        words = {"down": "connection refused", "no password": "asks for credentials"}
        assert words.get(fault, "refused the credentials") in error.why
        right = f"{kind}://u:right@127.0.0.1:{proxy.port}"
        sources.reconfigure([RepositoryAccess(url, ca=ca, proxy=parse_proxy(right))])
        assert await sources.commit(url, "main") == tip(repo)


async def test_a_proxy_that_hangs_ends_with_the_deadline(
    tmp_path: Path, stack: AsyncExitStack, server: GitServer
) -> None:
    server.faults.hang = True
    proxy = stack.enter_context(ProxyServer())
    url = server.url("a.git")
    access = RepositoryAccess(url, proxy=parse_proxy(f"http://127.0.0.1:{proxy.port}"))
    sources = await stack.enter_async_context(
        GitSources(folder=tmp_path, repositories=[access], limits=GitLimits(lookup_seconds=1))
    )
    assert (await refusal(sources, url)).retryable
    server.over.set()


async def test_a_connection_that_is_cut_behind_the_proxy_is_no_broken_mirror(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    proxy = stack.enter_context(ProxyServer())
    url = server.url(repo.path.name)
    sources = await opened(stack, tmp_path, RepositoryAccess(url, proxy=parse_proxy(f"http://127.0.0.1:{proxy.port}")))
    await sources.refs(url, fresh=True)
    server.faults.cut_after = 40
    with pytest.raises(SourceError) as caught:
        await sources.commit(url, "main")
    assert caught.value.what == "the git server cannot be reached"
    server.faults.cut_after = 0
    assert await sources.commit(url, "main") == tip(repo)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key"
    new_key(path)
    return path


def ssh_access(url: str, key: Path, known_hosts: str, proxy: str) -> RepositoryAccess:
    secret = Secret(key.read_text())
    return RepositoryAccess(url, ssh_private_key=secret, ssh_known_hosts=known_hosts, proxy=parse_proxy(proxy))


@needs_sshd
@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
async def test_ssh_goes_through_a_proxy_and_the_server_is_still_the_known_one(
    *, kind: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd = stack.enter_context(SshServer(tmp_path / "sshd", [key]))
    certificate = None
    if kind == "https":
        authority = Authority("one")
        certificate = authority.server(tmp_path / "proxy.pem", "127.0.0.1")
        (tmp_path / "ca.pem").write_text(authority.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    proxy = stack.enter_context(
        ProxyServer(kind.replace("https", "http"), certificate, "u", "p", hosts={"git.test": "127.0.0.1"})
    )
    url = sshd.url(repo.path).replace("127.0.0.1", "git.test")
    known = sshd.known_hosts.replace("127.0.0.1", "git.test")

    def access(known_hosts: str, password: str) -> RepositoryAccess:
        return ssh_access(url, key, known_hosts, f"{kind}://u:{password}@127.0.0.1:{proxy.port}")

    sources = await opened(stack, tmp_path, access(known, "p"))
    assert await sources.commit(url, "main") == tip(repo)
    assert set(proxy.seen) == {f"git.test:{sshd.port}"}

    new_key(tmp_path / "stranger")
    stranger = f"[git.test]:{sshd.port} {(tmp_path / 'stranger.pub').read_text()}"
    for wrong in ("", sshd.known_hosts, stranger):
        sources.reconfigure([access(wrong, "p")])
        error = await refusal(sources, url)
        assert error.what.startswith("the ssh host key was refused")
        assert ("another than the known one" in error.what, sshd.fingerprint in error.why) == (wrong == stranger, True)

    sources.reconfigure([access(known, "wrong-CANARY")])
    error = await refusal(sources, url)
    assert error.what == "the proxy does not let git through"
    sources.reconfigure([access(known, "p")])
    await sources.refs(url, fresh=True)


@needs_sshd
async def test_an_scp_like_address_goes_through_a_proxy_to_the_port_of_ssh(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, key: Path
) -> None:
    sshd = stack.enter_context(SshServer(tmp_path / "sshd", [key]))
    proxy = stack.enter_context(ProxyServer("socks5", hosts={"git.test": f"127.0.0.1:{sshd.port}"}))
    user = sshd.url(repo.path).split("//")[1].split("@", maxsplit=1)[0]
    known = "git.test " + sshd.known_hosts.split(" ", 1)[1]
    access = ssh_access(f"{user}@git.test:{repo.path}", key, known, f"socks5://127.0.0.1:{proxy.port}")
    sources = await opened(stack, tmp_path, access)
    assert await sources.commit(access.url, "main") == tip(repo)
    assert set(proxy.seen) == {"git.test:22"}


def test_known_hosts_are_found_by_name_port_and_hash() -> None:
    salt = b"twenty bytes of salt"
    digest = hmac.new(salt, b"192.168.1.61", "sha1").digest()
    hashed = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    lines = "h,other ssh-rsa A\n[h]:2222 ssh-rsa B\n# h ssh-rsa C\n\nH ssh-rsa D\n"
    lines += f"{hashed} ssh-rsa H\nx* ssh-rsa E\n|1|x|y ssh-rsa F\n"
    assert known_hosts_as(lines, "h", 2222, "n") == "n ssh-rsa A\nn ssh-rsa B\nn ssh-rsa D"
    assert known_hosts_as(lines, "h", 22, "n") == "n ssh-rsa A\nn ssh-rsa D"
    assert known_hosts_as(lines, "192.168.1.61", 22, "n") == "n ssh-rsa H"
    assert known_hosts_as(lines, "xyz", 22, "n") == ""
    assert known_hosts_as("@revoked * ssh-rsa A", "h", 22, "n") == "@revoked * ssh-rsa A"


# GitHub Apps


@pytest.fixture
def team(served: Path) -> Callable[[str], GitRepo]:
    """Makes repositories of the owner `team`."""

    def made(name: str) -> GitRepo:
        repo = GitRepo(served / "team" / f"{name}.git")
        repo.commit({"app/a.yaml": "a: 1\n"})
        return repo

    return made


def app(forge: Forge, installation: str = "") -> GitHubApp:
    return GitHubApp(forge.app_id, Secret(forge.private_key), installation, forge.base_url)


async def test_one_token_of_a_github_app_serves_all_repositories_of_its_owner(
    tmp_path: Path, stack: AsyncExitStack, server: GitServer, team: Callable[[str], GitRepo]
) -> None:
    repos = [team("one"), team("two")]
    forge = stack.enter_context(Forge())
    server.faults.accepts = forge.accepts
    urls = [server.url(f"team/{repo.path.name}") for repo in repos]
    template = RepositoryAccess(f"http://127.0.0.1:{server.port}/team", github_app=app(forge))
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=Accesses([], [template])))
    for repo, url in zip(repos, urls, strict=True):
        assert await sources.commit(url, "main") == tip(repo)
    assert forge.made == 1
    assert forge.asked == ["GET /api/v3/repos/team/one/installation", "POST /api/v3/app/installations/42/access_tokens"]
    assert files_with("ghs_token", tmp_path) == []
    assert files_with(forge.private_key.splitlines()[2], tmp_path) == []


async def test_a_configured_installation_is_not_looked_for(
    tmp_path: Path, stack: AsyncExitStack, server: GitServer, repo: GitRepo
) -> None:
    forge = stack.enter_context(Forge())
    server.faults.accepts = forge.accepts
    url = server.url(repo.path.name)
    sources = await opened(stack, tmp_path, RepositoryAccess(url, github_app=app(forge, "42")))
    assert await sources.commit(url, "main") == tip(repo)
    assert forge.asked == ["POST /api/v3/app/installations/42/access_tokens"]


async def test_a_token_is_made_anew_before_it_expires_and_when_it_was_revoked(
    tmp_path: Path, stack: AsyncExitStack, server: GitServer, repo: GitRepo
) -> None:
    forge = stack.enter_context(Forge(lifetime=0))
    server.faults.accepts = forge.accepts
    url = server.url(repo.path.name)
    sources = await opened(stack, tmp_path, RepositoryAccess(url, github_app=app(forge, "42")))
    await sources.refs(url, fresh=True)
    forge.lifetime = 3600
    await sources.refs(url, fresh=True)
    assert forge.made == 2
    await sources.refs(url, fresh=True)
    assert forge.made == 2
    forge.good.clear()
    await sources.refs(url, fresh=True)
    assert forge.made == 3


@pytest.mark.parametrize(
    "fault", ["not installed", "no API", "other app", "broken key", "EC key", "down", "500", "429", "403"]
)
async def test_an_app_that_gets_no_token_says_why_and_works_once_put_right(
    *,
    fault: str,
    tmp_path: Path,
    stack: AsyncExitStack,
    server: GitServer,
    team: Callable[[str], GitRepo],
    caplog: pytest.LogCaptureFixture,
) -> None:
    repo = team(fault.replace(" ", "-"))
    forge = stack.enter_context(Forge())
    server.faults.accepts = forge.accepts
    url = server.url(f"team/{repo.path.name}")
    right = wrong = app(forge)
    key = forge.private_key
    match fault:
        case "not installed":
            forge.installations = {"others": 1}
        case "no API":
            wrong = GitHubApp(forge.app_id, Secret(key), "", forge.base_url.removesuffix("/api/v3"))
        case "other app":
            wrong = GitHubApp("1", Secret(key), "42", forge.base_url)
        case "broken key":
            wrong = GitHubApp(forge.app_id, Secret("-----BEGIN RSA PRIVATE KEY-----\nCANARY\n"), "42", forge.base_url)
        case "EC key":
            wrong = GitHubApp(forge.app_id, Secret(Authority("x").issue("127.0.0.1")[1]), "42", forge.base_url)
        case "down":
            wrong = GitHubApp(forge.app_id, Secret(key), "42", "http://127.0.0.1:1/api/v3")
        case _:
            forge.status = int(fault)
    asked: list[GitRequest] = []
    sources = await stack.enter_async_context(
        GitSources(folder=tmp_path, repositories=[RepositoryAccess(url, github_app=wrong)], on_request=asked.append)
    )
    error = await refusal(sources, url)
    words = {
        "not installed": f"the GitHub App is not installed for team/{repo.path.stem}",
        "no API": "githubAppEnterpriseBaseUrl is not the API's",
        "other app": "GitHub answered 401 to the app: A JSON web token could not be decoded",
        "broken key": "githubAppPrivateKey is no private key in PEM",
        "EC key": "githubAppPrivateKey is no RSA key",
        "down": "onnection refused",
    }
    assert words.get(fault, f"GitHub answered {fault} to the app") in error.why
    assert error.retryable == (fault in {"down", "500", "429"})
    assert "CANARY" not in f"{asked} {caplog.text}"
    forge.installations, forge.status = {"team": 42}, 0
    sources.reconfigure([RepositoryAccess(url, github_app=right)])
    assert await sources.commit(url, "main") == tip(repo)


async def test_S10_the_apps_claim_follows_no_redirect(
    tmp_path: Path, stack: AsyncExitStack, server: GitServer, repo: GitRepo
) -> None:
    second = stack.enter_context(GitServer(tmp_path))
    server.faults.redirect_fetch_to = f"http://127.0.0.1:{second.port}"
    forge = Forge()
    with forge:
        made = GitHubApp("1", Secret(forge.private_key), "42", f"http://127.0.0.1:{server.port}/api/v3")
    url = server.url(repo.path.name)
    sources = await opened(stack, tmp_path, RepositoryAccess(url, github_app=made))
    assert "GitHub answered 302" in (await refusal(sources, url)).why
    assert second.seen == []


# The door for libgit2


async def test_the_door_of_a_fetch_opens_to_nobody_else(tmp_path: Path) -> None:
    with relay.opened({"url": "http://127.0.0.1:1/a.git", "password": "CANARY"}) as door:
        port = int(door.url.split(":")[2].split("/")[0])
        for path in ("/", "/info/refs?service=git-upload-pack", f"/{door.secret[:-1]}/info/refs", "//x"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            assert connection.getresponse().status == 404
            connection.close()
    assert door.failures == []
