"""The names that applications and projects may have: those of Kubernetes' objects.

https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
"""

from __future__ import annotations

import re
from typing import Final

EXPECTED_NAME: Final = "expected at most 253 lower-case letters, digits, - and ., with a letter or digit at both ends"
_LONGEST: Final = 253
_DNS_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)


def is_name(text: str) -> bool:
    """Whether it is one."""
    return len(text) <= _LONGEST and _DNS_SUBDOMAIN.fullmatch(text) is not None
