"""What is new in the logs of several processes: told once, whatever they say."""

from __future__ import annotations

from speccluster_lab.cluster.logrecords import Logs, LogText, Record, log_text, marks_in
from speccluster_lab.spec.api import LogSource
from speccluster_lab.spec.logtext import MAX_LOG_CHARACTERS


class Processes:
    """Some processes that log, and keep a bounded number of records."""

    def __init__(self, *names: str, kept: int = 50_000) -> None:
        self.logs: dict[str, list[Record]] = {name: [] for name in names}
        self.there = set(names)
        self.busy: set[str] = set()
        self.kept = kept
        self.now = 1.8e9

    def say(self, name: str, *texts: str) -> None:
        for text in texts:
            self.now += 1e-6
            self.logs[name].append((self.now, "INFO", text))

    async def ask(self, n: int) -> Logs:
        return {
            name: log[-self.kept :][::-1][:n]
            for name, log in self.logs.items()
            if name not in self.busy
        }

    async def read(self, after: str | None = None, records: int = 3) -> LogText:
        return await log_text(LogSource.WORKER, self.ask, records, after, frozenset(self.there))


async def test_the_same_text_is_new_each_time() -> None:
    both = Processes("a", "b")
    both.say("a", "one", "same")
    both.say("b", "same")
    told = await both.read()
    assert (told.text, told.continues) == ("one\nsame\nsame", False)
    told = await both.read(told.cursor)
    assert (told.text, told.continues) == ("", True)
    both.say("b", "same", "same")
    both.say("a", "same")
    told = await both.read(told.cursor)
    assert (told.text, told.continues) == ("same\nsame\nsame", True)
    assert (await both.read(told.cursor)).text == ""


async def test_more_than_was_asked_for_is_told_as_well() -> None:
    both = Processes("a", "b")
    both.say("a", "first")
    told = await both.read()
    both.say("a", *(f"line {number}" for number in range(500)))
    both.say("b", *(f"of another {number}" for number in range(5)))
    lines = (await both.read(told.cursor)).text.split("\n")
    assert lines[:500] == [f"line {number}" for number in range(500)]
    assert lines[500:] == [f"of another {number}" for number in range(5)]


async def test_too_much_for_an_answer_comes_in_several() -> None:
    both = Processes("a", "b")
    told = await both.read()
    for number in range(40):
        both.say("ab"[number % 2], f"{number:04d}{'x' * 60_000}")
    found = []
    while (told := await both.read(told.cursor)).text:
        assert len(told.text) <= MAX_LOG_CHARACTERS
        found += [int(line[:4]) for line in told.text.split("\n")]
    assert found == list(range(40))


async def test_who_is_busy_is_told_of_later_and_once() -> None:
    both = Processes("a", "b")
    both.say("a", "one")
    both.say("b", "two")
    told = await both.read()
    both.busy = {"a"}
    both.say("a", "three")
    both.say("b", "four")
    told = await both.read(told.cursor)
    assert told.text == "four"
    both.busy = {"a", "b"}
    told = await both.read(told.cursor)
    assert (told.text, told.continues) == ("", True)
    both.busy = set()
    assert (await both.read(told.cursor)).text == "three"


async def test_a_process_that_is_another_now_is_told_of_from_its_beginning() -> None:
    both = Processes("a", "b")
    both.say("a", "one", "two")
    both.say("b", "three")
    told = await both.read()
    both.logs = {"a": [], "c": []}
    both.there = {"a", "c"}
    both.say("a", "begun again")
    both.say("c", "new")
    told = await both.read(told.cursor)
    assert told.text == "begun again\nnew"
    marks = marks_in(told.cursor, LogSource.WORKER)
    assert marks is not None
    assert set(marks) == {"a", "c"}


async def test_a_clock_that_is_set_back_loses_nothing() -> None:
    both = Processes("a", "b")
    both.say("a", "one", "two")
    told = await both.read()
    both.now -= 3600
    both.say("a", "three")
    both.say("b", "four")
    assert (await both.read(told.cursor)).text == "three\nfour"


async def test_a_cursor_of_another_log_is_none() -> None:
    both = Processes("a", "b")
    both.say("a", "one")
    for wrong in ("", "x", "failure:", "host:1:2", "scheduler:a=0x1.8p+30"):
        told = await both.read(wrong)
        assert (told.text, told.continues) == ("one", False), wrong
    for odd in ("worker:", "worker:a=0x1.0p+999,a=x,=,💥"):
        told = await both.read(odd)
        assert (told.text, told.continues) == ("one", True), odd
