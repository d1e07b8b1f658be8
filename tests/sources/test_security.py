"""Credentials reach one server and no text; hosts are who they say; nothing foreign is a command or an option."""

from __future__ import annotations

import ast
import logging
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pygit2
import pytest
from anyio import to_thread

from gitopsd.core.errors import SourceError
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import RepositoryAccess
from gitopsd.sources.git import GitSources
from gitopsd.sources.limits import GitLimits, GitRequest
from gitopsd.sources.wire import FailureKind
from gitopsd.sources.worker.tame import failure_of
from gitopsd.testing.gitserver import GitRepo, GitServer, SshServer, advertisement, new_key
from tests.sources.certificates import Authority
from tests.sources.watching import files_with, text

ROOM = Path(__file__).resolve().parents[2] / "gitopsd" / "sources"


def test_S10_G2_D9_libgit2_is_a_version_without_the_known_holes() -> None:
    assert tuple(int(part) for part in pygit2.LIBGIT2_VERSION.split(".")) >= (1, 9, 7)


# Credentials


@pytest.mark.parametrize("fault", ["unreachable", "refused", "tls", "redirect loop", "elsewhere", "error line", "hang"])
async def test_S8_no_error_shows_a_credential(
    *,
    fault: str,
    tmp_path: Path,
    stack: AsyncExitStack,
    server: GitServer,
    served: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    url = server.url("a.git", user="u:CANARY")
    match fault:
        case "unreachable":
            url = "https://u:CANARY@127.0.0.1:1/a.git"
        case "refused":
            server.faults.username, server.faults.password = "u", "other"
        case "tls":
            url = url.replace("http:", "https:")
        case "redirect loop":
            server.faults.redirect_to = server.url("a.git") + "/info/refs?service=git-upload-pack"
        case "elsewhere":
            server.faults.redirect_to = "https://u:CANARY@127.0.0.1:2/b.git?sig=CANARY"
        case "error line":
            server.faults.body = b"0041ERR token https://u:CANARY@127.0.0.1/a?sig=CANARY is not allowed\n0000"
        case _:
            server.faults.hang = True
    asked: list[GitRequest] = []
    sources = await stack.enter_async_context(
        GitSources(folder=tmp_path, on_request=asked.append, limits=GitLimits(lookup_seconds=1))
    )
    with pytest.raises(SourceError) as caught:
        await sources.refs(url, fresh=True)
    error = caught.value
    told = f"{error} {error!r} {error.what} {error.where} {error.why} {error.hint} {asked}"
    assert "CANARY" not in f"{told} {caplog.text} {capfd.readouterr()}"
    assert caught.value.hint
    assert files_with("CANARY", tmp_path) == []


async def test_S8_a_url_that_is_refused_is_shown_without_its_secrets(sources: GitSources) -> None:
    for url in (
        "https://u:CANARY@127.0.0.1:1/?sig=CANARY",
        "https://u:CANARY@127.0.0.1:1/a?sig=CANARY",
        "ftp://u:CANARY@h/a",
    ):
        with pytest.raises(SourceError, match="not the URL of a git repository") as caught:
            await sources.refs(url, fresh=True)
        assert "CANARY" not in str(caught.value)


async def test_S9_a_worker_has_no_secret_in_its_arguments_and_environment(
    tmp_path: Path, stack: AsyncExitStack, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITOPSD_DB_PASSWORD", "CANARY-of-the-daemon")
    url = server.url("a.git")
    access = RepositoryAccess(url, username="u", password=Secret("CANARY-password"))
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    server.faults.hang = True

    async def ask() -> None:
        with pytest.raises(SourceError):
            await sources.refs(url, fresh=True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await to_thread.run_sync(server.hanging.wait, 20)
        (pid,) = sources.workers()
        for name in ("cmdline", "environ"):
            assert "CANARY" not in text(f"/proc/{pid}/{name}")
        assert f"HOME={tmp_path}/workers/" in text(f"/proc/{pid}/environ")
        assert os.getpgid(pid) == pid
        server.over.set()


@pytest.mark.parametrize("kind", ["password", "token"])
async def test_S10_no_credential_follows_a_redirect_to_another_port(
    *, kind: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer, served: Path
) -> None:
    url = server.url(repo.path.name)
    secret = Secret("a-long-secret")
    access = RepositoryAccess(url, username="u", password=secret)
    if kind == "token":
        access = RepositoryAccess(url, bearer_token=secret)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    with GitServer(served) as second:
        second.faults.username, second.faults.password = "u", "its-own"
        server.faults.redirect_to = f"http://127.0.0.1:{second.port}"
        with pytest.raises(SourceError, match="redirected to another host"):
            await sources.refs(url, fresh=True)
        assert second.seen == []

        # A server that behaves in the look-up and redirects the fetch.
        server.faults.redirect_to = ""
        await sources.refs(url, fresh=True)
        server.faults.redirect_to = f"http://127.0.0.1:{second.port}"
        with pytest.raises(SourceError, match="redirected to another host"):
            await sources.commit(url, "main")
        assert not any(seen.authorization for seen in second.seen)

        server.faults.redirect_to, server.faults.redirect_fetch_to = "", f"http://127.0.0.1:{second.port}"
        with pytest.raises(SourceError, match="redirected to another host"):
            await sources.commit(url, "main")
        assert not any(seen.authorization for seen in second.seen)


async def test_S10_a_redirect_to_another_scheme_is_not_followed(sources: GitSources, server: GitServer) -> None:
    server.faults.redirect_to = f"https://127.0.0.1:{server.port}"
    with pytest.raises(SourceError, match="redirected to another host"):
        await sources.refs(server.url("a.git"), fresh=True)


async def test_E7_a_token_is_never_part_of_a_command(tmp_path: Path, stack: AsyncExitStack, server: GitServer) -> None:
    proof = tmp_path / "proof"
    evil = f'"; touch {proof}; "$(touch {proof})`touch {proof}`'
    server.faults.token = "right"
    urls = [server.url("a.git"), server.url("b.git"), "ssh://git@127.0.0.1:1/a.git"]
    accesses = [
        RepositoryAccess(urls[0], username=evil, password=Secret(evil)),
        RepositoryAccess(urls[1], bearer_token=Secret(evil)),
        RepositoryAccess(urls[2], username=evil, ssh_private_key=Secret(evil), ssh_known_hosts=evil, ca=evil),
    ]
    sources = await stack.enter_async_context(GitSources(folder=tmp_path / "state", repositories=accesses))
    for url in urls:
        with pytest.raises(SourceError):
            await sources.refs(url, fresh=True)
    assert not proof.exists()


def test_E7_no_shell_anywhere_in_the_room() -> None:
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword):
                assert node.arg != "shell", path
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"system", "popen", "create_subprocess_shell", "run_process"}, path


def test_only_the_worker_imports_pygit2() -> None:
    for path in ROOM.rglob("*.py"):
        imported = {
            name.name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([ast.alias(node.module or "")] if isinstance(node, ast.ImportFrom) else node.names)
        }
        assert "pygit2" not in imported or path.parent.name == "worker", path


# Configuration of others


async def test_G4_no_git_configuration_outside_the_mirror_is_read(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".config/git").mkdir(parents=True)
    lines = f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://127.0.0.1:{server.port}/\n[http]\n\tproxy = http://127.0.0.1:1\n'
    (home / ".gitconfig").write_text(lines)
    (home / ".config/git/config").write_text(lines)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    sources = await stack.enter_async_context(GitSources(folder=tmp_path / "state"))
    assert await sources.commit(server.url(repo.path.name), "main") == repo.git("rev-parse", "main")


@pytest.mark.parametrize(
    "url",
    ["--upload-pack=x", "ext::sh -c x", "ssh://-oProxyCommand=x/", "ssh://h/a'; id;'", "/", "https://h%0ahost=evil/"],
)
async def test_G2_G4_G8_what_is_no_plain_url_is_refused_before_anything_is_started(
    url: str, sources: GitSources
) -> None:
    with pytest.raises(SourceError, match="not the URL of a git repository"):
        await sources.refs(url, fresh=True)


# TLS


async def test_a_server_is_trusted_by_its_ca_alone(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, served: Path
) -> None:
    one, other = Authority("one"), Authority("other")
    first = stack.enter_context(GitServer(served, one.server(tmp_path / "one.pem", "127.0.0.1")))
    second = stack.enter_context(GitServer(served, other.server(tmp_path / "other.pem", "127.0.0.1")))
    urls = [server.url(repo.path.name) for server in (first, second)]
    sources = await stack.enter_async_context(
        GitSources(folder=tmp_path / "state", repositories=[RepositoryAccess(urls[0], ca=one.pem)])
    )
    assert await sources.commit(urls[0], "main") == repo.git("rev-parse", "main")
    with pytest.raises(SourceError, match="TLS certificate was refused") as caught:
        await sources.refs(urls[1], fresh=True)
    assert "`ca`" in caught.value.hint

    sources.reconfigure([RepositoryAccess(urls[0], ca=other.pem), RepositoryAccess(urls[1], ca=one.pem)])
    for url in urls:
        with pytest.raises(SourceError, match="TLS certificate was refused"):
            await sources.refs(url, fresh=True)

    sources.reconfigure([RepositoryAccess(urls[1], insecure=True)])
    assert await sources.commit(urls[1], "main") == repo.git("rev-parse", "main")


async def test_G8_a_certificate_for_another_address_is_refused(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, served: Path
) -> None:
    authority = Authority("one")
    server = stack.enter_context(GitServer(served, authority.server(tmp_path / "right.pem", "127.0.0.1")))
    wrong = authority.server(tmp_path / "wrong.pem", "127.0.0.2")
    url = server.url(repo.path.name)
    sources = await stack.enter_async_context(
        GitSources(folder=tmp_path / "state", repositories=[RepositoryAccess(url, ca=authority.pem)])
    )
    await sources.refs(url, fresh=True)
    server.context.load_cert_chain(wrong)
    with pytest.raises(SourceError, match="TLS certificate was refused"):
        await sources.commit(url, "main")
    with pytest.raises(SourceError, match="TLS certificate was refused"):
        await sources.refs(url, fresh=True)


# ssh

needs_sshd = pytest.mark.skipif(bool(SshServer.missing()), reason=SshServer.missing() or "sshd is there")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for kind in ("ed25519", "rsa", "ecdsa", "stranger"):
        new_key(folder / kind, "ed25519" if kind == "stranger" else kind)
    new_key(folder / "locked", passphrase="a passphrase")
    return folder


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[SshServer]:
    allowed = [keys / kind for kind in ("ed25519", "rsa", "ecdsa", "locked")]
    with SshServer(tmp_path_factory.mktemp("sshd"), allowed) as running:
        yield running


def _access(
    sshd: SshServer, keys: Path, repo: GitRepo, key: str = "ed25519", known: str | None = None
) -> RepositoryAccess:
    return RepositoryAccess(
        sshd.url(repo.path),
        ssh_private_key=Secret((keys / key).read_text()),
        ssh_known_hosts=sshd.known_hosts if known is None else known,
    )


@needs_sshd
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
async def test_an_ssh_key_and_a_known_host_open_the_repository(
    *, kind: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, sshd: SshServer, keys: Path
) -> None:
    access = _access(sshd, keys, repo, kind)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    commit = await sources.commit(access.url, "main")
    assert commit == repo.git("rev-parse", "main")
    assert (Path((await sources.snapshot(access.url, commit)).root) / "app/a.yaml").read_text() == "a: 1\n"
    assert files_with(text(keys / kind).splitlines()[2], tmp_path) == []


@needs_sshd
@pytest.mark.parametrize("why", ["unknown", "changed", "another host's"])
async def test_G1_a_host_key_that_is_not_the_known_one_is_refused(
    *, why: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, sshd: SshServer, keys: Path
) -> None:
    public = (keys / "stranger.pub").read_text()
    known = {
        "unknown": "",
        "changed": f"[127.0.0.1]:{sshd.port} {public}",
        "another host's": sshd.known_hosts.replace("[127.0.0.1]", "[git.example.org]"),
    }[why]
    access = _access(sshd, keys, repo, known=known)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    with pytest.raises(SourceError, match="ssh host key was refused") as caught:
        await sources.refs(access.url, fresh=True)
    assert sshd.fingerprint in caught.value.why
    assert not caught.value.retryable
    assert ("another than the known one" in caught.value.what) == (why == "changed")
    assert ("somebody may stand between" in caught.value.hint) == (why == "changed")


@needs_sshd
async def test_G1_a_host_that_has_no_key_of_the_known_kind_is_refused_in_words(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, sshd: SshServer, keys: Path
) -> None:
    known = f"[127.0.0.1]:{sshd.port} {(keys / 'rsa.pub').read_text()}"
    access = _access(sshd, keys, repo, known=known)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    with pytest.raises(SourceError, match="ssh host key was refused") as caught:
        await sources.refs(access.url, fresh=True)
    assert "no key of a kind that it is known by" in caught.value.why


@needs_sshd
async def test_a_repository_that_is_not_there_over_ssh_is_not_found(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, sshd: SshServer, keys: Path
) -> None:
    there = _access(sshd, keys, repo)
    access = RepositoryAccess(
        sshd.url(repo.path.with_name("nowhere.git")),
        ssh_private_key=there.ssh_private_key,
        ssh_known_hosts=there.ssh_known_hosts,
    )
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    with pytest.raises(SourceError, match="repository not found"):
        await sources.refs(access.url, fresh=True)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("ERROR: Repository not found.", FailureKind.NOT_FOUND),
        ("ERROR: The project you were looking for could not be found", FailureKind.NOT_FOUND),
        ("ERROR: Permission to team/app.git denied to deploy-key", FailureKind.FORBIDDEN),
        ("fatal: detected dubious ownership", FailureKind.PROTOCOL),
    ],
)
def test_what_a_forge_says_over_ssh_is_not_taken_for_our_own_disk(said: str, kind: FailureKind) -> None:
    error = pygit2.GitError(said)
    error.error_class = 23  # type: ignore[attr-defined]  # git2/errors.h: GIT_ERROR_SSH, as pygit2 sets it
    assert failure_of(error, {}).kind is kind


