"""Work that may never end holds up nobody, and not the end of a process."""

import subprocess
import sys
import threading

import pytest

from speccluster_lab.threads import SharedThreads


def test_who_asks_meanwhile_waits_for_the_same() -> None:
    goes_on, begun = threading.Event(), []

    def work(name: str) -> str:
        begun.append((name, threading.current_thread().name))
        if name == "slow":
            assert goes_on.wait(60)
        if name == "wrong":
            raise ValueError("it is wrong")
        return name.upper()

    threads = SharedThreads("work", work)
    first, second = threads.begin("slow"), threads.begin("slow")
    # Another one does not wait for it.
    assert threads.begin("quick").result(60) == "QUICK"
    with pytest.raises(ValueError, match="it is wrong"):
        threads.begin("wrong").result(60)
    assert not first.done()
    goes_on.set()
    assert (first.result(60), second.result(60)) == ("SLOW", "SLOW")
    assert [name for name, _ in begun] == ["slow", "quick", "wrong"]
    assert {thread for _, thread in begun} == {"work"}
    # What comes after it is done anew.
    assert threads.begin("slow").result(60) == "SLOW"
    assert len(begun) == 4


ENDS = """
import threading
from speccluster_lab.threads import SharedThreads
begun = threading.Event()
def work(name):
    begun.set()
    threading.Event().wait()
SharedThreads("work", work).begin("one")
begun.wait()
"""


def test_a_process_ends_whatever_it_does() -> None:
    assert subprocess.run([sys.executable, "-c", ENDS], timeout=20).returncode == 0
