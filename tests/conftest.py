"""What every test may count on: caches of its own, no network, few threads, the same examples in every run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS")
_KEPT = ("RECS_DATA", "RECS_CASES", "RECS_FUZZ", "RECS_SYSTEMS", "RECS_WRITE_DOCS")
_CLEANUPS: list[pytest.MonkeyPatch | tempfile.TemporaryDirectory[str]] = []


def pytest_configure() -> None:
    """Set the environment before any test module is imported: libraries read theirs when they are imported."""
    hypothesis.settings.register_profile("recs", derandomize=True, deadline=None)
    hypothesis.settings.load_profile("recs")

    folder = tempfile.TemporaryDirectory(prefix="recs-tests-", ignore_cleanup_errors=True)
    environment = pytest.MonkeyPatch()
    _CLEANUPS.extend((environment, folder))
    for name in os.environ:
        if (name.startswith("RECS_") and name not in _KEPT) or name in ("COLUMNS", "LINES", "FORCE_COLOR"):
            environment.delenv(name)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "SENTENCE_TRANSFORMERS_HOME", "TRANSFORMERS_CACHE"):
        environment.delenv(name, raising=False)
    environment.setenv("RECS_CACHE_DIR", str(Path(folder.name) / "recs"))
    environment.setenv("HF_HOME", str(Path(folder.name) / "huggingface"))
    environment.setenv("HF_HUB_OFFLINE", "1")
    environment.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:  # the workers share the cores; each starting a thread for every core makes all of them slower
        threads = str(max((os.cpu_count() or 1) // workers, 1))
        for name in _THREADS:
            environment.setenv(name, threads)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that measure growth on large hostile input are slow, all of them."""
    for item in items:
        if "takes_linear_time" in item.name or "take_linear_time" in item.name:
            item.add_marker(pytest.mark.slow)


def pytest_unconfigure() -> None:
    for cleanup in _CLEANUPS:
        if isinstance(cleanup, pytest.MonkeyPatch):
            cleanup.undo()
        else:
            cleanup.cleanup()
    _CLEANUPS.clear()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real collections that RECS_DATA names; a test that asks for it is skipped where none is named."""
    named = os.environ.get("RECS_DATA")
    if not named:
        pytest.skip("RECS_DATA names no folder of real collections")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"RECS_DATA is {named!r}, which is no folder")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[dict[str, str]]:
    """How to reach a PostgreSQL server with pgvector: PGHOST, PGPORT, PGUSER. Skipped where none can be started."""
    from postgres_server import Unavailable, running_postgres

    pytest.importorskip("psycopg")
    try:
        with running_postgres() as reached:
            yield reached
    except Unavailable as error:
        pytest.skip(f"no PostgreSQL server: {error}")