@needs_sshd
async def test_G1_known_hosts_of_one_repository_do_not_serve_another(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, sshd: SshServer, keys: Path
) -> None:
    known = _access(sshd, keys, repo)
    unknown = RepositoryAccess(known.url + "-other", ssh_private_key=known.ssh_private_key)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[known, unknown]))
    await sources.refs(known.url, fresh=True)
    with pytest.raises(SourceError, match="ssh host key was refused"):
        await sources.refs(unknown.url, fresh=True)


@needs_sshd
async def test_G1_only_the_switch_skips_the_check(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, sshd: SshServer, keys: Path
) -> None:
    access = RepositoryAccess(
        sshd.url(repo.path), ssh_private_key=Secret((keys / "ed25519").read_text()), insecure_ignore_host_key=True
    )
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    assert await sources.commit(access.url, "main") == repo.git("rev-parse", "main")


@needs_sshd
@pytest.mark.parametrize("key", ["stranger", "locked", "none", "garbage"])
async def test_an_ssh_key_that_does_not_fit_is_an_authentication_error(
    *, key: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, sshd: SshServer, keys: Path
) -> None:
    secret = None
    if key != "none":
        secret = Secret("no key" if key == "garbage" else (keys / key).read_text())
    access = RepositoryAccess(sshd.url(repo.path), ssh_private_key=secret, ssh_known_hosts=sshd.known_hosts)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    with pytest.raises(SourceError, match="authentication failed"):
        await sources.refs(access.url, fresh=True)


