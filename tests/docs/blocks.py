"""The fenced blocks of a Markdown page (CommonMark § 4.5), with where they stand and what their info string says."""

from __future__ import annotations

import pathlib
import re
from typing import List, NamedTuple

__all__ = ["Block", "blocks_of"]

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")


class Block(NamedTuple):
    language: str
    #: The rest of the info string, such as `title="Output"`.
    attributes: str
    source: str
    #: The number of the block's first line of content, counted from 1.
    line: int


def blocks_of(path: pathlib.Path) -> List[Block]:
    """Return the page's blocks in order. A fence that is not closed, or is indented, is an error."""
    found: List[Block] = []
    opened = None
    begin, content = 0, []  # type: int, List[str]
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fence = FENCE.match(line)
        if opened is None:
            if fence is not None:
                assert not fence["indent"], f"{path}:{number}: an indented fence would not be run"
                opened, begin, content = fence, number + 1, []
        elif fence is not None and fence["fence"].startswith(opened["fence"]) and not fence["info"].strip():
            language, _, attributes = opened["info"].strip().partition(" ")
            found.append(Block(language, attributes.strip(), "\n".join(content) + "\n", begin))
            opened = None
        else:
            content.append(line)
    assert opened is None, f"{path}: the block that begins before line {begin} is not closed"
    return found
