"""Sources of our own making, one list for each kind: together every feature that a source can use."""

from __future__ import annotations

from typing import Final

from tests.differential.case import Case
from tests.differential.corpus import (
    folders,
    helm_charts,
    helm_options,
    helm_templates,
    kustomize_charts,
    kustomize_files,
)

CORPUS: Final[list[Case]] = [
    *folders.CASES,
    *kustomize_files.CASES,
    *kustomize_charts.CASES,
    *helm_options.CASES,
    *helm_charts.CASES,
    *helm_templates.CASES,
]
