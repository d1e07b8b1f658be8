"""Each file in `bad/` is refused with exactly the messages that its `# expect:` lines hold."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from gitopsd.config import ConfigErrors, load
from gitopsd.core.errors import ConfigError

BAD = Path(__file__).parent / "bad"
CANARY = "hunter2-canary"


@pytest.mark.parametrize("name", sorted(path.name for path in BAD.glob("*.yaml")))
def test_a_bad_file_is_refused_with_exactly_these_messages(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    lines = Path(name).read_text().splitlines()
    expected = [line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")]
    with pytest.raises(ConfigErrors) as caught:
        load(name, environ={"HOME": "/home/test"})
    assert [str(error).replace(f"{BAD}/", "") for error in caught.value.errors] == expected
    assert expected


@pytest.mark.parametrize("name", sorted(path.name for path in BAD.glob("*.yaml") if CANARY in path.read_text()))
def test_no_message_and_no_traceback_holds_a_secret(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigErrors) as caught:
        load(name, environ={})
    error = caught.value
    shown = [str(error), repr(error), error.what, error.why, *(str(one) + repr(one) for one in error.errors)]
    shown += traceback.format_exception(error)
    assert not [text for text in shown if CANARY in text]


def test_every_error_is_a_config_error_with_its_place() -> None:
    with pytest.raises(ConfigErrors) as caught:
        load(str(BAD / "many-errors-at-once.yaml"), environ={})
    assert len(caught.value.errors) == 6
    for error in caught.value.errors:
        assert isinstance(error, ConfigError)
        file, line, column = error.where.rsplit(":", 2)
        assert file.endswith("many-errors-at-once.yaml")
        assert int(line) > 0
        assert int(column) > 0


def test_thousands_of_errors_are_told_in_short(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("applications:\n" + "  - {name: 1}\n" * 1000)
    with pytest.raises(ConfigErrors) as caught:
        load(str(tmp_path / "c.yaml"), environ={})
    assert len(caught.value.errors) == 201
    assert str(caught.value.errors[-1]) == "1800 more errors are not shown"


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load(str(tmp_path / "none.yaml"), environ={})
    assert "none.yaml: the configuration cannot be read: No such file or directory" in str(caught.value)
