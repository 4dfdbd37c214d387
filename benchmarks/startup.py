"""What starting costs: `import recs` over bare Python, and `recs --help` from start to end.

    python benchmarks/startup.py [--runs 30]

Each command runs in a process of its own. The runs are interleaved, so that a busy moment of the machine falls on all
commands alike, and the best of each counts: everything slower measured something else as well. Exits with 1 where a
target is missed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

IMPORT_TARGET_MS = 20.0
HELP_TARGET_MS = 150.0

COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import recs": [sys.executable, "-c", "import recs"],
    "recs --help": [str(Path(sys.executable).parent / "recs"), "--help"],
}


def main() -> int:
    """Measure, print, compare with the targets."""
    parser = argparse.ArgumentParser(description="What starting costs.")
    parser.add_argument("--runs", type=int, default=30, help="runs of each command (default: %(default)s)")
    runs = parser.parse_args().runs

    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for command in COMMANDS.values():  # the first run writes bytecode and fills the disk cache
        milliseconds(command)
    for _ in range(runs):
        for name, command in COMMANDS.items():
            times[name].append(milliseconds(command))

    print(f"{'command':<14}{'best ms':>10}{'median ms':>12}   ({runs} runs each)")
    for name, values in times.items():
        print(f"{name:<14}{min(values):>10.1f}{statistics.median(values):>12.1f}")
    bare = min(times["python"])
    over = verdict("import recs over bare Python", min(times["import recs"]) - bare, IMPORT_TARGET_MS)
    whole = verdict("recs --help, start to end", min(times["recs --help"]), HELP_TARGET_MS)
    return 0 if over and whole else 1


def milliseconds(command: list[str]) -> float:
    """Return how long a command takes, from start to end."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - start) * 1000


def verdict(what: str, found: float, target: float) -> bool:
    """Print a figure beside its target; return whether it is reached."""
    reached = found <= target
    print(f"{what}: {found:.1f} ms, target {target:.0f} ms: {'reached' if reached else 'MISSED'}")
    return reached


if __name__ == "__main__":
    sys.exit(main())
