"""Whatever a file holds, loading it gives a configuration or `ConfigErrors`, and shows no secret (rows Z2 and D7)."""

from __future__ import annotations

import contextlib
import copy
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitopsd.config import Config, ConfigErrors, load
from gitopsd.config.yamlfile import parse

CANARY = "hunter2-canary"
MAIN: dict[str, Any] = {
    "server": {"listen": "127.0.0.1:8080", "metricsPrefix": "gitopsd"},
    "state": {"dir": "./state"},
    "reconcile": {"refreshInterval": "180s", "concurrency": 16, "selfHealBackoff": {"duration": "2s", "factor": 3}},
    "git": {"localRoots": ["repos"], "timeout": 15},
    "render": {"memoryLimit": "1Gi"},
    "clusters": [
        {"name": "local", "inCluster": True},
        {"name": "far", "server": "https://10.0.0.1:6443", "token": CANARY, "ca": "-----BEGIN CERTIFICATE-----"},
    ],
    "repositories": [
        {"url": "https://git.example.org/a.git", "username": "ci", "password": CANARY},
        {"url": "git@git.example.org:b.git", "sshPrivateKey": {"file": "secret"}},
    ],
    "include": ["*.list"],
    "applications": [
        {
            "name": "a",
            "labels": {"team": "web"},
            "annotations": {"argocd.argoproj.io/sync-wave": "1"},
            "source": {
                "repoURL": "https://git.example.org/a.git",
                "targetRevision": "main",
                "helm": {"valueFiles": ["a"]},
            },
            "destination": {"name": "local", "namespace": "a"},
            "syncPolicy": {
                "automated": {"prune": True},
                "syncOptions": ["CreateNamespace=true"],
                "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
            },
            "ignoreDifferences": [{"kind": "Deployment", "jsonPointers": ["/spec/replicas"]}],
        }
    ],
}
MANIFEST: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "b", "annotations": {"a": "b"}, "finalizers": ["x"]},
    "spec": {
        "sources": [
            {"repoURL": "https://git.example.org/a.git", "kustomize": {"replicas": [{"name": "w", "count": 1}]}}
        ],
        "destination": {"server": "https://kubernetes.default.svc"},
    },
    "status": {},
}
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    1e308,
    "",
    " ",
    "=",
    "a=b=c",
    "$",
    "${",
    "${}",
    "${X}",
    "$$",
    "{",
    "%",
    "..",
    "/",
    "~",
    "~x",
    "-x",
    "9e999h",
    "1h1h",
    "h",
    "x" * 100_000,
    "🦊",
    "a\u0000b",
    "\ud800",
    "\n",
    "file:",
    "file://",
    "http://[",
    "https://a:99999/b",
    "https://[::1/x",
    "@",
    "a@b:c",
    ":",
    "[::]:1",
    [],
    [[]],
    {},
    {"": None},
    {"file": "secret"},
    {"file": ""},
    {"file": None},
    {"file": "/"},
    {"x" * 1000: 1},
    [None],
    ["**/*"],
    ["../../**"],
    ["["],
    ["a\u0000"],
    {"a": {"b": {"c": []}}},
    "*",
    "!x",
    "&a",
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key or index) below `value`."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += [(value, key), *places(item)]
    return found


def attempt(main: str | bytes, included: str = "[]") -> Config | ConfigErrors:
    """Load it; anything but a configuration and `ConfigErrors` escapes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gitopsd.yaml"
        path.write_bytes(main if isinstance(main, bytes) else main.encode())
        (Path(folder) / "a.list").write_text(included)
        (Path(folder) / "secret").write_text(f"-----BEGIN {CANARY}")
        try:
            return load(str(path), environ={"HOME": folder})
        except ConfigErrors as errors:
            return errors


def test_the_seed_itself_is_good() -> None:
    assert isinstance(attempt(json.dumps(MAIN), json.dumps(MANIFEST)), Config)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_Z2_each_field_survives_each_odd_value(odd: Any) -> None:  # the row's own name
    # Each value meets every fourth field, so that all together meet all.
    for number in range(ODD.index(odd) % 4, len(places(MAIN)), 4):
        mutated = copy.deepcopy(MAIN)
        container, key = places(mutated)[number]
        if key != "include":
            container[key] = odd
        check(attempt(json.dumps(mutated), json.dumps(MANIFEST)))
    for number in range(ODD.index(odd) % 4, len(places(MANIFEST)), 4):
        mutated = copy.deepcopy(MANIFEST)
        container, key = places(mutated)[number]
        container[key] = odd
        check(attempt(json.dumps(MAIN), json.dumps(mutated)))


def check(outcome: Config | ConfigErrors) -> None:
    """Errors have places and show no secret."""
    if isinstance(outcome, ConfigErrors):
        assert outcome.errors
        assert all(error.where for error in outcome.errors)
        assert CANARY not in str(outcome)


@given(st.randoms(use_true_random=False), st.integers(1, 6))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_Z2_cut_and_mixed_text_gives_errors_and_no_crash(
    chance: random.Random, times: int
) -> None:  # the row's own name
    text = (Path(__file__).parents[2] / "config" / "gitopsd.example.yaml").read_text()
    for _ in range(times):
        start, end = sorted((chance.randrange(len(text)), chance.randrange(len(text))))
        piece = chance.choice(
            [
                "",
                "\t",
                "- ",
                ": ",
                "&a ",
                "*a ",
                "!x ",
                "{",
                "]",
                "'",
                "\n",
                "<<: *a",
                "|",
                "\u2028",
                text[start : start + 40],
            ]
        )
        text = text[:start] + piece + text[min(end, start + chance.randrange(1, 60)) :]
    check(attempt(text))


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_Z2_bytes_give_errors_and_no_crash(data: bytes) -> None:  # the row's own name
    with contextlib.suppress(ConfigErrors):
        parse(data, "f.yaml")


def test_D7_a_bad_application_hides_no_other_and_is_named() -> None:  # the row's own name
    entry = MAIN["applications"][0]
    listed = [{**entry, "name": f"app-{number}"} for number in range(100)]
    listed[17] = {**listed[17], "syncPolicy": {"retry": {"backoff": {"duration": "9e999h"}}}}
    listed[42] = {**listed[42], "labels": 7}
    outcome = attempt(json.dumps({**MAIN, "applications": listed}))
    assert isinstance(outcome, ConfigErrors)
    assert [error.what for error in outcome.errors] == [
        "applications[17].syncPolicy.retry.backoff.duration cannot be used",
        "applications[42].labels is a whole number",
    ]
