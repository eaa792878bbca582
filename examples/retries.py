"""Retry requests, with pauses that grow, vary, and heed what the server asks for.

    python examples/retries.py URL

What the pool does by itself: `retries=` establishes a connection again, and an idempotent request is sent once more
where a kept connection turns out to have been closed. What an answer means is the program's to say, as here. A deadline
over all attempts is what keeps retrying from becoming waiting: each attempt gets what is left of it.
"""

from __future__ import annotations

import random
import sys
import time
from typing import Callable, Optional

import httpcore

RETRIED_STATUSES = {429, 502, 503, 504}
RETRIED_ERRORS = (httpcore.ConnectError, httpcore.TimeoutException, httpcore.ReadError, httpcore.RemoteProtocolError)


def retry_after(response: httpcore.Response) -> Optional[float]:
    values = [value for name, value in response.headers if name.lower() == b"retry-after"]
    return float(values[0]) if values and values[0].isdigit() else None


def get(
    pool: httpcore.ConnectionPool,
    url: str,
    *,
    attempts: int = 5,
    deadline: float = 30.0,
    sleep: Callable[[float], None] = time.sleep,
) -> httpcore.Response:
    """Return the response of the last attempt, or raise its error. For idempotent requests only."""
    ends = time.monotonic() + deadline
    for attempt in range(1, attempts + 1):
        # Full jitter: clients that failed together do not come back together.
        pause = random.uniform(0, min(8.0, 0.25 * 2**attempt))
        try:
            left = max(0.0, ends - time.monotonic())
            response = pool.request("GET", url, extensions={"timeout": {"total": left}})
        except RETRIED_ERRORS as exc:
            what = f"{type(exc).__name__}: {exc}"
            if attempt == attempts or time.monotonic() + pause >= ends:
                raise
        else:
            what = f"status {response.status}"
            asked = retry_after(response)
            pause = pause if asked is None else asked
            if response.status not in RETRIED_STATUSES or attempt == attempts or time.monotonic() + pause >= ends:
                return response
        print(f"attempt {attempt}: {what}")
        sleep(pause)
    raise AssertionError("unreachable: the last attempt returns or raises")


def main(url: str) -> int:
    with httpcore.ConnectionPool(retries=2) as pool:
        response = get(pool, url)
    print(response.status, response.content.decode())
    return 0 if response.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
