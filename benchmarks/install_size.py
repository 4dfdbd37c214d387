"""What an install without torch weighs: megabytes downloaded and on disk, and how soon it makes a first list.

    python benchmarks/install_size.py          the base: lists by terms
    python benchmarks/install_size.py onnx     with the extra onnx: models without torch

Collects the wheels of the package and of what it requires, pinned by constraints.txt; installs them into a fresh
environment without bytecode; counts what came in addition to pip. Where RECS_DATA names a folder of real collections,
that environment also ranks 18f_blog: the base by terms, the extra with the weights that this
environment has. MB are 1,000,000 bytes. Needs a package index. Exits with 1 where a target is missed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS_MB = {"": (90.0, 250.0), "onnx": (130.0, 350.0)}
"""Of each extra: downloaded, on disk."""
FIRST_LIST_TARGET_S = 5.0
SHOWN = 8

NO_TORCH = "import importlib.util, recs; assert importlib.util.find_spec('torch') is None, 'torch was installed'"


def main(extra: str = "") -> int:
    """Install, measure, print, compare with the targets."""
    download_target, disk_target = TARGETS_MB[extra]
    with tempfile.TemporaryDirectory() as folder:
        wheels, home, copy = Path(folder, "wheels"), Path(folder, "environment"), Path(folder, "project")
        shutil.copytree(ROOT / "recs", copy / "recs")  # a build in place would leave its files in the project
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        pip("wheel", "--wheel-dir", wheels, "-c", ROOT / "constraints.txt", f"{copy}[{extra}]" if extra else copy)
        venv.create(home, with_pip=True)
        programs = home / ("Scripts" if sys.platform == "win32" else "bin")
        before = size_of_files(home)
        pip(
            "--python", programs / "python", "install", "--no-compile", "--no-deps", "--no-index", *wheels.glob("*.whl")
        )

        downloaded = {path.name.partition("-")[0]: size_of_files([path]) for path in wheels.glob("*.whl")}
        print_largest("downloaded", downloaded)
        (site,) = home.rglob("site-packages")
        print_largest("on disk", {path.name: size_of_files(path) for path in site.iterdir()})
        reached = [
            verdict("downloaded", sum(downloaded.values()) / 1e6, download_target, "MB"),
            verdict("on disk", (size_of_files(home) - before) / 1e6, disk_target, "MB"),
        ]
        subprocess.run([programs / "python", "-W", "error", "-c", NO_TORCH], check=True, cwd=folder)
        print("torch: not there")
        if os.environ.get("RECS_DATA"):
            options = model_option() if extra else []
            took = first_list(programs, folder, options)
            if extra:
                print(f"first list (model) on 18f_blog: {took:.1f} s")
            else:
                reached.append(verdict("first list (terms) on 18f_blog", took, FIRST_LIST_TARGET_S, "s"))
    return 0 if all(reached) else 1


def pip(*arguments: str | Path) -> None:
    """Run pip, quietly."""
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq", *map(str, arguments)], check=True, cwd=ROOT
    )


def size_of_files(where: Path | Iterable[Path]) -> int:
    """Return the bytes of all files in a folder, bytecode left out."""
    paths = [where, *where.rglob("*")] if isinstance(where, Path) else where
    return sum(path.lstat().st_size for path in paths if path.is_file() and path.suffix != ".pyc")


def print_largest(title: str, sizes: dict[str, int]) -> None:
    """Print what weighs most."""
    print(f"{title}: {len(sizes)} parts, the largest:")
    for name, size in sorted(sizes.items(), key=lambda pair: -pair[1])[:SHOWN]:
        print(f"  {size / 1e6:7.1f} MB  {name}")


def model_option() -> list[str]:
    """Return the option that names the default model and its folder in this environment."""
    from recs.models.registry import DEFAULT_MODEL, find_model

    return ["--model", f"{DEFAULT_MODEL}={find_model(DEFAULT_MODEL)}"]


def first_list(programs: Path, folder: str, options: list[str]) -> float:
    """Return the seconds that the first run of the command takes, reading included, on a blog of 508 posts."""
    source = Path(os.environ["RECS_DATA"]).resolve() / "18f_blog" / "data.jsonl"
    start = time.perf_counter()
    subprocess.run(
        [programs / "recs", "related", source, "--now", "2026-11-01", "--quiet", "-o", "related.json", *options],
        check=True,
        cwd=folder,
        env={**os.environ, "RECS_CACHE_DIR": str(Path(folder, "cache"))},
    )
    return time.perf_counter() - start


def verdict(what: str, found: float, target: float, unit: str) -> bool:
    """Print a figure beside its target; return whether it is reached."""
    reached = found <= target
    print(f"{what}: {found:.1f} {unit}, target {target:.0f} {unit}: {'reached' if reached else 'MISSED'}")
    return reached


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
