"""The timeline as a picture: one SVG file, without scripts or anything from elsewhere.

Rules that hold here:

* Bars are to scale; what is shorter than a pixel is shown one pixel wide. Pointing at a bar shows its times.
* Whatever is not ours in a text is escaped.
"""

from __future__ import annotations

import html
from typing import Iterator

from .timeline import Span, Timeline
from .waterfall import milliseconds

__all__ = ["svg"]

_WIDTH = 960
_ROW = 22
_TOP = 56
_LEFT = 12
_BARS = 420

_COLOURS = {
    "connection": "#4c78a8",
    "proxy": "#b279a2",
    "socks": "#b279a2",
    "http11": "#54a24b",
    "http2": "#3b8686",
}
_OTHER = "#9d9d9d"
_FAILED = "#d1495b"


def svg(timeline: Timeline, title: str) -> str:
    """Return the picture's text."""
    return "\n".join(_parts(timeline, title)) + "\n"


def _parts(timeline: Timeline, title: str) -> Iterator[str]:
    height = _TOP + _ROW * len(timeline.spans) + 12
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="ui-monospace, monospace" font-size="12">'
    )
    heading = html.escape(f"{title}, {milliseconds(timeline.duration)}")
    yield f"<title>{heading}</title>"
    yield f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    yield f'<text x="{_LEFT}" y="22" font-weight="bold">{heading}</text>'
    for quarter in range(5):
        x = _LEFT + _BARS * quarter / 4
        yield f'<line x1="{x}" y1="{_TOP - 10}" x2="{x}" y2="{height - 8}" stroke="#dddddd"/>'
        anchor = "start" if quarter == 0 else "middle"
        text = milliseconds(timeline.duration * quarter / 4)
        yield f'<text x="{x}" y="{_TOP - 14}" fill="#777777" text-anchor="{anchor}">{text}</text>'
    for number, span in enumerate(timeline.spans):
        yield from _row(span, timeline.duration, _TOP + _ROW * number)
    yield "</svg>"


def _row(span: Span, duration: float, top: int) -> Iterator[str]:
    end = duration if span.end is None else span.end
    scale = _BARS / duration if duration > 0 else 0.0
    x, width = _LEFT + span.start * scale, max(1.0, (end - span.start) * scale)
    colour = _FAILED if span.error is not None else _COLOURS.get(span.name.partition(".")[0], _OTHER)
    label = html.escape(span.label)
    times = f"{milliseconds(end - span.start)} from {milliseconds(span.start)} on"
    yield f"<g><title>{label}: {times}</title>"
    yield f'<rect x="{x:.2f}" y="{top}" width="{width:.2f}" height="14" fill="{colour}"/>'
    yield f'<text x="{_LEFT + _BARS + 12}" y="{top + 11}">{label}, {milliseconds(end - span.start)}</text></g>'
