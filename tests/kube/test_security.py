"""What broke in other tools must not break here; each test bears the name of its row in docs/advisories."""

import ast
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.jsonvalue import JsonValue
from gitopsd.core.permit import permit_object
from gitopsd.core.secret import Secret
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.secret_faults import faults_of_secret
from gitopsd.kube.write import review, write
from gitopsd.ports.cluster import ClusterAccess, Patch
from gitopsd.testing.builders import an_app, an_object
from gitopsd.testing.faultproxy import FaultProxy
from tests.contracts.cluster_contract import apply, desired
from tests.kube.conftest import RealClock

CANARY: Final = "CANARY-7f3a"
NUMBER: Final = 730_021_944
PACKAGE: Final = Path(__file__).resolve().parents[2] / "gitopsd"


@pytest.mark.parametrize(
    "data",
    [
        {"password": NUMBER},
        {"password": CANARY},
        {"pass word": "Q0FOQVJZ"},
        {"password": {"nested": CANARY}},
        {"password": [CANARY, NUMBER]},
    ],
)
async def test_S4_a_refused_secret_shows_fields_and_no_values(
    cluster: KubeCluster, namespace: str, data: JsonValue
) -> None:
    secret = desired(an_object("Secret", "login", namespace=namespace, data=data), "shop")
    with pytest.raises(ClusterError) as refused:
        await apply(cluster, secret)
    (prediction,) = await cluster.predict([(secret, None)])
    for said in (str(refused.value), repr(refused.value), prediction.error):
        assert CANARY not in said
        assert str(NUMBER) not in said
        assert "Q0FOQVJZ" not in said
    assert "Secret" in prediction.error


async def test_S4_the_name_of_the_wrong_field_is_told(cluster: KubeCluster, namespace: str) -> None:
    secret = desired(an_object("Secret", "login", namespace=namespace, data={"user": "eA==", "password": NUMBER}))
    (prediction,) = await cluster.predict([(secret, None)])
    assert "data.password" in prediction.error
    assert "data.user" not in prediction.error


@pytest.mark.parametrize(
    ("fields", "said", "hint"),
    [
        ({"data": {"user": "eA==", "password": f"{CANARY}!"}}, "data.password is not base64", "under stringData"),
        ({"data": {"password": "Q0FOQVJ"}}, "data.password is not base64", "encode the value"),
        ({"data": {"password": CANARY}, "stringData": "x"}, "data.password is not base64; stringData is not a ", ""),
        ({"stringData": CANARY}, "stringData is not a mapping", "lines below stringData"),
        ({"data": CANARY}, "data is not a mapping", "lines below data"),
        ({"data": [NUMBER]}, "data is not a mapping", "lines below data"),
        ({"stringData": {"password": NUMBER}}, "stringData.password is not a text", "in quotes"),
        ({"data": {"pass word": "Q0FOQVJZ"}}, "data['pass word'] has a name that a Secret's key cannot", "letters"),
        ({"stringData": {"..": CANARY}}, "stringData... has a name that a Secret's key cannot have", "letters"),
        ({"stringData": {"x" * 254: CANARY}}, "x'] has a name that a Secret's key cannot have", "at most 253"),
    ],
)
async def test_S5_a_secret_that_is_invalid_names_the_field_and_no_value(
    cluster: KubeCluster, namespace: str, fields: dict[str, JsonValue], said: str, hint: str
) -> None:
    secret = desired({**an_object("Secret", "login", namespace=namespace), **fields}, "shop")
    (prediction,) = await cluster.predict([(secret, None)])
    with pytest.raises(ClusterError) as applied:
        await apply(cluster, secret)
    with pytest.raises(ClusterError) as made:
        await cluster.create(permit_object(an_app(), secret.key), secret)
    for refused in (applied.value, made.value):
        assert ": it is not valid: " in str(refused)
        assert said in str(refused)
        assert hint in refused.hint
    assert said in prediction.error
    for told in (str(applied.value), repr(applied.value), str(made.value), repr(made.value), prediction.error):
        assert CANARY not in told
        assert str(NUMBER) not in told
        assert "Q0FOQVJ" not in told
        assert "data.user" not in told


