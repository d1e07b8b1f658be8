"""From an API server's answer to a `ClusterError` that says what happened, where, why, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

import orjson

from gitopsd.core.errors import ClusterDown, ClusterError
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.immutable import IMMUTABLE, is_immutable
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, text
from gitopsd.kube.answer import Answer
from gitopsd.kube.secret_faults import Fault, faults_of_secret, fields_of_secret

_LONGEST_MESSAGE: Final = 1_000
_TERMINATING: Final = "NamespaceTerminating"
# Server-side apply reports an object that does not fit its schema as a 500 without a reason; another try cannot help.
_NOT_TYPED: Final = (
    "failed to create typed patch object",
    "failed to convert new object",
    "failed to create manager for",
)
_FORBIDDEN: Final = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[\w./-]+)" in API group "(?P<group>[\w.-]*)"'
    r'(?: in the namespace "(?P<namespace>[\w.-]+)")?'
)
_ACCOUNT: Final = re.compile(r'User "(?P<user>system:serviceaccount:[\w.:-]+)" cannot ')
_WEBHOOK: Final = re.compile(r'admission webhook "(?P<name>[\w./-]+)" denied')
_BROKEN_WEBHOOK: Final = re.compile(r'failed calling webhook "(?P<name>[\w./-]+)"')
_POLICY: Final = re.compile(r"ValidatingAdmissionPolicy '(?P<name>[\w./-]+)' with binding '[\w./-]+' denied request")
_QUOTA: Final = re.compile(r"(?P<how>exceeded|failed) quota: (?P<name>[\w.-]+)")
_MANAGER: Final = re.compile(r'conflicts? with "(?P<name>[^"\n]{1,100})"')
_POD_SECURITY: Final = "violates PodSecurity"
_NO_SUCH_KIND: Final = "the server could not find the requested resource"
_MANY_FIELDS: Final = 5


# An apply leaves what others added in place: a port of theirs beside ours makes both want names.
_CORRECT: Final = (
    "correct the named fields in git; if they are right there, somebody added to the object in the cluster what does "
    "not go with them: remove that, or delete the object to have it made anew"
)


class _Verdict(NamedTuple):
    """What happened, what to do next, whether the same request may succeed later, and our word for the cause where the
    API server has none.
    """

    what: str
    hint: str
    retryable: bool = False
    reason: str = ""


_KNOWN: Final = {
    401: _Verdict("the API server does not accept the credentials", "renew the cluster's token or certificate", True),
    409: _Verdict("the object changed at the same time", "nothing, it is tried again", True, "Conflict"),
    410: _Verdict("the API server no longer has what was asked for", "nothing, it is listed anew", True),
    429: _Verdict("the API server is busy", "nothing, it is tried again", True),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, in words: `verb` (list, apply …), `kind` as people say it, the object if it was one.

    `secret` is the body that was sent if it is a Secret: the API server's messages may quote its values (S4), so of
    these only the reason and the names of fields are kept.
    """

    cluster: str
    verb: str
    kind: str
    key: ObjectKey | None = None
    secret: JsonObject | None = None

    @property
    def subject(self) -> str:
        """The object or kind."""
        return str(self.key) if self.key is not None else self.kind

    @property
    def is_secret(self) -> bool:
        """Whether answers may hold a Secret's values."""
        return self.secret is not None or (self.key is not None and self.key.group_kind == ("", "Secret"))


def concerns_all(error: ClusterError) -> bool:
    """Whether this is the trouble of a whole cluster, not of one kind: no answer at all, credentials refused."""
    return isinstance(error, ClusterDown) or error.status == 401


def aggregated_api_down(cluster: str, gvk: GVK) -> ClusterError:
    """The error for a kind that discovery lists as stale: an extension server serves it, which does not answer."""
    return ClusterError(
        f"{gvk.group_kind} cannot be read",
        where=f"cluster {cluster}",
        why=f"the aggregated API {gvk.api_version} does not answer",
        hint=f"look at APIService {gvk.version}.{gvk.group} and at the Service behind it",
        retryable=True,
        status=503,
        reason="ServiceUnavailable",
    )


def is_invalid(status: JsonObject) -> bool:
    """Whether this Status is a 500 that means 422: server-side apply could not read the object."""
    return text(status, "message").startswith(_NOT_TYPED)


def status_of(answer: Answer) -> JsonObject:
    """The Status object in an answer's body; an empty one if it holds something else."""
    try:
        body = orjson.loads(answer.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) and body.get("kind") == "Status" else {}


