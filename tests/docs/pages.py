"""The Markdown pages of the repository, parsed: headings and anchors, links, blocks, commands."""

from __future__ import annotations

import functools
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).resolve().parents[2]
_SHELLS: Final = {"", "sh", "console"}
_ANCHOR: Final = re.compile(r'<a (?:id|name)="([^"]+)">')


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced or indented block, at the line (from 1) of its first line of content."""

    page: str
    line: int
    info: str
    content: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link, or an image, points."""

    page: str
    line: int
    target: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `path` is relative to the repository."""

    path: str
    tokens: tuple[Token, ...]

    @property
    def anchors(self) -> frozenset[str]:
        """What a link to this page may have after `#`: GitHub's names of headings, and ids that are written."""
        found: dict[str, int] = {}
        names = set()
        for token, inline in zip(self.tokens, self.tokens[1:], strict=False):
            if token.type == "heading_open":
                name = _slug(inline)
                found[name] = found.get(name, -1) + 1
                names.add(f"{name}-{found[name]}" if found[name] else name)
        return frozenset(names | {match for token in self.tokens for match in _ANCHOR.findall(token.content)})

    @property
    def links(self) -> tuple[Link, ...]:
        """All links and images."""
        return tuple(
            Link(self.path, _line(token), str(child.attrs.get("href") or child.attrs.get("src")))
            for token in self.tokens
            for child in token.children or ()
            if child.type in {"link_open", "image"}
        )

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks of code."""
        return tuple(
            Block(self.path, _line(token) + (token.type == "fence"), token.info.strip(), token.content)
            for token in self.tokens
            if token.type in {"fence", "code_block"}
        )

    @property
    def commands(self) -> tuple[tuple[str, str], ...]:
        """(place, command line) of everything that begins with `gitopsd` in shells' blocks and in running text."""
        return (*_of_blocks(self.blocks), *self._of_text())

    def _of_text(self) -> Iterator[tuple[str, str]]:
        for token in self.tokens:
            for child in token.children or ():
                if child.type == "code_inline" and child.content.startswith("gitopsd "):
                    # Running text may name an option and leave what follows to the reader.
                    yield f"{self.path}:{_line(token)}", f"{child.content} …"


def _of_blocks(blocks: tuple[Block, ...]) -> Iterator[tuple[str, str]]:
    for block in blocks:
        if block.info.split(" ")[0] in _SHELLS:
            for number, line in enumerate(re.sub(r"\\\n\s*", " ", block.content).splitlines()):
                for part in re.split(r"\s(?:\||&&)\s|;\s|\$\(|<\(", line.strip().removeprefix("$ ")):
                    if match := re.match(r"(?:sudo (?:-u \S+ )?|[A-Z_]+=\S+ )*(?:\.venv/bin/|\./)?(gitopsd\s.*)", part):
                        yield f"{block.page}:{block.line + number}", match[1]


def _slug(inline: Token) -> str:
    """As GitHub names a heading (html-pipeline's table of contents): lower case, no punctuation, - for spaces."""
    told = "".join(child.content for child in inline.children or () if child.type in {"text", "code_inline"})
    return re.sub(r"[^\w\- ]", "", told.lower()).replace(" ", "-")


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0


@functools.cache
def pages() -> tuple[Page, ...]:
    """Every page that git keeps, or would keep."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())
    return tuple(page(name) for name in names)


@functools.cache
def page(name: str) -> Page:
    """The page at a path below the repository."""
    parser = MarkdownIt("commonmark").enable("table")
    return Page(name, tuple(parser.parse((ROOT / name).read_text(encoding="utf-8"))))