@pytest.mark.parametrize(
    "fields",
    [
        {"data": {"a": "eA=\n=\r\n", "b": None, "c": "", "d": "eB=="}},
        {"data": None, "stringData": {"a": None, ".x": "", "y" * 253: "any!"}},
    ],
)
async def test_nothing_is_wrong_with_a_secret_that_the_api_server_takes(
    cluster: KubeCluster, namespace: str, fields: dict[str, JsonValue]
) -> None:
    body = {**an_object("Secret", "login", namespace=namespace), **fields}
    await apply(cluster, desired(body, "shop"))
    assert faults_of_secret(body) == []


@pytest.mark.parametrize("data", [{"password": NUMBER}, {"pass word": "Q0FOQVJZ"}, {"password": [CANARY, NUMBER]}])
async def test_S4_a_secret_that_is_refused_on_another_way_shows_no_values_either(
    cluster: KubeCluster, namespace: str, data: dict[str, JsonValue]
) -> None:
    good = desired(an_object("Secret", "login", namespace=namespace, data={"user": "eA=="}), "shop")
    bad = desired(an_object("Secret", "login", namespace=namespace, data=data), "shop")
    permit = permit_object(an_app(), bad.key)
    with pytest.raises(ClusterError) as made:
        await cluster.create(permit, bad)
    live = await cluster.create(permit, good)
    with pytest.raises(ClusterError) as replaced:
        await cluster.apply(permit, bad, replace=True)
    with pytest.raises(ClusterError) as patched:
        await cluster.patch(permit, live, Patch({"data": data}))
    for refused in (made, replaced, patched):
        for said in (str(refused.value), repr(refused.value)):
            assert CANARY not in said
            assert str(NUMBER) not in said
            assert "Q0FOQVJZ" not in said


async def test_S4_a_sealed_secret_is_told_as_that_without_its_values(cluster: KubeCluster, namespace: str) -> None:
    first, other = (
        desired(an_object("Secret", "login", namespace=namespace, immutable=True, data={"password": encoded}))
        for encoded in ("Q0FOQVJZ", "b3RoZXI=")
    )
    await apply(cluster, first)
    with pytest.raises(ClusterError) as refused:
        await apply(cluster, other)
    assert refused.value.reason == "Immutable"
    assert "Q0FOQVJZ" not in str(refused.value)
    assert "b3RoZXI=" not in str(refused.value)


async def test_S4_a_server_that_quotes_a_value_is_not_repeated(
    behind_proxy: KubeCluster, proxy: FaultProxy, namespace: str
) -> None:
    quoting = b'{"kind":"Status","message":"Secret \\"x\\" is invalid: data.%s: bad","reason":"Invalid","code":422}'
    proxy.answer(422, matching=lambda request: request.method == "PATCH", body=quoting % CANARY.encode())
    secret = desired(an_object("Secret", "login", namespace=namespace, stringData={"password": CANARY}))
    with pytest.raises(ClusterError) as refused:
        await apply(behind_proxy, secret)
    assert CANARY not in str(refused.value)


