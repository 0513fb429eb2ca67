"""Who mentions what, and that nothing is left of what nobody mentions."""

from relspec.core.mentions import Mentions


def test_names_are_found_by_what_they_mention() -> None:
    mentions = Mentions()
    mentions.add("one", ["a", "b"])
    mentions.add("two", ["b"])
    assert (mentions.of("a"), mentions.of("b"), mentions.of("c")) == ({"one"}, {"one", "two"}, frozenset())
    mentions.drop("one", ["b", "c"])
    assert (mentions.of("a"), mentions.of("b")) == ({"one"}, {"two"})


def test_a_key_that_nobody_mentions_takes_no_room() -> None:
    mentions = Mentions()
    for number in range(100):
        mentions.add("one", [f"file {number}"])
        mentions.drop("one", [f"file {number}"])
    assert mentions._names == {}
