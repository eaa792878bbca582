"""A hook of mkdocs: takes into the site what is written once elsewhere in the repository.

Rules that hold here:

* `<!-- include: FILE -->` on a line of its own becomes that file without its title; `<!-- include: FILE FROM..TO -->`
  the part between the lines that begin with FROM and TO. Paths are the repository's.
* Links inside what is included are turned: to another page of the site where there is one for that file, else to text.
* `<!-- examples -->` becomes the programs in `examples/`, each under its name.
* Decision records enter the navigation by being there.
"""

from __future__ import annotations

import pathlib
import posixpath
import re
from typing import Any, Dict, List

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r"^<!-- include: (?P<file>\S+)(?: (?P<begin>.+?)\.\.(?P<end>.+?))? -->$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")
EXAMPLES = ROOT / "examples"
PLOT = ROOT / "benchmarks" / "plot.svg"

#: Where on the site a file of the repository is to be found.
PAGES: Dict[str, str] = {
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "docs/releasing.md": "releasing.md",
    "benchmarks/RESULTS.md": "performance.md",
    "benchmarks/README.md": "performance.md",
    "docs/adr": "architecture.md",
    **{
        f"packages/{name}": f"components/{name}.md"
        for name in ("core-backends", "core-h1", "core-h2", "core-pool", "core-proxy", "httpcore")
    },
}


def on_config(config: Any) -> Any:
    docs = pathlib.Path(config["docs_dir"])
    sections: List[Dict[str, Any]] = config["nav"]
    for section in sections:
        if "Decisions" in section:
            section["Decisions"] = [f"adr/{path.name}" for path in sorted((docs / "adr").glob("*.md"))]
    return config


def on_files(files: Any, config: Any) -> Any:
    if PLOT.is_file():
        files.append(File.generated(config, "plot.svg", abs_src_path=str(PLOT)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    def included(match: re.Match[str]) -> str:
        return turn_links(part_of(match["file"], match["begin"], match["end"]), match["file"], page.file.src_uri)

    markdown = INCLUDE.sub(included, markdown)
    if "<!-- examples -->" in markdown:
        markdown = markdown.replace("<!-- examples -->", "\n\n".join(map(shown, sorted(EXAMPLES.glob("*.py")))))
    if "<!-- plot -->" in markdown:
        plot = "![The race, drawn](plot.svg)" if PLOT.is_file() else ""
        markdown = markdown.replace("<!-- plot -->", plot)
    return markdown


def shown(program: pathlib.Path) -> str:
    return f"## {program.name}\n\n```python\n{program.read_text(encoding='utf-8')}```"


def part_of(file: str, begin: Any, end: Any) -> str:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    if begin is None:
        # The page has a title of its own.
        return "\n".join(lines[1:] if lines[0].startswith("# ") else lines)
    starts = [number for number, line in enumerate(lines) if line.startswith(begin)]
    if not starts:
        raise PluginError(f"{file} has no line that begins with {begin!r}")
    rest = lines[starts[0] + 1 :]
    ends = [number for number, line in enumerate(rest) if line.startswith(end)]
    if not ends:
        raise PluginError(f"{file} has no line that begins with {end!r} after {begin!r}")
    return "\n".join(rest[: ends[0]])


def turn_links(text: str, file: str, page: str) -> str:
    def turned(match: re.Match[str]) -> str:
        target = match["target"]
        if target.startswith(("https:", "http:", "#")):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
        place = PAGES.get(path)
        if place is None and path.startswith("docs/") and path.endswith(".md"):
            place = path[len("docs/") :]
        if place is None:
            return match["text"]
        return f"[{match['text']}]({posixpath.relpath(place, posixpath.dirname(page) or '.')})"

    return LINK.sub(turned, text)
