"""Releases before a fork what a child process must not inherit: an open database, a session that has threads.

The holder of such a thing opens it again when it is used next, in the parent and in the child.
"""

import os
import threading
from typing import Protocol
from weakref import WeakSet


class Holder(Protocol):
    """An object that holds such a thing."""

    lock: threading.RLock
    """Held by every use of the thing, and from its release until the process has forked."""

    def release(self) -> None:
        """Close or drop the thing; the next use opens it again."""


_holders: WeakSet[Holder] = WeakSet()
_of_thread = threading.local()  # two threads may fork at the same time


def release_before_fork(holder: Holder) -> None:
    """Call the method `release` of an object before this process forks, for as long as the object exists.

    Examples
    --------
    >>> class Database:
    ...     lock = threading.RLock()
    ...     def release(self):
    ...         print("closed")
    >>> database = Database()
    >>> release_before_fork(database)
    """
    _holders.add(holder)


def _before_fork() -> None:
    _of_thread.held = []
    for holder in list(_holders):
        holder.lock.acquire()
        _of_thread.held.append(holder.lock)
        holder.release()


def _after_fork() -> None:
    for lock in _of_thread.held:
        lock.release()
    _of_thread.held = []


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
