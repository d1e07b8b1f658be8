"""`gitopsd admin doctor` beside a real API server, with and without a running daemon."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import yaml

from gitopsd.testing.gitserver import GitServer
from tests.cli.conftest import GITOPSD
from tests.cluster_fixture import ApiServer
from tests.e2e.child import child
from tests.e2e.manifests import config_map, deployment
from tests.e2e.test_repositories import secret
from tests.e2e.world import World
from tests.sources.certificates import Authority

Findings = list[dict[str, str]]


async def examined(world: World) -> tuple[int, Findings, str]:
    """Exit code, findings and everything that was written."""
    path = world.write()
    command = [GITOPSD, "admin", "doctor", "--config", str(path), "-o", "json"]
    done = await anyio.run_process(command, check=False, env=world.environ)
    told = done.stdout.decode() + done.stderr.decode()
    assert done.returncode in {0, 1}, told
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["well"] is (done.returncode == 0)
    return done.returncode, found["findings"], told


def bad(findings: Findings, severity: str = "problem") -> list[tuple[str, str]]:
    """Area and subject of what is broken."""
    return [(each["area"], each["subject"]) for each in findings if each["severity"] == severity]


def said(findings: Findings, area: str, *words: str) -> dict[str, str]:
    """The one finding of the area that has all words in its message or subject."""
    found = [
        each
        for each in findings
        if each["area"] == area and all(word in f"{each['subject']}: {each['message']}" for word in words)
    ]
    assert len(found) == 1, findings
    return found[0]


async def test_a_good_installation_is_well_before_its_first_start_while_it_runs_and_after(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one"), "app/web.yaml": deployment("web")})
    world.application("app")
    code, findings, _ = await examined(world)
    assert (code, bad(findings)) == (0, [])
    assert said(findings, "daemon", "process")["message"] == "none runs"
    said(findings, "repositories", "answers", "refs")
    said(findings, "clusters", "local", "answers: v")
    said(findings, "clusters", "allowed all that its 1 application needs")
    async with child(world) as daemon:
        await daemon.until_line("synced")
        await daemon.until_line('"ready"')
        code, findings, _ = await examined(world)
        assert (code, bad(findings)) == (0, [])
        assert f"process {daemon.process.pid} runs version" in said(findings, "daemon", "process")["message"]
        assert said(findings, "folders", "state.db")["message"].startswith("revision 0")
        assert f"process {daemon.process.pid} has it" in said(findings, "folders", "has it")["message"]
    code, findings, _ = await examined(world)
    assert (code, bad(findings)) == (0, [])


async def test_what_is_not_allowed_is_told_as_rules_which_end_it(world: World, api_server: ApiServer) -> None:
    world.commit({"app/one.yaml": config_map("one"), "app/web.yaml": deployment("web")})
    world.application("app")
    user = f"poor-{world.number}"
    world.config["clusters"] = [
        {"name": "local", "kubeconfig": str(await anyio.to_thread.run_sync(api_server.user, user))}
    ]
    code, findings, _ = await examined(world)
    assert (code, bad(findings)) == (1, [("clusters", "local")])
    lacking = said(findings, "clusters", "not allowed there", "deployments")
    below = said(findings, "clusters", "cannot be seen", "pods", "replicasets")
    assert below["severity"] == "warning"
    await world.cluster.namespace(world.full("app"))
    for number, finding in enumerate((lacking, below)):
        for role in yaml.safe_load_all(finding["hint"].split("\n", 1)[1]):
            role["metadata"]["name"] = name = f"{user}-{number}"
            namespace = role["metadata"].get("namespace", "")
            within = f"/namespaces/{namespace}" if namespace else ""
            path = f"/apis/rbac.authorization.k8s.io/v1{within}/{role['kind'].lower()}"
            await world.cluster.do("POST", f"{path}s", role)
            binding = {
                "metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": name},
                "subjects": [{"kind": "User", "name": user}],
            }
            await world.cluster.do("POST", f"{path}bindings", binding)
    code, findings, _ = await examined(world)
    assert (code, bad(findings), bad(findings, "warning")) == (0, [], [])
    async with world.daemon() as daemon:
        await daemon.until("app", lambda status: status.sync.value == "Synced")


async def test_what_argo_cds_manifests_call_its_own_cluster_is_asked_for_its_permissions_too(
    world: World, api_server: ApiServer
) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    destination = {"server": "https://kubernetes.default.svc", "namespace": world.full("app")}
    world.config["applications"][0]["destination"] = destination
    kubeconfig = str(await anyio.to_thread.run_sync(api_server.user, f"argo-{world.number}"))
    world.config["clusters"] = [{"name": "in-cluster", "kubeconfig": kubeconfig}]
    code, findings, _ = await examined(world)
    assert (code, bad(findings)) == (1, [("clusters", "in-cluster")])
    lacking = said(findings, "clusters", "not allowed there", "configmaps")
    assert "patch" in lacking["hint"]


async def test_of_a_namespace_that_the_cluster_s_entry_does_not_name_no_role_is_told_but_the_entry(
    world: World,
) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    world.config["clusters"][0]["namespaces"] = ["elsewhere"]
    code, findings, _ = await examined(world)
    assert (code, bad(findings)) == (1, [("clusters", "local")])
    found = said(findings, "clusters", f"has objects in {world.full('app')}", "`namespaces`: elsewhere")
    assert "`namespaces`" in found["hint"]
    assert "kind: Role" not in found["hint"]


@contextmanager
def silent_server() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_each_thing_that_is_broken_is_found_however_the_others_are_and_no_secret_is_told(world: World) -> None:
    world.good()
    password = "p4ss-w0rd-of-the-repository"
    with silent_server() as silent:
        world.config["server"]["listen"] = f"127.0.0.1:{silent}"
        world.config["git"] = {"timeout": "1s"}
        world.config["clusters"] += [{"name": "far", "server": "https://127.0.0.1:1", "token": password}]
        world.config["repositories"] += [
            {"url": "https://127.0.0.1:1/a.git", "username": "u", "password": password},
            {"url": f"http://127.0.0.1:{silent}/b.git"},
        ]
        world.config["plugins"] = [{"name": "own", "generate": {"command": ["no-such-program-anywhere"]}}]
        (world.folder / "state").mkdir(mode=0o700)
        (world.folder / "state" / "state.db").write_bytes(b"this is no database" * 300)
        world.environ["HTTPS_PROXY"] = f"http://u:{password}@127.0.0.1:1"
        code, findings, told = await examined(world)
    assert code == 1
    assert password not in told
    assert set(bad(findings)) == {
        ("folders", str(world.folder / "state" / "state.db")),
        ("daemon", f"listening on 127.0.0.1:{silent}"),
        ("rendering", "plugin own"),
        ("repositories", "https://127.0.0.1:1/a.git"),
        ("repositories", f"http://127.0.0.1:{silent}/b.git"),
        ("clusters", "far"),
    }
    assert all(each["hint"] for each in findings if each["severity"] == "problem")
    assert "HTTPS_PROXY" in said(findings, "machine", "proxies")["message"]
    said(findings, "clusters", "local", "allowed all")
    exposed = [each for each in findings if each["area"] == "credentials"]
    assert exposed[0]["hint"] == f"chmod 600 {world.path}"


@contextmanager
def private_repository(world: World, api_server: ApiServer) -> Iterator[GitServer]:
    """The world's repository behind a password and a certificate that stand in Argo CD's namespace alone, and the two
    applications of it: `app` with an object, `empty` without one.
    """
    authority = Authority("argo")
    namespace = world.full("argocd")
    with GitServer(world.folder, authority.server(world.folder / "server.pem", "127.0.0.1")) as git:
        git.faults.username, git.faults.password = "ci", "canary"
        url = git.url("repo.git")
        certificates = {
            "metadata": {"name": "argocd-tls-certs-cm"},
            "data": {"127.0.0.1": authority.pem},
        }
        api_server.do("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        api_server.do("POST", f"/api/v1/namespaces/{namespace}/configmaps", certificates)
        entry = secret("repo", url=url, username="ci", password="canary")
        api_server.do("POST", f"/api/v1/namespaces/{namespace}/secrets", entry)
        world.config["repositoriesFrom"] = [{"cluster": "local", "namespace": namespace}]
        world.commit({"app/one.yaml": config_map("one"), "empty/README.md": "nothing yet"})
        for name in ("app", "empty"):
            world.application(name, repo=url)
        yield git


async def test_what_applications_need_is_known_with_the_credentials_and_certificates_of_argo_cds_namespace(
    world: World, api_server: ApiServer
) -> None:
    with private_repository(world, api_server):
        code, findings, told = await examined(world)
    assert (code, bad(findings), bad(findings, "warning")) == (0, [], [])
    said(findings, "repositories", "answers, with credentials")
    said(findings, "clusters", "allowed all that its 2 applications need")
    assert "canary" not in told


async def test_without_argo_cds_secrets_it_says_what_could_not_be_read_and_ticks_nothing_that_is_not_known(
    world: World, api_server: ApiServer
) -> None:
    with private_repository(world, api_server):
        poor = str(await anyio.to_thread.run_sync(api_server.user, f"no-secrets-{world.number}"))
        world.config["clusters"] += [
            {"name": "poor", "kubeconfig": poor},
            {"name": "gone", "server": "https://127.0.0.1:1", "token": "t"},
        ]
        namespace = world.full("argocd")
        world.config["repositoriesFrom"] = [{"cluster": each, "namespace": namespace} for each in ("poor", "gone")]
        code, findings, told = await examined(world)
        refused = said(findings, "repositories", f"Secrets in {namespace} of cluster poor", "forbidden")
        down = said(findings, "repositories", f"Secrets in {namespace} of cluster gone", "cannot be reached")
        assert (code, refused["severity"], down["severity"]) == (1, "problem", "problem")
        assert refused["hint"]
        unknown = said(findings, "clusters", "local", "not known for 2 applications not rendered")
        assert unknown["severity"] == "warning"
        assert "allowed all" not in told, "CreateNamespace is allowed, and that is not all that they need"
        world.good()
        _, findings, _ = await examined(world)
        said(findings, "clusters", "local", "allowed all that 1 of its 3 applications needs")
        said(findings, "clusters", "local", "not known for 2 applications not rendered")


async def test_an_application_that_the_daemon_saw_without_objects_needs_no_rendering(world: World) -> None:
    world.commit({"empty/README.md": "nothing yet"})
    world.application("empty")
    async with world.daemon() as daemon:
        await daemon.until("empty", lambda status: status.sync.value == "Synced")
    world.repo.path.rename(world.folder / "away.git")
    _, findings, told = await examined(world)
    assert bad(findings) == [("repositories", world.repo.url)]
    assert "not rendered" not in told
