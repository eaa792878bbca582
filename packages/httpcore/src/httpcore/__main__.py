"""`python -m httpcore URL`: send one request and show what came back. See `httpcore._cli`."""

from __future__ import annotations

import sys

from ._cli.main import main

if __name__ == "__main__":
    sys.exit(main())