async def test_S13_a_redirect_is_an_error_and_nothing_follows_it(clock: RealClock) -> None:
    seen: list[str] = []

    async def elsewhere(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response(text="{}")

    async def redirecting(request: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPFound(f"http://127.0.0.1:{other.addresses[0][1]}/stolen")

    other, server = (web.ServerRunner(web.Server(handler)) for handler in (elsewhere, redirecting))
    for runner in (other, server):
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    access = ClusterAccess("moved", server=f"http://127.0.0.1:{server.addresses[0][1]}", token=Secret(CANARY))
    async with KubeCluster(access, clock=clock) as cluster:
        with pytest.raises(ClusterError) as refused:
            await cluster.target()
    assert "redirect" in str(refused.value)
    assert CANARY not in str(refused.value)
    assert seen == []
    for runner in (other, server):
        await runner.cleanup()


async def test_S8_an_unreachable_server_is_named_without_what_its_url_hides(clock: RealClock) -> None:
    access = ClusterAccess("gone", server=f"http://user:{CANARY}@127.0.0.1:1/?sig={CANARY}")
    async with KubeHttp(access, clock=clock) as http:
        with pytest.raises(ClusterError) as failed:
            await http.request("GET", "/version")
    assert CANARY not in str(failed.value)
    assert "127.0.0.1" in str(failed.value)


def test_R2_one_function_writes_to_clusters() -> None:
    """Nothing but write.py names a method that changes something; in it only `write`, the dry-run and the review of
    one's own rights send one.
    """
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.is_relative_to(PACKAGE / "testing") or path == PACKAGE / "kube" / "write.py":
            continue
        if not imports_kube(path):
            continue
        words = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert not words & {"POST", "PUT", "PATCH", "DELETE"}, path
    tree = ast.parse((PACKAGE / "kube" / "write.py").read_text())
    senders = [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.AsyncFunctionDef)
        and any(isinstance(node, ast.Attribute) and node.attr in ("call", "request") for node in ast.walk(function))
    ]
    assert sorted(senders) == ["rehearse", "review", "write"]


async def test_R2_a_review_of_rights_can_make_nothing_else(clock: RealClock) -> None:
    made: list[RequestMade] = []
    async with KubeHttp(ClusterAccess("any", server="http://127.0.0.1:1"), clock=clock, on_request=made.append) as http:
        with pytest.raises(PermissionError):
            await review(http, "ConfigMap", {}, timeout=1)
    assert made == []


def test_R2_whatever_else_asks_a_cluster_only_reads() -> None:
    """Each method that is sent stands there as a word: nobody can be handed one that writes."""
    asked: list[object] = []
    for path in sorted((PACKAGE / "kube").glob("*.py")):
        if path.name in ("write.py", "http.py"):  # the one writes, the other is the connection
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            if node.func.attr in ("call", "request"):
                asked.append(node.args[0].value if isinstance(node.args[0], ast.Constant) else path)
    assert asked
    assert set(asked) == {"GET"}


def test_R2_every_method_that_changes_a_cluster_takes_a_permit() -> None:
    tree = ast.parse((PACKAGE / "ports" / "cluster.py").read_text())
    (cluster,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Cluster")
    takes = {
        function.name: [argument.arg for argument in function.args.args]
        for function in cluster.body
        if isinstance(function, ast.AsyncFunctionDef)
    }
    writing = {name for name, arguments in takes.items() if "permit" in arguments}
    assert writing == {"apply", "create", "patch", "delete"}
    assert set(takes) - writing == {"target", "kinds", "observe", "strays", "predict", "logs", "forget"}


def imports_kube(path: Path) -> bool:
    """Whether a module could get hold of the connection to a cluster."""
    return path.is_relative_to(PACKAGE / "kube") or "gitopsd.kube" in path.read_text()


async def test_R2_a_permit_opens_one_object_only(clock: RealClock) -> None:
    made: list[RequestMade] = []
    key = ObjectKey("", "ConfigMap", "default", "mine")
    async with KubeHttp(ClusterAccess("any", server="http://127.0.0.1:1"), clock=clock, on_request=made.append) as http:
        other = key._replace(namespace="kube-system")
        with pytest.raises(PermissionError):
            await write(http, permit_object(an_app(), key), other, method="DELETE", path="/x", body=b"")
    assert made == []


@pytest.mark.parametrize("name", ["..", ".", "a/../../secrets/x", "a%2fb", ""])
async def test_a_name_cannot_leave_its_place_in_the_path(cluster: KubeCluster, namespace: str, name: str) -> None:
    odd = desired(an_object("ConfigMap", name, namespace=namespace, data={}))
    (prediction,) = await cluster.predict([(odd, None)])
    assert "cannot be used" in prediction.error


@pytest.mark.parametrize(
    ("kind", "api_version", "namespace"), [("PriorityClass", "scheduling.k8s.io/v1", "shop"), ("ConfigMap", "v1", "")]
)
async def test_N6_scope_is_what_discovery_says_whatever_namespace_was_named(
    cluster: KubeCluster, requests: list[RequestMade], kind: str, api_version: str, namespace: str
) -> None:
    gvk = GVK.parse(api_version, kind)
    named = replace(
        desired(an_object(kind, "odd", namespace="shop", api_version=api_version, value=1)),
        key=ObjectKey(gvk.group, kind, namespace, "odd"),
    )
    with pytest.raises(ClusterError, match="scope") as refused:
        await apply(cluster, named)
    assert refused.value.retryable
    (prediction,) = await cluster.predict([(named, None)])
    assert "scope" in prediction.error
    assert {request.verb for request in requests}.isdisjoint({"apply", "dry-run"})


async def test_N6_a_kind_that_nobody_knows_is_not_written(cluster: KubeCluster, requests: list[RequestMade]) -> None:
    with pytest.raises(ClusterError, match="does not serve"):
        await apply(
            cluster, desired(an_object("Nothing", "odd", namespace="shop", api_version="unheard.example.org/v1"))
        )
    assert {request.verb for request in requests}.isdisjoint({"apply", "dry-run"})
