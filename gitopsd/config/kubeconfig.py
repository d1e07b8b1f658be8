"""What the configuration needs of a kubeconfig: where a context leads to, and whether that is checked."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gitopsd.config.errors import ConfigErrors
from gitopsd.config.files import Files
from gitopsd.config.secretfiles import secrets_of_kubeconfig
from gitopsd.config.yamlfile import MAX_BYTES, parse
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, text
from gitopsd.core.pem import AUTHORITY, CERTIFICATE, KEY, BadPemError, check_named
from gitopsd.core.url_place import split_user


class KubeconfigError(ValueError):
    """A kubeconfig cannot be used; `about_context` if it is the context that it lacks, `hint` what to do next."""

    def __init__(self, why: str, *, about_context: bool = False, hint: str = "") -> None:
        super().__init__(why)
        self.about_context = about_context
        self.hint = hint


@dataclass(frozen=True, slots=True)
class KubeconfigTarget:
    """The URL of an API server; `insecure` if its certificate is not to be checked (`insecure-skip-tls-verify`)."""

    server: str
    insecure: bool


def kubeconfig_target(path: str, context: str, files: Files) -> KubeconfigTarget:
    """Where `context` ("" for the current one) of the kubeconfig leads to.

    Raises `KubeconfigError`, whose text names the file and never its contents.
    """
    root = _read(path, files)
    for secret in secrets_of_kubeconfig(path, root):
        files.hold_secret(secret)
    wanted = context or text(root, "current-context")
    contexts = {
        text(entry, "name"): (text(entry, "context", "cluster"), text(entry, "context", "user"))
        for entry in objects(root, "contexts")
    }
    if not wanted:
        raise KubeconfigError(f"{path} has no current-context: set context")
    if wanted not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise KubeconfigError(f"{path} has no such context; it has {known}", about_context=bool(context))
    name, user_name = contexts[wanted]
    cluster, user = _named(root, "clusters", name, "cluster"), _named(root, "users", user_name, "user")
    server = text(cluster, "server")
    if not server:
        raise KubeconfigError(f"{path}: the context's cluster has no server")
    if server.startswith("https"):
        _check_pem(path, files, (cluster, f"cluster {name}", AUTHORITY))
        _check_pem(path, files, (user, f"user {user_name}", CERTIFICATE))
        _check_pem(path, files, (user, f"user {user_name}", KEY))
    return KubeconfigTarget(split_user(server)[0], bool(cluster.get("insecure-skip-tls-verify")))


def _named(root: JsonValue, section: str, name: str, key: str) -> JsonObject:
    return next((mapping(entry, key) for entry in objects(root, section) if text(entry, "name") == name), {})


def _check_pem(path: str, files: Files, what: tuple[JsonObject, str, str]) -> None:
    """Refuse what is no certificate or key. Whether the files that are named may be read is the daemon's own matter."""
    entry, subject, key = what

    def read(named: str) -> str:
        return files.read(os.path.join(os.path.dirname(path), named), MAX_BYTES).decode("ascii", "ignore")

    try:
        check_named(entry, key, read)
    except BadPemError as error:
        raise KubeconfigError(f"{path}, {subject}: {error}") from None
    except FileNotFoundError:
        raise KubeconfigError(f"{path}, {subject}: its {key} names a file that is not there") from None
    except (OSError, ValueError):
        return


def _read(path: str, files: Files) -> JsonValue:
    try:
        documents = parse(files.read(path, MAX_BYTES), path)
    except OSError as error:
        raise KubeconfigError(f"{path} cannot be read: {error.strerror}") from None
    except ConfigErrors as errors:
        where = errors.errors[0].where
    else:
        if len(documents) == 1 and isinstance(documents[0].value, dict):
            return documents[0].value
        where = path
    raise KubeconfigError(f"{where}: this is no kubeconfig")
