"""Programs that print credentials: what they get, what is made of their answer, and what they cannot do."""

import json
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
import yaml

from gitopsd.core.errors import ClusterError
from gitopsd.core.secret import Secret
from gitopsd.kube.credential_plugin import PluginFailedError, plugin_environment, run_plugin
from gitopsd.kube.credentials import Credentials, read_credentials
from gitopsd.ports.cluster import ClusterAccess, CredentialPlugin
from tests.cluster_fixture import ApiServer

CANARY = "CANARY-9e44"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
V1 = "client.authentication.k8s.io/v1"


def answer(version: str = V1, **status: str) -> str:
    """A program that prints these credentials."""
    printed = json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})
    return f"print({printed!r})"


def plugin(program: str, **fields: str) -> CredentialPlugin:
    return CredentialPlugin(sys.executable, ("-c", program), **fields)  # type: ignore[arg-type]  # the fields that tests give are texts


async def credentials(program: str) -> Credentials:
    access = ClusterAccess("own", server="http://127.0.0.1:1", plugin=plugin(program))
    return await read_credentials(access, NOW)


async def failure(program: str, **fields: str) -> str:
    with pytest.raises(PluginFailedError) as failed:
        await run_plugin(plugin(program, **fields), seconds=5.0)
    assert CANARY not in str(failed.value)
    return str(failed.value)


async def test_a_token_is_good_until_shortly_before_it_expires() -> None:
    found = await credentials(answer(token=CANARY, expirationTimestamp="2030-01-01T00:15:00Z"))
    assert found.authorization == Secret(f"Bearer {CANARY}")
    assert found.lifetime == 14 * 60


async def test_a_token_without_a_date_is_good_until_it_is_refused() -> None:
    assert (await credentials(answer(token=CANARY))).lifetime is None


async def test_a_token_that_is_over_already_is_not_asked_for_without_a_pause() -> None:
    found = await credentials(answer(token=CANARY, expirationTimestamp="2029-12-31T00:00:00Z"))
    assert found.lifetime == 5


async def test_a_certificate_of_a_plugin_is_used(api_server: ApiServer) -> None:
    pki = api_server.folder / "pki"
    pair = {"clientCertificateData": (pki / "admin.crt").read_text(), "clientKeyData": (pki / "admin.key").read_text()}
    access = ClusterAccess("own", server=api_server.server, plugin=plugin(answer(**pair)))
    found = await read_credentials(access, NOW)
    assert found.authorization is None
    assert found.tls is not None


async def test_a_kubeconfigs_plugin_runs_beside_it_and_is_told_of_the_cluster(tmp_path: Path) -> None:
    program = tmp_path / "plugin"
    program.write_text(
        f"#!{sys.executable}\nimport json, os\nspec = json.loads(os.environ['KUBERNETES_EXEC_INFO'])['spec']\n"
        "token = '|'.join([spec['cluster']['server'], spec['cluster']['config']['audience'], os.environ['OWN']])\n"
        f"print(json.dumps({{'apiVersion': {V1!r}, 'kind': 'ExecCredential', 'status': {{'token': token}}}}))\n"
    )
    program.chmod(stat.S_IRWXU)
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "api"}}
    written = {
        "command": "./plugin",
        "apiVersion": V1,
        "provideClusterInfo": True,
        "env": [{"name": "OWN", "value": "x"}],
    }
    content = {
        "current-context": "main",
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1", "extensions": [extension]}}],
        "users": [{"name": "u", "user": {"exec": written}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
    found = await read_credentials(ClusterAccess("own", kubeconfig=str(tmp_path / "kubeconfig")), NOW)
    assert found.authorization == Secret("Bearer http://127.0.0.1:1|api|x")


def test_S9_a_plugin_gets_nothing_of_the_daemons_secrets() -> None:
    environ = {"PATH": "/bin", "HOME": "/h", "AWS_PROFILE": "p", "GIT_TOKEN": CANARY, "CREDENTIALS_DIRECTORY": CANARY}
    made = plugin_environment(environ, CredentialPlugin("x", env=(("OWN", Secret("o")),)), "{}")
    assert made == {"PATH": "/bin", "HOME": "/h", "AWS_PROFILE": "p", "OWN": "o", "KUBERNETES_EXEC_INFO": "{}"}


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("print('garbage ' + 'CANARY-9e44')", "printed no JSON"),
        ("print('[]')", "printed no ExecCredential"),
        (f"import sys; sys.exit('{CANARY}')", "ended with exit code 1"),
        ("import os; os.kill(os.getpid(), 9)", "ended with exit code -9"),
        ("while True: print('x' * 65536)", "printed more than"),
        (answer(clientCertificateData=CANARY), "neither a token nor a certificate with its key"),
        (answer(), "neither a token nor a certificate with its key"),
        (answer(token=f"{CANARY}\r\nX-Header: 1"), "a token that no header can hold"),
        (
            answer("client.authentication.k8s.io/v1beta1", token=CANARY),
            "set apiVersion: client.authentication.k8s.io/v1beta1",
        ),
        (answer("client.authentication.k8s.io/v1alpha1", token=CANARY), "of a version that is known"),
    ],
)
async def test_a_plugin_that_fails_says_how_and_nothing_that_it_printed(program: str, said: str) -> None:
    assert said in await failure(program)


@pytest.mark.parametrize(
    "program", ["print('garbage')", "print('{}')", "import sys; sys.exit(1)", answer(), answer(token="ä")]
)
async def test_a_plugin_whose_answer_is_no_good_is_to_be_looked_at(program: str) -> None:
    with pytest.raises(ClusterError) as failed:
        await credentials(program)
    assert failed.value.hint == "run it as gitopsd's user to see what it prints"


async def test_a_plugin_that_is_missing_is_named_with_the_way_to_install_it() -> None:
    access = ClusterAccess("eks", server="https://h", plugin=CredentialPlugin("no-such-aws", install_hint="get it"))
    with pytest.raises(ClusterError) as failed:
        await read_credentials(access, NOW)
    assert "its credential plugin no-such-aws is not installed" in str(failed.value)
    assert failed.value.hint == "get it"


async def test_argo_cds_own_plugin_is_missing_with_a_word_on_what_to_use() -> None:
    with pytest.raises(PluginFailedError, match="awsAuthConfig for Amazon EKS"):
        await run_plugin(CredentialPlugin("argocd-k8s-auth", ("aws",)))


async def test_a_plugin_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    program = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\ntime.sleep(600)"
    )
    with pytest.raises(PluginFailedError, match="did not answer in 2 seconds"):
        await run_plugin(plugin(program), seconds=2.0)
    child = int((tmp_path / "pid").read_text())
    with anyio.fail_after(30):
        while _runs(child):  # noqa: ASYNC110  # the end of a stranger is told to nobody
            await anyio.sleep(0.01)


def _runs(pid: int) -> bool:
    """Whether it lives; who has ended and is not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def test_a_plugin_that_hangs_keeps_no_other_cluster_waiting() -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(credentials, "import time; time.sleep(600)")
        with anyio.fail_after(30):
            for _ in range(3):
                assert (await credentials(answer(token="t"))).authorization == Secret("Bearer t")
        tasks.cancel_scope.cancel()


def test_the_aws_cli_gets_its_values_as_values() -> None:
    made = CredentialPlugin.eks("--debug", "arn:aws:iam::1:role/r")
    assert made.args == (
        "eks",
        "get-token",
        "--output=json",
        "--cluster-name=--debug",
        "--role-arn=arn:aws:iam::1:role/r",
    )
    assert os.path.basename(made.command) == "aws"
