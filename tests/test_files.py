"""A folder is used by one process at a time, also if one of them removes it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from recs.files import one_at_a_time


@pytest.mark.skipif(os.name == "nt", reason="there are no such locks on Windows")
def test_one_at_a_time_holds_when_the_folder_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    inside: list[str] = []
    most: list[int] = []
    first_is_in, first_may_go = Event(), Event()

    def use(name: str) -> None:
        with one_at_a_time(folder):
            inside.append(name)
            most.append(len(inside))
            (folder / "shard").write_text(name)
            if name == "0":
                first_is_in.set()
                first_may_go.wait(10)
            time.sleep(0.02)
            assert (folder / "shard").read_text() == name
            inside.remove(name)
            shutil.rmtree(folder)

    threads = [Thread(target=use, args=(str(number),)) for number in range(6)]
    threads[0].start()
    assert first_is_in.wait(10)
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.05)
    first_may_go.set()
    for thread in threads:
        thread.join(10)
    assert most == [1] * 6


def test_one_at_a_time_lets_errors_of_the_block_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none"), one_at_a_time(tmp_path):
        (tmp_path / "none").read_text()
