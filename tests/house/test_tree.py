"""What no file of the repository may hold."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

# Written as patterns, which do not match themselves.
REGISTRIES: Final = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|proxy\.golang\.org|sum\.golang\.org|registry\.npmjs\.org|registry\.yarnpkg\.com)"
)
MACHINE_PATHS: Final = re.compile(r"/(?:work|farm|root)/(?!\.(?:kube|ssh|config|docker)\b)[a-z.]")
EXCEPTION_TO_A_RULE: Final = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b(?::\s*[A-Z0-9, ]+|\[[a-z, -]+\])?")
REASON_WORDS: Final = 3

Texts = Sequence[tuple[str, str]]


def test_locks_pin_every_line_by_hash_and_name_no_address(texts: Texts) -> None:
    locks = {name: text for name, text in texts if name.endswith(".lock")}
    assert {"requirements.lock", "tools/go.lock"} <= locks.keys()
    for name, text in locks.items():
        assert "://" not in text, name
        for block in re.split(r"\n(?=\S)", text.strip()):
            pin, *hashes = (line.strip(" \\") for line in block.splitlines())
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[^\s;]+( ; .+)?", pin), f"{name}: {pin}"
            assert hashes, f"{name}: {pin} has no hash"
            assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), f"{name}: {pin}"


def test_no_file_names_a_registry_host(texts: Texts) -> None:
    assert list(_found(REGISTRIES, texts)) == []


def test_no_file_names_a_path_of_one_machine(texts: Texts) -> None:
    assert list(_found(MACHINE_PATHS, texts)) == []


def test_every_exception_to_a_rule_says_why(texts: Texts) -> None:
    without_reason = []
    for name, text in texts:
        if not name.endswith(".py"):
            continue
        previous = ""
        for number, line in enumerate(text.splitlines(), start=1):
            # The rule itself is spelled out in strings here and there; only comments count.
            _, hash_sign, comment = line.partition("  #")
            if hash_sign and EXCEPTION_TO_A_RULE.search(f"#{comment}"):
                reason = EXCEPTION_TO_A_RULE.sub("", f"#{comment}")
                above = previous if previous.lstrip().startswith("#") else ""
                if len(re.findall(r"\w+", reason + above)) < REASON_WORDS:
                    without_reason.append(f"{name}:{number}: {line.strip()}")
            previous = line
    assert without_reason == []


def _found(pattern: re.Pattern[str], texts: Texts) -> Iterator[str]:
    for name, text in texts:
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                yield f"{name}:{number}: {line.strip()[:120]}"
