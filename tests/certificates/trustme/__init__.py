"""What the tests ask of trustme, by the command line of openssl.

Trustme stands on cryptography, and that on cffi, which is not released for the free-threaded CPython 3.13. The tests
run there all the same, with this installed in trustme's place: `tox run -e py313t`. It has the part of trustme's
interface that they use. The programs that it runs are those of OpenSSL 1.1.1 and later.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import pathlib
import ssl
import subprocess
import tempfile
from typing import List, Optional

__all__ = ["CA", "Blob", "LeafCert"]

# No date of issue that a clock could be before, and none of expiry that a test could outlive.
_BEGIN = datetime.datetime(2000, 1, 1)
_END = datetime.datetime(2038, 1, 1)

_AUTHORITY = """
basicConstraints = critical, CA:true
keyUsage = critical, digitalSignature, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_LEAF = """
subjectAltName = {names}
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth, serverAuth, codeSigning
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
"""
# Certificates are issued by `openssl ca`: of the commands that sign, it alone takes dates in every version.
_CONFIGURATION = """
[req]
distinguished_name = subject
prompt = no
[subject]
O = {organization}
OU = {unit}
[extensions]
{extensions}
[ca]
default_ca = office
[office]
database = index
serial = serial
new_certs_dir = .
certificate = authority.pem
private_key = authority.key
default_md = sha256
policy = anything
[anything]
O = optional
OU = optional
"""


class Blob:
    """Something in PEM."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def bytes(self) -> bytes:
        return self._data

    def write_to_path(self, path: str, append: bool = False) -> None:
        with open(path, "ab" if append else "wb") as file:
            file.write(self._data)


class LeafCert:
    """A certificate and its key."""

    def __init__(self, key: bytes, certificate: bytes) -> None:
        self.private_key_pem = Blob(key)
        self.cert_chain_pems: List[Blob] = [Blob(certificate)]
        self.private_key_and_cert_chain_pem = Blob(key + certificate)

    def configure_cert(self, context: ssl.SSLContext) -> None:
        """Let `context` show this certificate."""
        with tempfile.TemporaryDirectory() as folder:
            path = str(pathlib.Path(folder, "both.pem"))
            self.private_key_and_cert_chain_pem.write_to_path(path)
            context.load_cert_chain(path)


class CA:
    """An authority that signs certificates."""

    def __init__(self, organization_name: Optional[str] = None) -> None:
        self._organization = organization_name or "an authority for tests"
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self._key = _new_key(folder)
            _configure(folder, self._organization, _AUTHORITY)
            _openssl(
                folder,
                *("req", "-new", "-x509", "-config", "configuration", "-key", "key.pem", "-extensions", "extensions"),
                *("-days", "3650", "-sha256", "-out", "certificate.pem"),
            )
            self.cert_pem = Blob((folder / "certificate.pem").read_bytes())

    def issue_cert(
        self,
        *identities: str,
        organization_name: Optional[str] = None,
        not_after: datetime.datetime = _END,
    ) -> LeafCert:
        """Return a certificate for host names, addresses and mail addresses, which is valid until `not_after`, UTC."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            key = _new_key(folder)
            names = ", ".join(map(_subject_name, identities))
            _configure(folder, organization_name or self._organization, _LEAF.format(names=names))
            (folder / "authority.pem").write_bytes(self.cert_pem.bytes())
            (folder / "authority.key").write_bytes(self._key)
            (folder / "index").write_bytes(b"")
            (folder / "serial").write_text(os.urandom(16).hex())
            _openssl(folder, "req", "-new", "-config", "configuration", "-key", "key.pem", "-out", "request.pem")
            _openssl(
                folder,
                *("ca", "-batch", "-notext", "-config", "configuration", "-extensions", "extensions"),
                *("-startdate", _stamp(_BEGIN), "-enddate", _stamp(not_after)),
                *("-in", "request.pem", "-out", "certificate.pem"),
            )
            return LeafCert(key, (folder / "certificate.pem").read_bytes())

    def configure_trust(self, context: ssl.SSLContext) -> None:
        """Let `context` trust what this authority has signed."""
        context.load_verify_locations(cadata=self.cert_pem.bytes().decode("ascii"))


def _new_key(folder: pathlib.Path) -> bytes:
    _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem")
    return (folder / "key.pem").read_bytes()


def _configure(folder: pathlib.Path, organization: str, extensions: str) -> None:
    # No two subjects are alike: where the name of one's issuer is another's too, OpenSSL may look at the wrong one.
    unit = os.urandom(8).hex()
    text = _CONFIGURATION.format(organization=organization, unit=unit, extensions=extensions)
    (folder / "configuration").write_text(text)


def _openssl(folder: pathlib.Path, *words: str) -> None:
    done = subprocess.run(
        ["openssl", *words], cwd=str(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"openssl {' '.join(words)} failed:\n{done.stdout.decode(errors='replace')}")


def _subject_name(identity: str) -> str:
    if "@" in identity:
        return f"email:{identity}"
    try:
        return f"IP:{ipaddress.ip_address(identity)}"
    except ValueError:
        return f"DNS:{identity}"


def _stamp(moment: datetime.datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%SZ")
