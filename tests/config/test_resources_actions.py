"""`resources.actions` and `resources.actionCustomizations`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.config.errors import ConfigErrors
from gitopsd.core.ignore import KindPattern
from tests.config.writing import LOCAL, loaded

ACTIONS = """resources:
  actions:
    - group: example.org
      kind: Widget
      mergeBuiltinActions: true
      discovery.lua: return {warm = {}}
      definitions:
        - {name: warm, action.lua: return obj}
        - {name: cool, action.lua: {file: cool.lua}}
  actionCustomizations: [customizations, argocd-cm.yaml]
"""


def test_actions_are_written_in_the_words_of_argo_cd(tmp_path: Path) -> None:
    (tmp_path / "cool.lua").write_text("obj.cool = true; return obj\n")
    settings = loaded(tmp_path, f"{LOCAL}{ACTIONS}").resources
    (rule,) = settings.actions
    assert (rule.kinds, rule.merge_builtin) == (KindPattern("example.org", "Widget"), True)
    assert rule.discovery == "return {warm = {}}"
    assert [(name, source.strip()) for name, source in rule.definitions] == [
        ("warm", "return obj"),
        ("cool", "obj.cool = true; return obj"),
    ]
    assert "gitopsd.yaml" in rule.where
    assert [Path(path).name for path in settings.action_files] == ["customizations", "argocd-cm.yaml"]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{kind: A}", "is no rule"),
        ("{kind: A, definitions: [{name: a, action.lua: x}, {name: a, action.lua: y}]}", "twice"),
        ("{kind: A, discovery.lua: x, definitions: [{name: a}]}", "action.lua"),
        ("{discovery.lua: x}", "kind"),
        ("{kind: A, discoveryLua: x}", "discoveryLua"),
    ],
)
def test_actions_that_cannot_be_used_are_named(tmp_path: Path, written: str, words: str) -> None:
    with pytest.raises(ConfigErrors, match=words):
        loaded(tmp_path, f"{LOCAL}resources:\n  actions:\n    - {written}\n")
