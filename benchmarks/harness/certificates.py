"""An authority that clients trust and the certificate of the server that it signed.

Two of them, because strict clients take no certificate for a server's that may sign others (RFC 5280 § 4.2.1.9).
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import List, NamedTuple

__all__ = ["Certificates", "issue"]

_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
_DAYS = ["-days", "30"]
_LEAF = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class Certificates(NamedTuple):
    """Files in PEM: what clients trust, what the server shows, and its key."""

    authority: Path
    certificate: Path
    key: Path


def issue(root: Path) -> Certificates:
    """Make an authority and a certificate for 127.0.0.1 and localhost under `root`, valid for a month."""
    made = Certificates(root / "authority.pem", root / "certificate.pem", root / "key.pem")
    authority_key, request, extensions = root / "authority-key.pem", root / "request.pem", root / "leaf.ext"
    extensions.write_text(_LEAF, encoding="ascii")
    authority = ["req", "-x509", *_NEW_KEY, "-keyout", str(authority_key), "-out", str(made.authority), *_DAYS]
    authority += ["-subj", "/CN=benchmark authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    _openssl(authority)
    _openssl(["req", "-new", *_NEW_KEY, "-keyout", str(made.key), "-out", str(request), "-subj", "/CN=localhost"])
    leaf = ["x509", "-req", "-in", str(request), "-CA", str(made.authority), "-CAkey", str(authority_key)]
    _openssl([*leaf, "-CAcreateserial", "-extfile", str(extensions), "-out", str(made.certificate), *_DAYS])
    return made


def _openssl(arguments: List[str]) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
