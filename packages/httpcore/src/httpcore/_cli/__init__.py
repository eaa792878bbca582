"""The command line: one request, sent by the same pool that programs use, and shown as it went.

Rules that hold here:

* `import httpcore` loads none of this, nor argparse: only `python -m httpcore` does.
* Standard output carries the response and nothing else, as bytes, whatever the console's encoding. Everything that is
  said about it (errors, progress, the trace) goes to standard error.
* Whatever goes wrong is one line there and an exit code of its own (`exit_codes`); a traceback would be a defect.
* No secret is shown: neither what `--proxy` holds before the `@`, nor any header's value.

`arguments` reads the command line, `body` what is to be sent, `route` makes the pool, `output` writes the response,
`progress` draws the meter, `timeline` collects trace events for `waterfall` (text) and `svg`, and `main` runs it all.
"""

from __future__ import annotations
