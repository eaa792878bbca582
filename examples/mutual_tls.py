"""Show the server a certificate of one's own, and trust one authority only.

    python examples/mutual_tls.py URL AUTHORITY.pem CERTIFICATE.pem [KEY.pem]

An `ssl.SSLContext` says all that there is to say about TLS; the pool uses it as it is, and does not change it.
"""

from __future__ import annotations

import ssl
import sys
from typing import Optional

import httpcore


def main(url: str, authority: str, certificate: str, key: Optional[str] = None) -> None:
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(certificate, key)
    with httpcore.ConnectionPool(ssl_context=context) as pool:
        with pool.stream("GET", url) as response:
            secured = response.extensions["network_stream"].get_extra_info("ssl_object")
            print(secured.version(), secured.getpeercert()["subject"])
            print(response.status, response.read().decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
