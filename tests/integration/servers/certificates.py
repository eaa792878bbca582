"""Certificates for the tests: one trusted authority, and what a careless or hostile peer might show instead."""

from __future__ import annotations

import datetime
import functools
import pathlib
import ssl
import typing

import trustme

from .process import workspace

__all__ = ["ALIAS", "HOSTS", "Certificate", "Certificates", "certificates"]

#: A second name in the good certificate, for server name indication.
ALIAS = "alias.example"
HOSTS = ("localhost", "127.0.0.1", "::1", ALIAS, "proxy.example.com")


class Certificate:
    """A certificate chain and key in files, together and apart, as the different servers want them."""

    def __init__(self, leaf: trustme.LeafCert, directory: pathlib.Path, name: str):
        self.chain = directory / (name + ".crt")
        self.key = directory / (name + ".key")
        self.both = directory / (name + ".pem")
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        self.chain.write_bytes(chain)
        self.key.write_bytes(leaf.private_key_pem.bytes())
        self.both.write_bytes(leaf.private_key_pem.bytes() + chain)
        # Daemons read their key after they gave up root; the key is as temporary as its directory.
        for path in (self.chain, self.key, self.both):
            path.chmod(0o644)


class Certificates:
    """Everything issued for one test session."""

    def __init__(self) -> None:
        directory = workspace("certs")
        authority = trustme.CA()
        stranger = trustme.CA(organization_name="an authority nobody trusts")
        self.authority = directory / "ca.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        self.authority.chmod(0o644)
        past = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)
        self.good = Certificate(authority.issue_cert(*HOSTS), directory, "good")
        self.wrong_host = Certificate(authority.issue_cert("elsewhere.example"), directory, "wrong-host")
        self.expired = Certificate(authority.issue_cert(*HOSTS, not_after=past), directory, "expired")
        self.unknown = Certificate(stranger.issue_cert(*HOSTS), directory, "unknown")
        self.client = Certificate(authority.issue_cert("client@example.org"), directory, "client")

    def context(
        self, *, client: bool = False, post_handshake: bool = False, version: typing.Optional[ssl.TLSVersion] = None
    ) -> ssl.SSLContext:
        """A client-side context that trusts the good authority only.

        `client` loads the client certificate, `post_handshake` allows the server to ask for it later (TLS 1.3),
        `version` is the only TLS version offered.
        """
        context = ssl.create_default_context(cafile=str(self.authority))
        if client:
            context.load_cert_chain(str(self.client.chain), str(self.client.key))
        if post_handshake:
            context.post_handshake_auth = True
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context


@functools.lru_cache(maxsize=None)
def certificates() -> Certificates:
    """The session's certificates, issued on first use."""
    return Certificates()
