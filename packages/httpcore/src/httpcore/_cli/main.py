"""The command itself: what happens in which order, and what is left when something goes wrong.

Rules that hold here:

* The response goes out as it comes in: nothing is collected, whatever its length.
* The trace is drawn for a failure too: that is when it is wanted.
* Whatever fails, connections and files are closed before the line is written and the process ends.
"""

from __future__ import annotations

import argparse
import sys
from typing import Iterable, Optional, Sequence, Union

from core_backends import Response

from .. import __version__
from .arguments import parse_arguments
from .body import Body, body_of, headers_of, method_of
from .exit_codes import CommandError, ExitCode, exit_code_of, line_of, printable
from .output import Output, head_of, leave_standard_output, length_of
from .progress import Meter, meter_wanted, metered
from .route import extensions_of, pool_of
from .svg import svg
from .timeline import Timeline
from .waterfall import waterfall

__all__ = ["main"]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Do what `arguments` (None: those of the process) say and return the exit code.

    Raises `SystemExit` after `--help` and `--version`, as argparse does.
    """
    try:
        options = parse_arguments(sys.argv[1:] if arguments is None else arguments, __version__)
        return _Command(options).run()
    except (CommandError, KeyboardInterrupt) as exc:
        return _ended_by(exc)


def _ended_by(error: BaseException) -> int:
    """Say what went wrong and return the code for it; raises what nobody has foreseen."""
    code = exit_code_of(error)
    if code is None:
        raise error
    if code is ExitCode.BROKEN_PIPE:
        # Whoever reads has enough, and knows: `... | head` is no failure to be told.
        leave_standard_output()
    else:
        _say(line_of(error))
    return code


def _say(line: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"httpcore: {line}\n")
        sys.stderr.flush()


class _Command:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._outcome = "no response"
        self._meter = meter_wanted(options.output, options.no_progress)

    def run(self) -> int:
        options = self._options
        if not (options.trace or options.trace_svg):
            return self._coded(None)
        timeline = Timeline()
        code = self._coded(timeline)
        timeline.finish()
        title = f"{method_of(options)} {bytes(options.url).decode('ascii')}: {self._outcome}"
        if options.trace and sys.stderr is not None:
            sys.stderr.write(waterfall(timeline, title, sys.stderr.encoding))
        if options.trace_svg:
            try:
                with open(options.trace_svg, "w", encoding="utf-8") as picture:
                    picture.write(svg(timeline, title))
            except (OSError, ValueError) as exc:
                _say(f"cannot write the picture: {exc}")
                return code or ExitCode.LOCAL_FILE
        return code

    def _coded(self, timeline: Optional[Timeline]) -> int:
        try:
            self._exchange(timeline)
        except (Exception, KeyboardInterrupt) as exc:
            if not isinstance(exc, CommandError):
                self._outcome = type(exc).__name__
            return _ended_by(exc)
        return ExitCode.OK

    def _exchange(self, timeline: Optional[Timeline]) -> None:
        options = self._options
        extensions = extensions_of(options)
        if timeline is not None:
            extensions["trace"] = timeline
        with pool_of(options) as pool, body_of(options) as body:
            headers = headers_of(options, __version__, body.length)
            with pool.stream(
                method_of(options), options.url, headers=headers, content=self._content(body), extensions=extensions
            ) as response:
                self._show(response)
        if options.fail and response.status >= 400:
            raise CommandError(ExitCode.STATUS, f"the server answered {self._outcome}")

    def _content(self, body: Body) -> Union[bytes, Iterable[bytes], None]:
        if body.in_memory or not self._meter:
            return body.content
        return metered(body, Meter(sys.stderr, "sent", body.length))

    def _show(self, response: Response) -> None:
        options = self._options
        head = head_of(response)
        status_line = head.split(b"\r\n", 1)[0].decode("latin-1")
        self._outcome = printable(status_line.partition(" ")[2])
        with Output(options.output) as output:
            if options.include or options.head:
                output.write(head)
            meter = Meter(sys.stderr, "received", length_of(response)) if self._meter else None
            for piece in metered(response.iter_stream(), meter):
                output.write(piece)
            output.write(b"")
