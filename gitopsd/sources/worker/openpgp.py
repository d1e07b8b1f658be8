"""OpenPGP signatures, through Sequoia: its standard policy decides which digests and keys are still good."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from pysequoia import Cert, Sig
from pysequoia import verify as verified
from pysequoia.packet import PacketPile

from gitopsd.sources.worker.verdict import BadSignatureError, cannot_be_read, of_another_key, of_other_content

BEGIN: Final = b"-----BEGIN PGP SIGNATURE-----"


class KeyRing:
    """Certificates (public keys), each with all its keys. ValueError for a text that holds none."""

    def __init__(self, armored: Sequence[str]) -> None:
        self._by_key: dict[str, Cert] = {}
        for text in armored:
            try:
                found = Cert.split_bytes(text.encode())
            except RuntimeError:
                raise ValueError("the OpenPGP key cannot be read") from None
            if not found:
                raise ValueError("there is no OpenPGP key in the text")
            for certificate in found:
                self._add(certificate)

    def _add(self, certificate: Cert) -> None:
        for packet in PacketPile.from_bytes(bytes(certificate)):
            for name in (packet.fingerprint, packet.key_id):
                if name:
                    self._by_key[name.lower()] = certificate

    def verify(self, armored: bytes, payload: bytes) -> str:
        """The fingerprint of the certificate whose key signed `payload`; raises `BadSignatureError`."""
        try:
            signature = Sig.from_bytes(armored)
        except RuntimeError:
            raise cannot_be_read() from None
        issuer = (signature.issuer_fpr or signature.issuer_key_id or "").lower()
        certificate = self._by_key.get(issuer)
        if certificate is None:
            raise of_another_key(issuer.upper() or "it does not say which")
        name = certificate.fingerprint.upper()
        if certificate.is_revoked:
            raise BadSignatureError(f"is signed with key {name}, which was revoked")
        if certificate.expiration and certificate.expiration.timestamp() <= time.time():
            # Whoever has the key of then may write any date into a signature.
            raise BadSignatureError(f"is signed with key {name}, which has expired")
        try:
            verified(bytes=payload, store=lambda _: [certificate], signature=signature)
        except RuntimeError:
            raise of_other_content(name) from None
        return name