def refused(request: Asked, answer: Answer) -> ClusterError:
    """The error for an answer that is none of 2xx."""
    return from_status(request, status_of(answer), code=answer.status, retry_after=answer.retry_after)


def from_status(request: Asked, status: JsonObject, *, code: int, retry_after: float | None = None) -> ClusterError:
    """The error for a Status object, as it comes in answers and in watches' ERROR events."""
    invalid = is_invalid(status)
    message = text(status, "message")
    verdict = _judge(request, status, code, invalid=invalid)
    return ClusterError(
        verdict.what,
        where=f"cluster {request.cluster}, {request.subject}".rstrip(", "),
        why=_why(request, status, _fixed_fields(status) if verdict.reason == "Immutable" else message, code),
        hint=verdict.hint,
        retryable=verdict.retryable,
        status=422 if invalid else code,
        reason=verdict.reason or text(status, "reason") or ("Invalid" if invalid else ""),
        retry_after=retry_after,
    )


def _judge(request: Asked, status: JsonObject, code: int, *, invalid: bool) -> _Verdict:
    did = f"the API server refused to {request.verb} {'it' if request.key is not None else request.kind}"
    return (
        _judge_admission(status, did)
        or (_judge_conflict(status, did) if code in (409, 422) else None)
        or _judge_code(request, status, 422 if invalid else code, did)
    )


def _judge_admission(status: JsonObject, did: str) -> _Verdict | None:
    """What plugins and webhooks of the API server say, under whatever status code."""
    message = text(status, "message")
    if _has_cause(status, _TERMINATING):
        return _Verdict(did, "wait until its namespace is gone, or stop deleting it", True, _TERMINATING)
    if hook := _WEBHOOK.search(message):
        what = f"{did}: an admission webhook denied the request"
        return _Verdict(what, f"see the rules of webhook {hook['name']}", reason="Webhook")
    if hook := _BROKEN_WEBHOOK.search(message):
        hint = f"look at webhook {hook['name']} and its service"
        return _Verdict(f"{did}: an admission webhook does not answer", hint, True, "Webhook")
    if policy := _POLICY.search(message):
        what = f"{did}: an admission policy denied the request"
        return _Verdict(what, f"see the rules of ValidatingAdmissionPolicy {policy['name']}", reason="Policy")
    return _judge_limits(message, did)


def _judge_limits(message: str, did: str) -> _Verdict | None:
    """What the namespace allows."""
    if _POD_SECURITY in message:
        hint = "give the pods the securityContext that it names; what is allowed there is a label of the namespace"
        return _Verdict(f"{did}: the namespace's Pod Security forbids it", hint, reason="PodSecurity")
    if quota := _QUOTA.search(message):
        if quota["how"] == "failed":
            hint = f"give the containers the requests and limits that ResourceQuota {quota['name']} counts"
        else:
            hint = f"raise ResourceQuota {quota['name']} (one of the cluster's quotas), or make room in its namespace"
        return _Verdict(f"{did}: a quota forbids it", hint, True, "Quota")
    return None


def _judge_conflict(status: JsonObject, did: str) -> _Verdict | None:
    """What does not go with the object that is there."""
    message = text(status, "message")
    if text(status, "reason") == "AlreadyExists":
        hint = "delete it, or give the new one another name"
        return _Verdict(f"{did}: there is one of this name already", hint, reason="AlreadyExists")
    if "metadata.uid" in _fields(status) or "UID in precondition" in message:
        return _Verdict(f"{did}: it is another object of that name by now", "look again", reason="Conflict")
    if other := _MANAGER.search(message):
        what = f"{did}: field manager {other['name']} owns a field of it"
        return _Verdict(what, "leave the field to that manager, or have it let go", reason="Conflict")
    if is_immutable(message):
        hint = (
            "take the change back in git, or have the object made anew: annotate it with "
            "gitopsd.io/on-immutable: recreate, or delete it"
        )
        return _Verdict(f"{did}: {IMMUTABLE}", hint, reason="Immutable")
    return None


