"""A Kubernetes cluster as the control room sees it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import Live, LiveObject, Prediction
from gitopsd.core.manifest import DesiredObject, KindInfo
from gitopsd.core.orphans import Strays
from gitopsd.core.permit import Permit
from gitopsd.core.proxy import Proxy
from gitopsd.core.secret import Secret
from gitopsd.ports.renderer import RenderTarget


@dataclass(frozen=True, slots=True)
class CredentialPlugin:
    """A program that gives credentials (https://kubernetes.io/docs/reference/access-authn-authz/authentication/
    #client-go-credential-plugins). `env` is added to what it gets of the environment; `install_hint` is shown where the
    program is missing.
    """

    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, Secret], ...] = ()
    api_version: str = "client.authentication.k8s.io/v1"
    install_hint: str = ""

    @classmethod
    def eks(cls, cluster_name: str, role_arn: str = "", profile: str = "") -> CredentialPlugin:
        """The AWS CLI as the plugin of an EKS cluster.

        https://docs.aws.amazon.com/cli/latest/reference/eks/get-token.html; what the values are, no option is made of.
        """
        options = {"cluster-name": cluster_name, "role-arn": role_arn, "profile": profile}
        return cls(
            "aws",
            ("eks", "get-token", "--output=json", *(f"--{name}={value}" for name, value in options.items() if value)),
            api_version="client.authentication.k8s.io/v1beta1",
            install_hint="install the AWS CLI: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
        )


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """How to reach one cluster: what the configuration, or an Argo CD Secret, says.

    Exactly one of: `kubeconfig` (path; `context` picks one of its contexts, "" its current one), `in_cluster`, or
    `server` with one of `token`, `token_file`, `username` + `password`, `client_certificate` + `client_key` (PEM) and
    `plugin`. `ca` is PEM. `insecure`: its certificate is not checked; with a kubeconfig only if that says so as well.
    `proxy` (http or https) goes before a kubeconfig's own.

    `namespaces`: only these are looked at (() is all), and objects without a namespace only with `cluster_resources`:
    for credentials that may not do more. `labels` and `project` describe it. At most `in_flight` requests are on their
    way at once (watches not counted), and `qps` begun a second after a `burst`; 0 is no limit but the cluster's own.
    `written_at` says where this stands, "" for a test's.
    """

    name: str
    kubeconfig: str = ""
    context: str = ""
    in_cluster: bool = False
    server: str = ""
    token: Secret | None = None
    token_file: str = ""
    client_certificate: str = ""
    client_key: Secret | None = None
    ca: str = ""
    insecure: bool = False
    tls_server_name: str = ""
    namespaces: tuple[str, ...] = ()
    cluster_resources: bool = True
    username: str = ""
    password: Secret | None = None
    plugin: CredentialPlugin | None = None
    proxy: Proxy | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    project: str = ""
    disable_compression: bool = False
    in_flight: int = 32
    qps: float = 0.0
    burst: int = 0
    written_at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class LiveChange:
    """Live objects of `apps` changed, or what the cluster says of them did (its connection, a kind they wait for)."""

    cluster: str
    apps: frozenset[AppName]


@dataclass(frozen=True, slots=True)
class Connection:
    """Whether the API server answers, its version, since when (`since`: seconds of the monotonic clock, `at`: the time
    of day; None before anybody asked it), why it does not, and what to do where that is known (`hint`).
    """

    up: bool
    version: str = ""
    error: str = ""
    since: float = 0.0
    at: datetime | None = None
    hint: str = ""

    @property
    def trouble(self) -> str:
        """Why it does not answer and what to do, in one line; "" if it does."""
        if self.up:
            return ""
        return f"{self.error.rstrip('.')}. Try: {self.hint}" if self.hint else self.error


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of a live object as a JSON merge patch (RFC 7386); `subresource` is `scale` or `status` ("" is the
    object itself).
    """

    body: JsonObject
    subresource: str = ""


Listener = Callable[[LiveChange], None]
ObjectListener = Callable[[ObjectKey, LiveObject | None], None]
"""Hears of an object that is kept for applications, as it is now; None: it is gone, or kept for nobody any more."""


class Cluster(Protocol):
    """One cluster. All awaiting methods raise `ClusterError` (`ClusterDown` if it cannot be reached).

    Retries of 429, 5xx and conflicts, with `Retry-After`, happen behind this door and are bounded; an error that comes
    out of it is worth a back-off of its own.

    An error's `reason` says what holds a write up: `Immutable` (a field that only a new object can have), `Quota`,
    `Webhook` and `Policy` (admission), `PodSecurity`, `NamespaceMissing`, `NamespaceTerminating`, `KindMissing`,
    `Conflict` (another object of that name, another field manager, or somebody who is always first), `AlreadyExists`,
    `NotFound`, `Forbidden`, `Invalid`, `Excluded`; others are the API server's own words.

    `impersonate` is the user name of a service account (`core.serviceaccount.ServiceAccount.user`) whose rights count
    instead of gitopsd's own; any other text raises `SpecError` and nothing is sent (J14). "" are gitopsd's own rights.
    """

    @property
    def name(self) -> str:
        """The name that the configuration gives it."""
        ...

    @property
    def server(self) -> str:
        """Its URL, as metrics and Argo CD's `destination.server` have it."""
        ...

    def connection(self) -> Connection:
        """The state of the connection now; no request."""
        ...

    def excluded(self, kind: GroupKind) -> bool:
        """Whether the configuration leaves this kind out here: it is neither watched, compared nor applied."""
        ...

    async def target(self) -> RenderTarget:
        """Version and served APIs, from discovery (cached)."""
        ...

    async def kinds(self, gvks: Collection[GVK]) -> Mapping[GVK, KindInfo]:
        """What discovery says of these kinds; a kind that is not there at all is missing from the answer."""
        ...

    async def observe(self, app: AppName, keys: Collection[ObjectKey], kinds: Collection[GVK]) -> Live:
        """The live objects with `keys`, and all of `kinds` (and of kinds watched before) that are tracked as `app`'s.

        Starts a watch for each kind that has none and waits until it has listed; from then on the answer costs no
        request. A kind that is not served, or excluded, has no objects. A kind that cannot be read now (no permission,
        a webhook or an aggregated API that does not answer) is `unreadable` and hurts no other, nor does a namespace
        where it cannot be read hurt another; only what concerns the whole cluster is raised.
        """
        ...

    async def strays(self, app: AppName, namespace: str) -> Strays:
        """The objects of `namespace` that no other object owns and no application wants. From the first call on all
        kinds are watched there, and `app` is told when the answer becomes another one, until it asks for another
        namespace, for none (""), or is forgotten. The first answers may be incomplete: nothing is waited for.
        """
        ...

    def children(self, uids: Collection[str]) -> Sequence[LiveObject]:
        """Watched objects that one of `uids` owns, directly or through others: by owner references, or inferred."""
        ...

    def unreadable_below(self, app: AppName) -> Mapping[GroupKind, str]:
        """The kinds below those that `app` looked at last which cannot be read now, and why."""
        ...

    def last_seen(self, key: ObjectKey, uid: str = "") -> LiveObject | None:
        """The last state of a deleted object that was a hook's and tracked: that with `uid`, or the last of its name.

        None if no watch saw its end. A bounded number of the newest is remembered.
        """
        ...

    def trace(self, listener: ObjectListener) -> Callable[[], None]:
        """Call `listener` (quick, never awaiting) at each change of an object that is kept for some application, those
        that `apply` made among them; in order for each object. Returns how to stop.
        """
        ...

    async def predict(
        self, objects: Sequence[tuple[DesiredObject, LiveObject | None]], *, impersonate: str = ""
    ) -> Sequence[Prediction]:
        """A server-side dry-run apply of each object, in order; an object that the API server refuses is an answer, not
        an error.
        """
        ...

    async def apply(
        self,
        permit: Permit,
        desired: DesiredObject,
        *,
        impersonate: str = "",
        replace: bool = False,
        validate: bool = True,
    ) -> LiveObject:
        """Server-side apply with field manager `gitopsd` and force; the object as it is afterwards, which `observe` now
        knows too. A field that cannot be changed is a `ClusterError` with reason `Immutable`.

        `replace`: the whole object is put in the place of what is there (`Replace=true`), or made. `validate` False:
        fields that the kind does not have are no reason for a warning (`Validate=false`).
        """
        ...

    async def create(self, permit: Permit, desired: DesiredObject, *, impersonate: str = "") -> LiveObject:
        """Make an object that is not there yet; `ClusterError` with reason `AlreadyExists` if it is."""
        ...

    async def patch(self, permit: Permit, live: LiveObject, patch: Patch, *, impersonate: str = "") -> LiveObject:
        """Change a live object as `patch` says; the object afterwards. `ClusterError` with reason `Conflict` if it is
        another one by now (its uid).
        """
        ...

    async def logs(self, pod: LiveObject, container: str, *, max_bytes: int, impersonate: str = "") -> str:
        """The end of what a container of a pod printed, at most `max_bytes`; "" if it printed nothing or is gone."""
        ...

    async def delete(
        self, permit: Permit, live: LiveObject, *, propagation: str = "Foreground", impersonate: str = ""
    ) -> None:
        """Delete exactly this object (uid precondition). An object that is gone already is no error."""
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` (quick, never awaiting) at each change of an application's live objects; returns how to stop.

        When the connection goes down or comes up, all applications of the cluster that were ever observed are named
        once; the call comes even if there are none.
        """
        ...

    async def forget(self, app: AppName, kinds: Collection[GroupKind]) -> None:
        """`app` needs its kinds no more; watches that nobody needs are closed."""
        ...


class Clusters(Protocol):
    """The clusters of the configuration."""

    def find(self, *, server: str = "", name: str = "") -> Cluster:
        """The cluster that a destination names. Raises `SpecError` with the known names."""
        ...
