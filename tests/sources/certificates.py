"""Certificate authorities for the tests of TLS."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_BEFORE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_AFTER = dt.datetime(2120, 1, 1, tzinfo=dt.UTC)


class Authority:
    """A CA; `pem` is its certificate."""

    def __init__(self, name: str, *, until: dt.datetime = _AFTER) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        certificate = (
            self._builder(self._name, self._key.public_key(), until)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()

    def server(self, path: Path, address: str, *, until: dt.datetime = _AFTER) -> Path:
        """Write a certificate for an IP address and its key to `path`."""
        path.write_text("".join(self.issue(address, until=until)))
        return path

    def issue(self, address: str, *, until: dt.datetime = _AFTER) -> tuple[str, str]:
        """A certificate and its key (PEM), for an IP address or as a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        certificate = (
            self._builder(subject, key.public_key(), until)
            .add_extension(names, critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()

    def revoked(self, *certificates: str) -> str:
        """The list (PEM) that says that these certificates are good no more."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name).last_update(_BEFORE)
        for pem in certificates:
            serial = x509.load_pem_x509_certificate(pem.encode()).serial_number
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_BEFORE).build()
            builder = builder.add_revoked_certificate(revoked)
        made = builder.next_update(_AFTER).sign(self._key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, until: dt.datetime = _AFTER
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_BEFORE)
            .not_valid_after(until)
        )