def _judge_code(request: Asked, status: JsonObject, code: int, did: str) -> _Verdict:
    if code in (400, 422):
        hints = dict.fromkeys(fault.hint for fault in _faults(request))
        return _Verdict(f"{did}: it is not valid", f"correct it in git: {'; '.join(hints)}" if hints else _CORRECT)
    if code == 403:
        return _Verdict(did, _missing_rule(text(status, "message")))
    if code == 404:
        return _not_found(request, status, did)
    if 300 <= code < 400:
        return _Verdict("the API server answered with a redirect, which is never followed", "name its own URL")
    if code in _KNOWN:
        return _KNOWN[code]
    return _Verdict(f"{did}: status {code}", "look at the API server's log if it stays so", code >= 500)


def _not_found(request: Asked, status: JsonObject, did: str) -> _Verdict:
    details = mapping(status, "details")
    if details.get("kind") == "namespaces" and request.key is not None and request.key.kind != "Namespace":
        hint = (
            "add CreateNamespace=true to the syncOptions, if it is the application's own; else add the Namespace "
            "to git, or create it"
        )
        return _Verdict(f"namespace {text(details, 'name')} does not exist", hint, True, "NamespaceMissing")
    hint = f"check that the cluster serves {request.kind}"
    missing = not status or _NO_SUCH_KIND in text(status, "message")
    return _Verdict(f"{did}: not found", hint, True, "KindMissing" if missing else "NotFound")


def _missing_rule(message: str) -> str:
    """The RBAC rule to add, from the words of a Forbidden (they have been the same since Kubernetes 1.9)."""
    found = _FORBIDDEN.search(message)
    if not found:
        return "look at the cluster's admission rules and quotas, and at what gitopsd's user may do"
    kind = "Role" if found["namespace"] else "ClusterRole"
    place = f" in namespace {found['namespace']}" if found["namespace"] else ""
    verbs = '["get", "list", "watch"]' if found["verb"] in ("get", "list", "watch") else f'["{found["verb"]}"]'
    rule = f'apiGroups: ["{found["group"]}"], resources: ["{found["resource"]}"], verbs: {verbs}'
    account = _ACCOUNT.search(message)  # perhaps one that the request was made as
    who = account["user"] if account else "gitopsd's user"
    return f"add to a {kind} of {who}{place}: {{{rule}}}"


def _has_cause(status: JsonObject, reason: str) -> bool:
    return any(cause.get("reason") == reason for cause in objects(status, "details", "causes"))


def _fields(status: JsonObject) -> list[str]:
    """The fields that the causes name, each once."""
    return list(
        dict.fromkeys(field for cause in objects(status, "details", "causes") if (field := text(cause, "field")))
    )


def _fixed_fields(status: JsonObject) -> str:
    """The fields that cannot be changed, in few words: the API server repeats what they would have been."""
    said = [cause for cause in objects(status, "details", "causes") if is_immutable(text(cause, "message"))]
    found = dict.fromkeys(f"{text(cause, 'field')}: {_last_words(text(cause, 'message'))}" for cause in said)
    return "; ".join(list(found)[:_MANY_FIELDS]) or text(status, "message")


def _last_words(message: str) -> str:
    """`Invalid value: …: field is immutable` without the value, and without the difference below."""
    line = message.partition("\n")[0]
    return line.rpartition(": ")[2] or line


def _why(request: Asked, status: JsonObject, message: str, code: int) -> str:
    if request.is_secret:
        return _without_values(request, status, message, code)
    return message[:_LONGEST_MESSAGE] or text(status, "reason") or f"status {code}"


def _without_values(request: Asked, status: JsonObject, message: str, code: int) -> str:
    """The reason, and the fields that the message names; their names are taken from our own object."""
    reason = text(status, "reason") or f"status {code}"
    if (code in (400, 422) or is_invalid(status)) and (faults := _faults(request)):
        said = "; ".join(fault.said for fault in faults)
        return f"{said} (the API server's words are not shown: they may hold values of the Secret)"
    named = {text(cause, "field") for cause in objects(status, "details", "causes")}
    fields = [path for path in fields_of_secret(request.secret or {}) if path in named or f".{path}" in message]
    where = f" at {', '.join(fields)}" if fields else ""
    return f"{reason}{where} (the rest is not shown: it may hold values of the Secret)"


def _faults(request: Asked) -> list[Fault]:
    return faults_of_secret(request.secret or {})[:_MANY_FIELDS]


def body_of_secret(key: ObjectKey, body: JsonValue) -> JsonObject | None:
    """`body` if it is that of a Secret, else None: what `Asked.secret` wants."""
    if key.group_kind == ("", "Secret") and isinstance(body, dict):
        return body
    return None
