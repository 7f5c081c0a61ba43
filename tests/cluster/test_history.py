"""What has happened to a cluster, as far as it is kept."""

from __future__ import annotations

from speccluster_lab.cluster.history import MAX_TRANSITIONS, History


def test_no_more_is_kept_than_is_allowed_and_the_newest_is() -> None:
    history = History()
    for number in range(MAX_TRANSITIONS + 3):
        history.note(float(number), "a", "running", "lost")
    kept = history.since()
    assert len(kept) == MAX_TRANSITIONS
    assert [kept[0].seq, kept[-1].seq] == [4, MAX_TRANSITIONS + 3]
    assert len(history._transitions) == MAX_TRANSITIONS


def test_who_asks_for_what_is_not_kept_any_more_gets_what_there_is() -> None:
    history = History(limit=2)
    for number in range(5):
        history.note(float(number), None, None, None, "News", str(number))
    assert [one.seq for one in history.since(1)] == [4, 5]
    assert [one.seq for one in history.since(4)] == [5]
    assert history.since(5) == history.since(9) == []
