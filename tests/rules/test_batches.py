"""How requests are cut, and who is to blame."""

from gitopsd.rules.batches import Guilt, batches, halved


def test_parts_keep_the_order_and_their_bounds() -> None:
    parts = batches([5, 5, 1, 20, 1, 1, 1], lambda size: size, 10, 3)
    assert [list(part) for part in parts] == [[5, 5], [1], [20], [1, 1, 1]]
    assert batches([], lambda size: size, 10, 3) == []


def test_a_part_is_cut_between_two_names_near_its_middle() -> None:
    assert halved("aaab", str) == ["aaa", "b"]
    assert halved("abbbbc", str) in (["a", "bbbbc"], ["abbbb", "c"])
    assert halved("aaaa", str) == ["aa", "aa"]


def test_the_guilty_are_named_after_three_times_and_forgotten_when_there_are_too_many() -> None:
    guilt = Guilt()
    for _ in range(3):
        assert guilt.verdict("a") == ""
        guilt.add("a", "it died")
    assert guilt.verdict("a") == "it is not evaluated again, because it ended its process 3 times (it died)"
    for number in range(1000):
        guilt.add(str(number), "")
    assert guilt.verdict("a") == ""
