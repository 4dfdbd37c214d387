"""Work for shards that can be sent to other processes: it counts itself, and fails or dies where it is told to."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


@dataclass(frozen=True)
class Cubes:
    """Cubes of numbers; it writes a line for each shard whose computation begins."""

    log: Path
    fails: tuple[int, ...] = ()
    dies: tuple[int, ...] = ()
    dies_once: tuple[int, ...] = ()
    full_disk: tuple[int, ...] = ()
    seconds: float = 0.0

    def __call__(self, number: int):
        import pyarrow as pa

        with self.log.open("a") as file:
            file.write(f"{number}\n")
        self.log.with_name(f"{self.log.name}-process-{os.getpid()}").touch()
        time.sleep(self.seconds)
        if number in self.dies or (number in self.dies_once and self._is_first(number)):
            os.kill(os.getpid(), signal.SIGKILL)
        if number in self.fails:
            raise ValueError(f"no cube of {number}")
        if number in self.full_disk:
            _fill_the_disk_once()
        threads = [os.environ.get(name, "") for name in THREADS]
        return pa.table({"cube": [number**3] * len(threads), "threads": threads})

    def _is_first(self, number: int) -> bool:
        mark = self.log.with_name(f"{self.log.name}-died-{number}")
        first = not mark.exists()
        mark.touch()
        return first


def _fill_the_disk_once() -> None:
    from recs import files

    write = files._write_flushed

    def full(path, data):
        files._write_flushed = write
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    files._write_flushed = full


def living(log: Path) -> list[int]:
    """Return the processes that computed a number and are still there."""
    pids = [int(path.name.rpartition("-")[2]) for path in log.parent.glob(f"{log.name}-process-*")]
    states = {pid: Path(f"/proc/{pid}/stat") for pid in pids}
    return [pid for pid, path in states.items() if path.exists() and ") Z " not in path.read_text()]


def computed(log: Path) -> list[int]:
    """Return the numbers whose computation began, sorted."""
    return sorted(map(int, log.read_text().split())) if log.exists() else []


def main() -> None:
    """Be a driver that another process kills: `shard_jobs.py ADDRESS LOG FOLDER COUNT SECONDS`.

    ADDRESS is that of Ray, or "processes" for two of this machine.
    """
    from recs.bulk.ray_runner import RayRunner
    from recs.bulk.runners import LocalRunner
    from recs.bulk.shards import map_shards

    address, log, folder, count, seconds = sys.argv[1:]
    from shard_jobs import Cubes as Work  # under its own name, not that of the script

    work = Work(Path(log), seconds=float(seconds))
    runner = LocalRunner(workers=2) if address == "processes" else RayRunner(address)
    map_shards(work, range(int(count)), Path(folder), runner=runner)


if __name__ == "__main__":
    main()
