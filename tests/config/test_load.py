"""What a good configuration becomes."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from gitopsd.config import (
    ArtifactSettings,
    BackoffSettings,
    ClusterSecrets,
    Config,
    ConfigErrors,
    GitSettings,
    LogSettings,
    ReconcileSettings,
    RenderSettings,
    ServerSettings,
    load,
)
from gitopsd.config.includes import matches
from gitopsd.core.app import Automated, Destination, RetryPolicy, Source, TrackingMethod
from gitopsd.core.proxy import Proxy
from gitopsd.core.secret import Secret
from gitopsd.ports.cluster import ClusterAccess, CredentialPlugin
from gitopsd.ports.sources import RepositoryAccess
from tests.config.writing import LOCAL, application, loaded
from tests.sources.certificates import Authority

SOURCE = "source: {repoURL: https://git.example.org/a.git}"
PEM = "-----BEGIN CERTIFICATE-----"
REPOSITORY_SECRETS = (
    *("git-ca.crt", "git-token", "git-ssh-key", "known_hosts", "git-client.crt", "git-client.key"),
    "github-app.pem",
)
KUBECONFIG = """
current-context: production
contexts: [{name: production, context: {cluster: main}}, {name: staging, context: {cluster: other}}]
clusters: [{name: main, cluster: {server: "https://10.0.0.1:6443"}}, {name: other, cluster: {server: "https://10.0.0.2/"}}]
"""


def errors_of(folder: Path, main: str, **files: str) -> str:
    with pytest.raises(ConfigErrors) as caught:
        loaded(folder, main, **files)
    return str(caught.value)


def test_the_configuration_of_the_readme_becomes_values(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
server: {listen: 127.0.0.1:8080}
state: {dir: ./state}
reconcile: {refreshInterval: 180s, concurrency: 16}
clusters:
  - {name: local, kubeconfig: ./kubeconfig}
repositories:
  - {url: https://git.example.org/team/app.git, username: ci, password: {file: ./secrets/git}}
include: [applications.d/*.yaml]
applications:
  - name: guestbook
    project: default
    source: {repoURL: ../repos/guestbook.git, targetRevision: main, path: guestbook}
    destination: {name: local, namespace: guestbook}
    syncPolicy: {automated: {prune: true, selfHeal: true}, syncOptions: [CreateNamespace=true]}
""",
        kubeconfig=KUBECONFIG,
        secrets__git="hunter2\n",
    )
    assert config.server == ServerSettings("127.0.0.1", 8080, "gitopsd")
    assert config.state_dir == f"{tmp_path}/state"
    assert config.state_key == f"{tmp_path}/state/state.key"
    assert config.cache_dir == f"{tmp_path}/state/cache"
    assert config.clusters == (ClusterAccess(name="local", kubeconfig=f"{tmp_path}/kubeconfig"),)
    assert config.repositories == (
        RepositoryAccess("https://git.example.org/team/app.git", username="ci", password=Secret("hunter2")),
    )
    (app,) = config.applications
    assert app.name == "guestbook"
    assert app.sources == (Source(f"file://{tmp_path.parent}/repos/guestbook.git", "guestbook", "main"),)
    assert app.destination == Destination(name="local", namespace="guestbook")
    assert app.sync_policy.automated == Automated(prune=True, self_heal=True)
    assert app.sync_policy.enabled("CreateNamespace")
    assert app.unsupported == ()
    assert str(app.position) == f"{tmp_path}/gitopsd.yaml:11:11"
    assert config.files == (f"{tmp_path}/gitopsd.yaml", f"{tmp_path}/kubeconfig", f"{tmp_path}/secrets/git")
    assert config.globs == (f"{tmp_path}/applications.d/*.yaml",)
    assert config.warnings == (f"{tmp_path}/gitopsd.yaml:9:11: include[0]: applications.d/*.yaml matches no file",)


def test_an_almost_empty_file_has_every_default(tmp_path: Path) -> None:
    config = loaded(tmp_path, "applications:\n")
    assert config.server == ServerSettings("127.0.0.1", 8080, "gitopsd")
    assert config.reconcile == ReconcileSettings(180.0, 60.0, 16, BackoffSettings(2.0, 3.0, 300.0))
    assert config.git == GitSettings((), 15.0, 300.0)
    assert config.artifacts == ArtifactSettings()
    assert config.render == RenderSettings(60.0, 1, "", 1024**3)
    assert config.log == LogSettings("info", "auto")
    assert (config.clusters, config.repositories, config.applications) == ((), (), ())


