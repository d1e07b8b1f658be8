"""SSH signatures, as `ssh-keygen -Y sign -n git` and git make them.

https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig; keys and signatures of RFC 4253, 5656, 8332
and 8709. Certificates and keys of security tokens (`sk-…`) are not among them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterable, Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from gitopsd.sources.worker.verdict import BadSignatureError, cannot_be_read, of_another_key, of_other_content

BEGIN: Final = b"-----BEGIN SSH SIGNATURE-----"
_END: Final = b"-----END SSH SIGNATURE-----"
_MAGIC: Final = b"SSHSIG"
_NAMESPACE: Final = b"git"
_FEWEST_RSA_BITS: Final = 2048
_RSA: Final[Mapping[bytes, hashes.HashAlgorithm]] = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}
_CURVES: Final[Mapping[bytes, hashes.HashAlgorithm]] = {
    b"ecdsa-sha2-nistp256": hashes.SHA256(),
    b"ecdsa-sha2-nistp384": hashes.SHA384(),
    b"ecdsa-sha2-nistp521": hashes.SHA512(),
}


def keys(lines: Iterable[str]) -> Mapping[bytes, str]:
    """Public keys (`ssh-ed25519 AAAA… comment`) by their bytes, with their fingerprints; ValueError for other text."""
    found: dict[bytes, str] = {}
    for line in lines:
        blob = base64.b64decode(line.split()[1], validate=True)
        _loaded(blob)
        found[blob] = fingerprint(blob)
    return found


def fingerprint(blob: bytes) -> str:
    """As OpenSSH shows it: `SHA256:…`."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def verify(armored: bytes, payload: bytes, allowed: Mapping[bytes, str]) -> str:
    """The fingerprint of the key that signed `payload`; raises `BadSignatureError`."""
    try:
        blob, digest_name, algorithm, signature = _parsed(armored)
    except (ValueError, struct.error, binascii.Error):
        raise cannot_be_read() from None
    if blob not in allowed:
        raise of_another_key(fingerprint(blob))
    digest = hashlib.new(digest_name, payload).digest()
    signed = _MAGIC + b"".join(_string(part) for part in (_NAMESPACE, b"", digest_name.encode(), digest))
    try:
        _check(_loaded(blob), algorithm, signature, signed)
    except InvalidSignature:
        raise of_other_content(allowed[blob]) from None
    except (ValueError, struct.error):
        raise cannot_be_read() from None
    return allowed[blob]


_Key = ed25519.Ed25519PublicKey | rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def _loaded(blob: bytes) -> _Key:
    kind, _ = _take(blob)
    line = kind + b" " + base64.b64encode(blob)
    try:
        key = serialization.load_ssh_public_key(line)
    except UnsupportedAlgorithm:
        key = None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _FEWEST_RSA_BITS:
        raise ValueError(f"an RSA key of fewer than {_FEWEST_RSA_BITS} bits is not trusted")
    if isinstance(key, (ed25519.Ed25519PublicKey, rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        return key
    raise ValueError("a key of this kind is not understood")


def _parsed(armored: bytes) -> tuple[bytes, str, bytes, bytes]:
    """Public key, name of the digest, algorithm, signature. The namespace says what it was meant for: git."""
    text = armored.strip()
    if not text.startswith(BEGIN) or not text.endswith(_END):
        raise ValueError
    data = base64.b64decode(b"".join(text[len(BEGIN) : -len(_END)].split()), validate=True)
    version = struct.pack(">I", 1)
    if not data.startswith(_MAGIC + version):
        raise ValueError
    blob, rest = _take(data[len(_MAGIC) + len(version) :])
    namespace, rest = _take(rest)
    _, rest = _take(rest)
    digest, rest = _take(rest)
    signature, rest = _take(rest)
    if rest or digest not in {b"sha256", b"sha512"}:
        raise ValueError
    if namespace != _NAMESPACE:
        raise BadSignatureError("has a signature that was made for another purpose than git")
    algorithm, rest = _take(signature)
    raw, rest = _take(rest)
    if rest:
        raise ValueError
    return blob, digest.decode(), algorithm, raw


def _check(key: _Key, algorithm: bytes, signature: bytes, signed: bytes) -> None:
    if isinstance(key, ed25519.Ed25519PublicKey) and algorithm == b"ssh-ed25519":
        key.verify(signature, signed)
    elif isinstance(key, rsa.RSAPublicKey) and algorithm in _RSA:
        key.verify(signature, signed, padding.PKCS1v15(), _RSA[algorithm])
    elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm in _CURVES:
        first, rest = _take(signature)
        second, rest = _take(rest)
        if rest:
            raise ValueError
        pair = utils.encode_dss_signature(int.from_bytes(first, "big"), int.from_bytes(second, "big"))
        key.verify(pair, signed, ec.ECDSA(_CURVES[algorithm]))
    else:
        raise ValueError


def _take(data: bytes) -> tuple[bytes, bytes]:
    """The first string of SSH's wire format, and what follows it."""
    (size,) = struct.unpack_from(">I", data)
    if len(data) < 4 + size:
        raise ValueError
    return data[4 : 4 + size], data[4 + size :]


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
