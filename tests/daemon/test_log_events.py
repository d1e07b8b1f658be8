"""`event` of a line of the log is what programs match by: words that stay, what differs is in fields."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import gitopsd

PACKAGE = Path(gitopsd.__file__).parent
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """What is logged: `_log.info(...)`, `self._log.info(...)`, and `log(...)` where a level was chosen before."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr in LEVELS:
            if ast.unparse(called.value) in ("_log", "self._log"):
                yield node
        elif (isinstance(called, ast.Name) and called.id == "log") or (
            isinstance(called, ast.IfExp) and "_log." in ast.unparse(called)
        ):
            yield node


def fixed(event: ast.expr) -> bool:
    if isinstance(event, ast.IfExp):
        return fixed(event.body) and fixed(event.orelse)
    return isinstance(event, ast.Constant) and isinstance(event.value, str)


def test_what_is_logged_has_a_word_that_stays() -> None:
    seen, loose = 0, []
    for path in sorted(PACKAGE.rglob("*.py")):
        for call in calls(ast.parse(path.read_text(encoding="utf-8"))):
            seen += 1
            if not call.args or not fixed(call.args[0]):
                loose.append(f"{path.relative_to(PACKAGE)}:{call.lineno}: {ast.unparse(call)[:100]}")
    assert seen > 40
    assert loose == []