def test_settings_are_taken_over(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
server: {listen: ":0", metricsPrefix: argocd, metricsApplicationLabels: [team, example.org/unit]}
state: {dir: /var/lib/gitopsd, cacheDir: ~/cache, keyFile: ./keys/state}
reconcile: {refreshInterval: 5m, jitter: 0, selfHealBackoff: {duration: 1, factor: 2, maxDuration: 1m30s}}
git: {localRoots: [repos, /srv/git], timeout: 1500ms, fetchTimeout: 1h}
artifacts: {timeout: 5s, fetchTimeout: 1m, maxIndexSize: 1Mi, maxExtractedSize: 2Gi, blockPrivateAddresses: true,
  tokenHosts: [Auth.example.org, 'auth.example.org:8443']}
render: {deadline: 90, workers: 4, engine: ./bin/engine, memoryLimit: 512Mi}
log: {level: debug, format: json}
""",
        {"HOME": "/home/test"},
    )
    assert config.server == ServerSettings("0.0.0.0", 0, "argocd", ("team", "example.org/unit"))  # noqa: S104  # what `:0` means
    assert (config.state_dir, config.cache_dir) == ("/var/lib/gitopsd", "/home/test/cache")
    assert config.state_key == f"{tmp_path}/keys/state"
    assert config.reconcile == ReconcileSettings(300.0, 0.0, 16, BackoffSettings(1.0, 2.0, 90.0))
    assert config.git == GitSettings((f"{tmp_path}/repos", "/srv/git"), 1.5, 3600.0)
    hosts = ("auth.example.org", "auth.example.org:8443")
    assert config.artifacts == ArtifactSettings(5.0, 60.0, 1024**2, 2 * 1024**3, True, hosts)
    assert config.render == RenderSettings(90.0, 4, f"{tmp_path}/bin/engine", 512 * 1024**2)
    assert config.log == LogSettings("debug", "json")


@pytest.mark.parametrize(("written", "host", "port"), [("[::1]:80", "::1", 80), ("localhost:9", "localhost", 9)])
def test_listen_knows_names_and_ipv6(tmp_path: Path, written: str, host: str, port: int) -> None:
    assert loaded(tmp_path, f"server: {{listen: '{written}'}}").server == ServerSettings(host, port, "gitopsd")


def test_a_key_without_a_value_counts_as_absent(tmp_path: Path) -> None:
    config = loaded(tmp_path, "server:\nreconcile: {concurrency: ~}\nclusters:\ninclude:\napplications:\n")
    assert config.reconcile.concurrency == 16
    app = application(
        tmp_path, "source: {repoURL: https://git.example.org/a.git, helm: }\nsyncPolicy: {automated: }\nlabels: {a: }"
    )
    assert app.sources[0].renderer == ""
    assert app.sync_policy.automated is None
    assert app.labels == {"a": ""}


def test_each_way_to_a_cluster(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
clusters:
  - {name: here, inCluster: true}
  - {name: file, kubeconfig: kubeconfig, context: staging}
  - {name: context, context: production}
  - {name: token, server: "https://${HOST}:6443", token: "${TOKEN}", ca: {file: ca.crt}, tlsServerName: api}
  - {name: rotating, server: https://10.0.0.4, tokenFile: token}
  - {name: pem, server: https://10.0.0.5, clientCertificate: {file: ca.crt}, clientKey: {file: key}, insecure: true}
""",
        {"HOST": "10.0.0.3", "TOKEN": "t", "KUBECONFIG": f"{tmp_path}/kubeconfig"},
        kubeconfig=KUBECONFIG,
        key=f"{PEM}\n",
        token="r",
        **{"ca.crt": f"{PEM}\n"},
    )
    kubeconfig = f"{tmp_path}/kubeconfig"
    assert config.clusters == (
        ClusterAccess("here", in_cluster=True),
        ClusterAccess("file", kubeconfig=kubeconfig, context="staging"),
        ClusterAccess("context", kubeconfig=kubeconfig, context="production"),
        ClusterAccess("token", server="https://10.0.0.3:6443", token=Secret("t"), ca=PEM, tls_server_name="api"),
        ClusterAccess("rotating", server="https://10.0.0.4", token_file=f"{tmp_path}/token"),
        ClusterAccess("pem", server="https://10.0.0.5", client_certificate=PEM, client_key=Secret(PEM), insecure=True),
    )
    assert config.warnings == (f"{tmp_path}/gitopsd.yaml:8:112: clusters[5].insecure: whoever answers is trusted",)


