"""GitHub's API for Apps: a signed claim to be the app, and for it a token of one installation.

https://docs.github.com/en/rest/apps/apps and RFC 7519 (JWT), RFC 7518 (RS256).
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, text, value
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import http as web
from gitopsd.sources.worker.tame import scrub, secrets_of

_LARGEST_ANSWER: Final = 1024 * 1024
# GitHub takes claims of ten minutes at the most, and its clock may be behind ours.
_BEFORE_SECONDS, _CLAIM_SECONDS = 60, 480
_USUAL_SECONDS: Final = 3600


def app_token(request: JsonObject) -> Mapping[str, JsonValue]:
    """`access` (with `app_key`), `app_id`, `installation_id` or `owner` and `repository` → `{"token", "seconds"}`.

    `seconds` is how long the token is good for.
    """
    access = {**mapping(request, "access"), "token": ""}
    access["token"] = _claim(text(request, "app_id"), text(access, "app_key"))
    installation = text(request, "installation_id") or _found(
        access, text(request, "owner"), text(request, "repository")
    )
    answer = _asked(access, "POST", f"/app/installations/{quote(installation, safe='')}/access_tokens")
    token = text(answer, "token")
    if not token:
        raise Failure(FailureKind.PROTOCOL, "GitHub's answer holds no token")
    return {"token": token, "seconds": _seconds_until(text(answer, "expires_at"))}


def _claim(app_id: str, pem: str) -> str:
    now = int(time.time())
    head = {"alg": "RS256", "typ": "JWT"}
    body = {"iat": now - _BEFORE_SECONDS, "exp": now + _CLAIM_SECONDS, "iss": app_id}
    signed = f"{_encoded(json.dumps(head).encode())}.{_encoded(json.dumps(body).encode())}"
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Failure(FailureKind.AUTH, "githubAppPrivateKey is no private key in PEM without a passphrase") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Failure(FailureKind.AUTH, "githubAppPrivateKey is no RSA key, which GitHub's are")
    return f"{signed}.{_encoded(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _found(access: JsonObject, owner: str, repository: str) -> str:
    """The installation that a repository's owner has."""
    where = f"/repos/{quote(owner, safe='')}/{quote(repository, safe='')}/installation"
    try:
        number = value(_asked(access, "GET", where), "id")
    except Failure as failure:
        if failure.kind != FailureKind.NOT_FOUND:
            raise
        why = f"the GitHub App is not installed for {owner}/{repository}, or not given access to it"
        if not text(access, "url").startswith("https://api.github.com"):
            why += ", or githubAppEnterpriseBaseUrl is not the API's (https://HOST/api/v3)"
        raise Failure(FailureKind.NOT_FOUND, why) from None
    if not isinstance(number, int):
        raise Failure(FailureKind.PROTOCOL, "GitHub's answer holds no installation's id")
    return str(number)


def _asked(access: JsonObject, method: str, path: str) -> JsonObject:
    headers = {
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        **web.authorization(access),
    }
    try:
        with web.sent(method, text(access, "url") + path, access, headers, b"" if method == "POST" else None) as answer:
            data = answer.read(_LARGEST_ANSWER + 1)
            status = answer.status
    except (OSError, http.client.HTTPException) as error:
        raise web.unreachable(error) from None
    try:
        found: JsonValue = json.loads(data) if len(data) <= _LARGEST_ANSWER else None
    except ValueError:
        found = None
    if status in {200, 201} and isinstance(found, dict):
        return found
    said = scrub(text(found, "message"), secrets_of({"access": access}))
    raise _refused(status, f"GitHub answered {status} to the app" + (f": {said}" if said else ""))


def _refused(status: int, why: str) -> Failure:
    kinds = {401: FailureKind.AUTH, 403: FailureKind.FORBIDDEN, 404: FailureKind.NOT_FOUND, 422: FailureKind.FORBIDDEN}
    busy = status == 429 or status >= 500
    return Failure(kinds.get(status, FailureKind.BUSY if busy else FailureKind.PROTOCOL), why)


def _seconds_until(moment: str) -> int:
    try:
        return max(0, int(datetime.fromisoformat(moment).timestamp() - time.time()))
    except (ValueError, TypeError):
        return _USUAL_SECONDS
