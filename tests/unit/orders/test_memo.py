"""The tag in a memo: the same for the same owner and key, and nothing that others can make or read."""

from app.orders.memo import Memos


def test_owner_key_and_secret_each_change_the_tag() -> None:
    memos = Memos("a secret")
    tags = [
        *(memos.tag(owner, key) for owner, key in [("a", "b"), ("ab", ""), ("a", "bc"), ("1 a", "b"), ("", "ab")]),
        Memos("another secret").tag("a", "b"),
    ]
    assert len(set(tags)) == len(tags)
    assert memos.tag("a", "b") == Memos("a secret").tag("a", "b")
    assert all(tag is not None and len(tag) == 32 and " " not in tag for tag in tags)


def test_an_order_without_a_key_has_no_tag() -> None:
    assert Memos("a secret").tag("a", None) is None