def test_all_that_a_cluster_may_have(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
clusters:
  - {name: gke, server: https://10.0.0.1, exec: {command: plugin, args: [a], env: {K: "${V}"}, installHint: get it}}
  - {name: eks, server: https://10.0.0.2, awsAuthConfig: {clusterName: c, roleARN: r, profile: p}}
  - {name: basic, server: https://10.0.0.3, username: u, password: s, proxyURL: "http://u:p@h:3128"}
  - {name: part, inCluster: true, namespaces: [a, b], inFlight: 4, qps: 5, burst: 9, disableCompression: true}
  - {name: both, inCluster: true, namespaces: [a], clusterResources: true, project: p, labels: {e: x}}
""",
        {"V": "secret"},
    )
    gke = CredentialPlugin("plugin", ("a",), (("K", Secret("secret")),), install_hint="get it")
    assert config.clusters == (
        ClusterAccess("gke", server="https://10.0.0.1", plugin=gke),
        ClusterAccess("eks", server="https://10.0.0.2", plugin=CredentialPlugin.eks("c", "r", "p")),
        ClusterAccess(
            "basic",
            server="https://10.0.0.3",
            username="u",
            password=Secret("s"),
            proxy=Proxy("http", "h", 3128, "u", Secret("p")),
        ),
        ClusterAccess(
            "part",
            in_cluster=True,
            namespaces=("a", "b"),
            cluster_resources=False,
            in_flight=4,
            qps=5.0,
            burst=9,
            disable_compression=True,
        ),
        ClusterAccess("both", in_cluster=True, namespaces=("a",), project="p", labels={"e": "x"}),
    )
    assert [access.written_at for access in config.clusters][:1] == [f"{tmp_path}/gitopsd.yaml:3:5"]


def test_with_clusters_of_secrets_a_destination_need_not_be_known_yet(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "clusters: [{name: local, inCluster: true}]\n"
        "clustersFrom: [{cluster: local}, {cluster: local, namespace: cd, allowExec: true}]\n"
        f"applications: [{{name: a, destination: {{name: far, namespace: a}}, {SOURCE}}}]\n",
    )
    assert config.clusters_from == (ClusterSecrets("local", "argocd"), ClusterSecrets("local", "cd", allow_exec=True))
    assert config.applications[0].destination.name == "far"
    (warning,) = config.warnings
    assert "whoever may write Secrets in cd may run programs on this machine" in warning


@pytest.mark.parametrize(
    "destination",
    [
        "{server: https://kubernetes.default.svc}",
        "{name: in-cluster}",
        "{server: 'https://10.0.0.1:6443'}",
        "{server: 'HTTPS://10.0.0.2:443'}",
        "{server: 'https://10.0.0.3:6443/'}",
    ],
)
def test_a_destination_may_name_a_server_however_its_cluster_is_reached(tmp_path: Path, destination: str) -> None:
    config = loaded(
        tmp_path,
        f"""
clusters:
  - {{name: here, inCluster: true}}
  - {{name: one, kubeconfig: kubeconfig}}
  - {{name: two, kubeconfig: kubeconfig, context: staging}}
  - {{name: three, server: "https://10.0.0.3:6443", token: t}}
applications:
  - {{name: a, {SOURCE}, destination: {destination}}}
""",
        kubeconfig=KUBECONFIG,
    )
    assert config.applications[0].name == "a"


def test_credentials_of_repositories(tmp_path: Path) -> None:
    ca = Authority("one").pem
    config = loaded(
        tmp_path,
        """
repositories:
  - {url: https://git.example.org/a.git, bearerToken: "a$$b${T}", ca: {file: ca}, insecure: yes}
  - {url: git@git.example.org:b, sshPrivateKey: {file: key}, sshKnownHosts: {file: hosts}, insecureIgnoreHostKey: on}
  - {url: http://git.example.org/c.git, username: u, password: p}
  - {url: ./d.git}
""",
        {"T": "t"},
        ca=ca,
        key=f"{PEM}\nline 2\n",
        hosts="git.example.org ssh-ed25519 AAAA\n",
    )
    assert config.repositories == (
        RepositoryAccess("https://git.example.org/a.git", bearer_token=Secret("a$bt"), ca=ca.rstrip(), insecure=True),
        RepositoryAccess(
            "git@git.example.org:b",
            ssh_private_key=Secret(f"{PEM}\nline 2\n"),
            ssh_known_hosts="git.example.org ssh-ed25519 AAAA",
            insecure_ignore_host_key=True,
        ),
        RepositoryAccess("http://git.example.org/c.git", username="u", password=Secret("p")),
        RepositoryAccess(f"file://{tmp_path}/d.git"),
    )
    assert [warning.split(": ", 1)[1] for warning in config.warnings] == [
        "repositories[0].insecure: whoever answers is trusted",
        "repositories[1].insecureIgnoreHostKey: whoever answers is trusted",
        "credentials go over plain http, where anybody on the way can read them",
    ]


def test_variables_are_expanded_nowhere_else(tmp_path: Path) -> None:
    app = application(tmp_path, "source: {repoURL: https://git.example.org/a.git, helm: {values: 'a: ${HOME} $$'}}")
    assert app.sources[0].options == {"values": "a: ${HOME} $$"}


def test_included_files_hold_lists_mappings_and_manifests(tmp_path: Path) -> None:
    entry = f"{SOURCE}, destination: {{name: local}}"
    manifest = f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: NAME}}\nspec: {{{entry}}}\n"
    config = loaded(
        tmp_path,
        LOCAL + "include: [apps/*.yaml, 'apps/**/*.yml', apps/a.yaml, nothing/*.yaml]\n"
        f"applications: [{{name: main, {entry}}}]\n",
        apps__b__yaml="",
        **{
            "apps/a.yaml": f"- {{name: a1, {entry}}}\n- {{name: a2, {entry}}}\n",
            "apps/b.yaml": f"applications:\n  - {{name: b, {entry}}}\n---\n",
            "apps/deep/er/c.yml": manifest.replace("NAME", "c1") + "---\n" + manifest.replace("NAME", "c2"),
            "apps/d.yaml": "",
            "apps/.hidden.yaml": "this: is not read",
        },
    )
    assert [app.name for app in config.applications] == ["main", "a1", "a2", "b", "c1", "c2"]
    assert str(config.applications[-1].position) == f"{tmp_path}/apps/deep/er/c.yml:8:18"


def test_every_application_of_several_files_is_judged(tmp_path: Path) -> None:
    text = errors_of(
        tmp_path,
        LOCAL + "include: ['*.list']\n",
        **{"a.list": "- {name: a}\n", "b.list": "- [\n", "c.list": "- {nam: c}\n"},
    )
    assert [line.split("/")[-1].split(":")[0] for line in text.splitlines()] == [
        "a.list",
        "b.list",
        "c.list",
        "c.list",
        "c.list",
    ]


def test_the_digest_follows_every_file(tmp_path: Path) -> None:
    def digest(secret: str, included: str) -> str:
        main = "repositories: [{url: https://git.example.org/a.git, password: {file: secret}}]\ninclude: ['*.list']"
        return loaded(tmp_path, main, secret=secret, **{"a.list": included}).digest

    assert digest("one", "[]") == digest("one", "[]")
    assert len({digest("one", "[]"), digest("two", "[]"), digest("one", "[] #")}) == 3


def test_sync_policy(tmp_path: Path) -> None:
    app = application(
        tmp_path,
        f"""
{SOURCE}
syncPolicy:
  automated: {{prune: true, allowEmpty: true}}
  retry: {{limit: 5, backoff: {{duration: "10", factor: 3, maxDuration: 1m}}}}
  syncOptions: [CreateNamespace=true, ServerSideApply=true, Prune=false, PrunePropagationPolicy=background]
  managedNamespaceMetadata: {{labels: {{a: b}}, annotations: {{c: d}}}}
""",
    )
    policy = app.sync_policy
    assert policy.automated == Automated(prune=True, self_heal=False, allow_empty=True)
    assert policy.retry == RetryPolicy(5, 10.0, 3.0, 60.0)
    assert policy.options["PrunePropagationPolicy"] == "background"
    assert (policy.namespace_labels, policy.namespace_annotations) == ({"a": "b"}, {"c": "d"})
    assert app.unsupported == ()


def test_automated_that_is_not_enabled_is_manual(tmp_path: Path) -> None:
    assert (
        application(
            tmp_path, f"{SOURCE}\nsyncPolicy: {{automated: {{enabled: false, prune: true}}}}"
        ).sync_policy.automated
        is None
    )
    assert application(tmp_path, f"{SOURCE}\nsyncPolicy: {{automated: {{}}}}").sync_policy.automated == Automated()


def test_without_retry_an_application_is_retried_for_ever(tmp_path: Path) -> None:
    assert application(tmp_path, SOURCE).sync_policy.retry == RetryPolicy(limit=-1)
    assert application(tmp_path, f"{SOURCE}\nsyncPolicy: {{retry: {{limit: 2}}}}").sync_policy.retry == RetryPolicy(
        limit=2
    )


@pytest.mark.parametrize(
    ("block", "renderer", "options"),
    [
        ("", "", {}),
        (", helm: {}", "helm", {}),
        (
            ", kustomize: {namePrefix: a-, images: [a=b:1], replicas: [{name: w, count: 3}]}",
            "kustomize",
            {"namePrefix": "a-", "images": ["a=b:1"], "replicas": [{"name": "w", "count": 3}]},
        ),
        (", directory: {recurse: true, include: }", "directory", {"recurse": True}),
        (
            ", helm: {valuesObject: {a: null, b: [1, 1.5, yes]}}",
            "helm",
            {"valuesObject": {"a": None, "b": [1, 1.5, True]}},
        ),
        (
            ", plugin: {name: cue, env: [{name: A, value: b}]}",
            "cue",
            {"name": "cue", "env": [{"name": "A", "value": "b"}]},
        ),
        (", plugin: {}", "plugin", {}),
        (", plugin: {env: [{name: A, value: b}]}", "plugin", {"env": [{"name": "A", "value": "b"}]}),
    ],
)
def test_an_explicit_block_chooses_the_renderer(tmp_path: Path, block: str, renderer: str, options: object) -> None:
    source = application(tmp_path, f"source: {{repoURL: https://git.example.org/a.git{block}}}").sources[0]
    assert (source.renderer, source.options) == (renderer, options)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "sourceHydrator: {drySource: {repoURL: https://git.example.org/a.git}, syncSource: {targetBranch: a}}",
            "sourceHydrator is not supported yet",
        ),
    ],
)
def test_what_cannot_be_honoured_yet_is_said_and_no_error(tmp_path: Path, text: str, sentence: str) -> None:
    assert application(tmp_path, text).unsupported == (sentence,)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            "{repoURL: https://charts.example.org, chart: redis, targetRevision: '>=1.0 <2'}",
            ("helm+https://charts.example.org#redis", ">=1.0 <2", ""),
        ),
        (
            "{repoURL: https://charts.example.org/stable/, chart: redis}",
            ("helm+https://charts.example.org/stable#redis", "*", ""),
        ),
        (
            "{repoURL: registry.example.org:5000/charts, chart: redis, targetRevision: 1.2.3}",
            ("oci://registry.example.org:5000/charts/redis", "1.2.3", ""),
        ),
        ("{repoURL: oci://registry.example.org/a}", ("oci://registry.example.org/a", "latest", "")),
        (
            "{repoURL: https://git.example.org/a.git, targetRevision: 1.*, tagPrefix: api/}",
            ("https://git.example.org/a.git", "1.*", "api/"),
        ),
        ("{repoURL: https://git.example.org/a.git}", ("https://git.example.org/a.git", "HEAD", "")),
    ],
)
def test_every_kind_of_source_has_its_origin(tmp_path: Path, text: str, place: tuple[str, str, str]) -> None:
    app = application(tmp_path, f"source: {text}")
    assert app.unsupported == ()
    assert app.sources[0].place == place


def test_a_source_that_is_only_referred_to_renders_nothing(tmp_path: Path) -> None:
    both = "{repoURL: https://git.example.org/a, ref: a, path: x}"
    app = application(tmp_path, f"sources: [{{repoURL: https://git.example.org/b, ref: b}}, {both}]")
    assert [(source.ref, source.renders) for source in app.sources] == [("b", False), ("a", True)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source: {repoURL: https://charts.example.org, chart: ../redis}", "source.chart cannot be used"),
        ("source: {repoURL: https://charts.example.org, chart: redis, path: a}", "source.path stands beside chart"),
        ("source: {repoURL: https://charts.example.org, chart: redis, ref: a}", "source.ref stands beside chart"),
        ("source: {repoURL: 'ftp://example.org/x', chart: redis}", "source.repoURL cannot be used"),
        ("source: {repoURL: 'oci://example.org/$x'}", "source.repoURL cannot be used"),
        ("source: {repoURL: https://git.example.org/a, ref: a/b}", "source.ref cannot be used"),
        ("source: {repoURL: https://git.example.org/a, tagPrefix: -x}", "source.tagPrefix cannot be used"),
        (
            "sources: [{repoURL: https://git.example.org/a, ref: a}, {repoURL: https://git.example.org/b, ref: a}]",
            "sources[1].ref is the ref of another source too",
        ),
    ],
)
def test_sources_that_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    main = f"{LOCAL}applications:\n- name: a\n  destination: {{name: local}}\n  {text}\n"
    assert said in errors_of(tmp_path, main)


def test_what_changes_nothing_is_accepted(tmp_path: Path) -> None:
    app = application(
        tmp_path,
        f"{SOURCE}\ninfo: [{{name: a}}]\nrevisionHistoryLimit: 0\n"
        "syncPolicy: {syncOptions: [Validate=false, ApplyOutOfSyncOnly=true, SkipDryRunOnMissingResource=true]}",
    )
    assert app.unsupported == ()


def test_tracking_is_a_setting(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        f"{LOCAL}reconcile: {{resourceTrackingMethod: annotation+label}}\n"
        f"applications: [{{name: a, {SOURCE}, destination: {{name: local}}}}]",
    )
    assert config.applications[0].tracking.method is TrackingMethod.ANNOTATION_AND_LABEL


def test_aliases_and_merge_keys_spare_repetition(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        LOCAL
        + """
applications:
  - &base
    name: one
    source: {repoURL: https://git.example.org/a.git}
    destination: &to {name: local, namespace: a}
  - {<<: *base, name: two}
  - {<<: *base, name: three, destination: {<<: *to, namespace: b}}
""",
    )
    assert [(app.name, app.destination.namespace) for app in config.applications] == [
        ("one", "a"),
        ("two", "a"),
        ("three", "b"),
    ]


def test_a_list_entry_that_is_the_same_node_twice_is_a_duplicate(tmp_path: Path) -> None:
    text = errors_of(
        tmp_path, f"{LOCAL}applications:\n  - &a {{name: a, {SOURCE}, destination: {{name: local}}}}\n  - *a\n"
    )
    assert "another application is called a" in text


def test_a_secret_file_that_is_too_large_is_named_and_not_shown(tmp_path: Path) -> None:
    main = "repositories: [{url: https://git.example.org/a.git, password: {file: secret}}]"
    text = errors_of(tmp_path, main, secret="hunter2-canary" * 5000)
    assert f"{tmp_path}/secret cannot be read: it is larger than 64 KiB" in text
    assert "canary" not in text


def test_a_secret_that_is_a_pipe_does_not_hold_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secret")
    text = errors_of(tmp_path, "repositories: [{url: https://git.example.org/a.git, password: {file: secret}}]")
    assert "it is not a regular file" in text


def test_the_example_says_every_key_and_loads(tmp_path: Path) -> None:
    config = example(tmp_path)
    assert [app.name for app in config.applications] == ["guestbook", "monitoring", "shop"]
    assert config.warnings == ()
    assert [app.unsupported for app in config.applications] == [(), (), ()]
    assert config.reconcile == loaded(tmp_path / "home", "applications: []").reconcile
    assert config.artifacts == ArtifactSettings()
    assert (config.git, config.render, config.log, config.server) == (
        GitSettings((), 15.0, 300.0),
        RenderSettings(60.0, 1, "", 1024**3),
        LogSettings("info", "auto"),
        ServerSettings("127.0.0.1", 8080, "gitopsd"),
    )


def example(folder: Path) -> Config:
    """The example, copied beside secrets of its own."""
    source = Path(__file__).parents[2] / "config"
    for path in [source / "gitopsd.example.yaml", *(source / "applications.d").glob("*.yaml")]:
        copy = folder / path.relative_to(source)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text())
    for name in ("staging-token", "staging-ca.crt", "vault-token", *REPOSITORY_SECRETS):
        (folder / "secrets").mkdir(exist_ok=True)
        (folder / "secrets" / name).write_text(f"{PEM}\n")
    (folder / "secrets" / "git-ca.crt").write_text(Authority("git").pem)
    (folder / "secrets" / "known_hosts").write_text("git.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\n")
    for name in ("age.txt", "team-age.txt", "aws-id", "aws-key", "vault", "pgp.asc", "collector"):
        (folder / "secrets" / name).write_text("-----BEGIN PGP PRIVATE KEY BLOCK-----\n")
    for path in (folder / "secrets").iterdir():
        path.chmod(0o600)
    (folder / "home" / ".kube").mkdir(parents=True)
    (folder / "home" / ".kube" / "config").write_text(KUBECONFIG)
    environ = {"HOME": f"{folder}/home", "STAGING_HOST": "10.0.0.9"}
    environ |= dict.fromkeys(("GIT_PASSWORD", "CHARTS_PASSWORD", "REGISTRY_PASSWORD", "PLATFORM_PASSWORD"), "p")
    return load(str(folder / "gitopsd.example.yaml"), environ=environ)


def test_D7_one_bad_application_keeps_no_other_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "apps.yaml").write_text("- {name: broken, source: {repoURL: 7}}\n- {name: [}\n")
    path = tmp_path / "gitopsd.yaml"
    good = "{repoURL: https://git.example.org/a.git, path: a}"
    place = "{name: local, namespace: a}"
    path.write_text(
        "clusters: [{name: local, server: https://127.0.0.1:6443, token: t}]\n"
        "include: [apps.yaml]\n"
        "applications:\n"
        f"  - {{name: first, source: {good}, destination: {place}}}\n"
        f"  - {{name: second, source: {good}, destination: {{name: nowhere}}}}\n"
        f"  - {{name: third, source: {good}, destination: {place}}}\n"
    )
    config = load(str(path), environ={}, keep_going=True)
    assert [app.name for app in config.applications] == ["first", "third"]
    assert [error.where.rpartition("/")[2] for error in config.errors] == ["gitopsd.yaml:5:99", "apps.yaml:2:11"]
    with pytest.raises(ConfigErrors):
        load(str(path), environ={})


def test_a_cluster_called_in_cluster_takes_argo_cds_manifests_as_they_are(tmp_path: Path) -> None:
    main = f"applications: [{{name: a, {SOURCE}, destination: {{server: https://kubernetes.default.svc}}}}]\n"
    config = loaded(
        tmp_path, f"clusters: [{{name: in-cluster, kubeconfig: kubeconfig}}]\n{main}", kubeconfig=KUBECONFIG
    )
    assert config.applications[0].destination.server == "https://kubernetes.default.svc"
    told = errors_of(tmp_path, f"clusters: [{{name: other, kubeconfig: kubeconfig}}]\n{main}")
    assert "Try: name the cluster that is meant in-cluster, under clusters in the main file" in told


def test_an_include_that_matches_no_file_is_a_warning(tmp_path: Path) -> None:
    config = loaded(tmp_path, f"{LOCAL}include: [aplications.d/*.yaml, there.yaml]\n", **{"there.yaml": "[]"})
    assert config.warnings == (f"{tmp_path}/gitopsd.yaml:2:11: include[0]: aplications.d/*.yaml matches no file",)


def test_what_cannot_be_honoured_yet_is_a_warning_of_the_check(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        f"{LOCAL}applications:\n  - {{name: a, {SOURCE}, destination: {{name: local}}, project: payments}}\n",
    )
    place = f"{tmp_path}/gitopsd.yaml:3:12: a is shown and left as it is: "
    assert config.warnings == (f"{place}project 'payments' is not defined (known: default)",)
    assert config.applications[0].project == "payments"


def test_two_names_of_one_cluster_are_a_warning(tmp_path: Path) -> None:
    main = """
clusters:
  - {name: one, kubeconfig: ./kubeconfig}
  - {name: two, kubeconfig: ./kubeconfig, context: staging}
  - {name: three, server: "https://10.0.0.1:6443/", token: t}
  - {name: four, server: "https://10.0.0.2:443", token: t, namespaces: [a]}
  - {name: five, server: "https://10.0.0.3", token: t, namespaces: [a]}
  - {name: six, server: "https://10.0.0.3", token: t, namespaces: [b]}
  - {name: seven, server: "https://10.0.0.3", token: t, namespaces: [b, c]}
"""
    warnings = [each.split(": ", 1)[1] for each in loaded(tmp_path, main, kubeconfig=KUBECONFIG).warnings]
    assert warnings == [
        "clusters[2]: it is the same API server (https://10.0.0.1:6443/) as that of the cluster one",
        "clusters[3]: it is the same API server (https://10.0.0.2:443) as that of the cluster two",
        "clusters[6]: it is the same API server (https://10.0.0.3) as that of the cluster six",
    ]


@pytest.mark.parametrize(
    ("cluster", "user", "said"),
    [
        (
            "certificate-authority-data: '!!!'",
            "",
            "cluster c: its certificate-authority-data cannot be used: it is not b",
        ),
        ("certificate-authority-data: ''", "", "cluster c: its certificate-authority-data cannot be used: it is empty"),
        ("certificate-authority-data: aGVsbG8=", "", "there is no certificate (PEM) in it"),
        (
            "certificate-authority: ca.crt",
            "",
            "cluster c: its certificate-authority cannot be used: there is no certif",
        ),
        ("certificate-authority: cut.crt", "", "its certificate-authority cannot be used: a certificate in it is dam"),
        ("certificate-authority: gone.crt", "", "its certificate-authority names a file that is not there"),
        ("", "client-certificate: ca.crt", "user u: its client-certificate cannot be used: there is no certificate"),
        ("", "client-key-data: hunter2", "user u: its client-key-data cannot be used: "),
    ],
)
def test_a_kubeconfig_whose_certificates_or_keys_are_none_is_refused(
    tmp_path: Path, cluster: str, user: str, said: str
) -> None:
    (tmp_path / "ca.crt").write_text("hunter2")
    (tmp_path / "cut.crt").write_text(f"{Authority('one').pem[:200]}\n-----END CERTIFICATE-----\n")
    kubeconfig = f"""
current-context: one
contexts: [{{name: one, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "https://10.0.0.1", {cluster}}}}}]
users: [{{name: u, user: {{{user}}}}}]
"""
    told = errors_of(tmp_path, "clusters: [{name: local, kubeconfig: ./kubeconfig}]\n", kubeconfig=kubeconfig)
    assert f"gitopsd.yaml:1:38: clusters[0].kubeconfig cannot be used: {tmp_path}/kubeconfig, " in told
    assert said in told
    assert "hunter2" not in told


def test_a_kubeconfigs_certificates_are_taken_from_data_and_from_files(tmp_path: Path) -> None:
    pem = Authority("one").pem
    data = base64.b64encode(f"bundle of two\n{pem}{pem}".encode()).decode()
    kubeconfig = f"""
current-context: one
contexts: [{{name: one, context: {{cluster: c}}}}, {{name: two, context: {{cluster: d}}}}]
clusters:
  - {{name: c, cluster: {{server: "https://10.0.0.1", certificate-authority-data: {data}}}}}
  - {{name: d, cluster: {{server: "https://10.0.0.2", certificate-authority-data: "", certificate-authority: ca.crt}}}}
"""
    (tmp_path / "ca.crt").write_text(pem)
    clusters = "clusters: [{name: a, kubeconfig: kubeconfig}, {name: b, kubeconfig: kubeconfig, context: two}]\n"
    config = loaded(tmp_path, clusters, kubeconfig=kubeconfig)
    assert [access.name for access in config.clusters] == ["a", "b"]
    assert f"{tmp_path}/ca.crt" in config.files


SKIPPING = """
current-context: skips
contexts: [{name: skips, context: {cluster: c}}, {name: checks, context: {cluster: d}}]
clusters:
  - {name: c, cluster: {server: "https://10.0.0.1", insecure-skip-tls-verify: true}}
  - {name: d, cluster: {server: "https://10.0.0.2", insecure-skip-tls-verify: false}}
"""


@pytest.mark.parametrize("way", ["kubeconfig: kubeconfig", "context: skips", "kubeconfig: kubeconfig, context: skips"])
def test_a_kubeconfig_that_switches_tls_verification_off_is_permitted_or_refused(tmp_path: Path, way: str) -> None:
    environ = {"KUBECONFIG": f"{tmp_path}/kubeconfig"}
    config = loaded(tmp_path, f"clusters: [{{name: lab, {way}, insecure: true}}]\n", environ, kubeconfig=SKIPPING)
    assert config.clusters[0].insecure
    (warning,) = config.warnings
    assert warning.endswith(": clusters[0].insecure: whoever answers is trusted")
    with pytest.raises(ConfigErrors) as refused:
        loaded(tmp_path, f"clusters: [{{name: lab, {way}}}]\n", environ, kubeconfig=SKIPPING)
    (error,) = refused.value.errors
    assert f"{tmp_path}/kubeconfig switches TLS verification off (insecure-skip-tls-verify)" in str(error)
    assert error.hint.endswith("insecure: true in the cluster's entry")
    started = load(str(tmp_path / "gitopsd.yaml"), environ=environ, keep_going=True)
    assert {name: each.hint for name, each in started.broken.items()} == {"lab": error.hint}


def test_insecure_beside_a_kubeconfig_that_checks_certificates_is_warned_of_as_doing_nothing(tmp_path: Path) -> None:
    main = "clusters: [{name: lab, kubeconfig: kubeconfig, context: checks, insecure: true}]\n"
    (warning,) = loaded(tmp_path, main, kubeconfig=SKIPPING).warnings
    assert ": clusters[0].insecure: it does nothing: the kubeconfig has no insecure-skip-tls-verify" in warning


def test_insecure_has_no_meaning_inside_of_a_cluster(tmp_path: Path) -> None:
    told = errors_of(tmp_path, "clusters: [{name: own, inCluster: true, insecure: true}]\n")
    assert "clusters[0].insecure has no meaning here: the cluster is reached by inCluster" in told


def test_a_kubeconfig_that_cannot_be_used_is_borne_where_the_caller_bears_it(tmp_path: Path) -> None:
    main = """
clusters: [{name: good, inCluster: true}, {name: bad, kubeconfig: "[odd]/kubeconfig"}]
applications:
  - name: shop
    source: {repoURL: https://git.example.org/a.git}
    destination: {server: https://10.0.0.1, namespace: shop}
"""
    told = errors_of(tmp_path, main)
    path = str(tmp_path / "gitopsd.yaml")
    for config in (load(path, environ={}, keep_going=True), load(path, environ={}, broken={"bad"})):
        assert {name: str(error) for name, error in config.broken.items()} == {"bad": told}
        assert [access.name for access in config.clusters] == ["good", "bad"]
        assert [spec.name for spec in config.applications] == ["shop"]
        assert not config.errors
        (glob,) = config.globs
        (tmp_path / "[odd]").mkdir(exist_ok=True)
        (tmp_path / "[odd]" / "kubeconfig").write_text("{")
        assert matches(glob) == [str(tmp_path / "[odd]" / "kubeconfig")]
        (tmp_path / "[odd]" / "kubeconfig").unlink()
    with pytest.raises(ConfigErrors):
        load(path, environ={}, broken={"good"})
