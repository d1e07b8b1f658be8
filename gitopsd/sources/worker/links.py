"""Which symbolic links of a tree lead out of it, links upon links included (advisory P3). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

# More than any system follows: Linux gives up after 40.
_MOST_HOPS = 255


def escaping(links: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, bytes, str]]:
    """For each bad one of `links` (path → target, both relative to the root): path, target and why it is refused.

    A link may point anywhere inside, also at nothing. Paths are resolved part by part, as the system does: a `..`
    behind a link to a folder goes up from where that link leads, so comparing texts would not do.
    """
    for path, target in links.items():
        why = _problem(links, path)
        if why:
            yield path, target, why


def _problem(links: Mapping[bytes, bytes], path: bytes) -> str:
    here: list[bytes] = []
    todo = path.split(b"/")[::-1]
    hops = 0
    while todo:
        part = todo.pop()
        if part in {b"", b"."}:
            continue
        if part == b"..":
            if not here:
                return "leaves the repository"
            here.pop()
            continue
        target = links.get(b"/".join((*here, part)))
        if target is None:
            here.append(part)
            continue
        hops += 1
        if target.startswith(b"/"):
            return "leaves the repository"
        if hops > _MOST_HOPS:
            return "leads through links without end"
        todo.extend(target.split(b"/")[::-1])
    return ""