async def test_G1_markers_in_known_hosts_are_refused_not_ignored(tmp_path: Path, stack: AsyncExitStack) -> None:
    access = RepositoryAccess("ssh://git@127.0.0.1:1/a.git", ssh_known_hosts="@revoked * ssh-ed25519 AAAA")
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    with pytest.raises(SourceError) as caught:
        await sources.refs(access.url, fresh=True)
    assert "@revoked" in caught.value.why
    assert "sshKnownHosts" in caught.value.hint


async def test_known_hosts_that_are_none_are_said_to_be_wrong(tmp_path: Path, stack: AsyncExitStack) -> None:
    access = RepositoryAccess("ssh://git@127.0.0.1:1/a.git", ssh_known_hosts="# hosts\n\nhello canary")
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    with pytest.raises(SourceError, match="the known hosts cannot be used") as caught:
        await sources.refs(access.url, fresh=True)
    assert "line 3 " in caught.value.why
    assert "canary" not in str(caught.value)


async def test_a_ca_that_holds_no_certificates_is_said_to_be_wrong(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    access = RepositoryAccess("https://127.0.0.1:1/a.git", ca=broken)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    with pytest.raises(SourceError, match="TLS certificate was refused") as caught:
        await sources.refs(access.url, fresh=True)
    assert "holds no certificates" in caught.value.why


async def test_an_empty_advertisement_is_an_empty_repository(sources: GitSources, server: GitServer) -> None:
    server.faults.body = advertisement([("capabilities^{}", "0" * 40)])
    assert (await sources.refs(server.url("none.git"), fresh=True)).commits == {}
