"""What is published in a PostgreSQL database: search it, read its lists, hide items, go back to the version before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from recs.arrays import unit_rows
from recs.contract import Entry
from recs.embedding.load import matching_embedder
from recs.errors import FingerprintMismatchError, OptionError, SourceError
from recs.filters import NAMES, Where, comparable, unknown_field
from recs.postgres.connection import check_name, formatted, opened_connection, place, told
from recs.postgres.definitions import LOCK, is_own
from recs.postgres.rows import is_storable
from recs.postgres.sources import KINDS
from recs.retrieval.hits import ROUNDING, Hit, check_k
from recs.retrieval.passages import Passage

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder


@dataclass(frozen=True, slots=True)
class Version:
    """A version in the database.

    Attributes
    ----------
    number, kind, state
        "index" or "lists"; "live" is the one that is served, "previous" the one before.
    items, rows
        How many items it has, and how many passages or matches.
    model, fingerprint, dim, storage
        Of its vectors; None for lists by words alone.
    fields
        The fields by which its items can be filtered.
    made
        When it was loaded, by the clock of the server.
    """

    number: int
    kind: str
    state: str
    items: int
    rows: int
    model: str | None
    fingerprint: str | None
    dim: int | None
    storage: str | None
    fields: tuple[str, ...]
    made: datetime


_COLUMNS = tuple(field.name for field in fields(Version))
_FIELDS = _COLUMNS.index("fields")


class Published:
    """What `publish_result` has put into a database. It has one connection: use one object for each thread.

    Parameters
    ----------
    to, schema
        As in `publish_result`. The role needs rights on the views and the function `search` alone, to read.
    find_embedder
        Returns the embedder of a model by its name and fingerprint; called for the first query.
    """

    def __init__(
        self, to: str, schema: str = "recs", find_embedder: Callable[[str, str], Embedder] = matching_embedder
    ) -> None:
        check_name(schema)
        self._address = to
        self._schema = schema
        self._find_embedder = find_embedder
        self._embedders: dict[tuple[str, str], Embedder] = {}
        self._connection: Any = opened_connection(to)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        from psycopg import IsolationLevel

        self._connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with told(self._address):
            query = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s"
            row = self._connection.execute(query, [self._schema]).fetchone()
        if row is None or not is_own(row[0]):
            raise SourceError(
                f"{place(self._address)}: nothing is published in the schema {self._schema!r}; see recs publish."
            )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Published:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Published({place(self._address)!r}, schema={self._schema!r})"

    def _execute(self, command: str, values: Iterable[Any] = ()) -> list[Any]:
        with told(self._address):
            cursor = self._connection.execute(formatted(command, self._schema), list(values) or None)
            return cursor.fetchall() if cursor.description else []

    # Reading.

    @property
    def versions(self) -> list[Version]:
        """The versions that are served and those before them, by kind; the served one first."""
        rows = self._execute(f"SELECT {', '.join(_COLUMNS)} FROM {{schema}}.served ORDER BY kind, state")
        return [Version(**{**dict(zip(_COLUMNS, row, strict=True)), "fields": tuple(row[_FIELDS])}) for row in rows]

    def _index(self) -> Version:
        for version in self.versions:
            if version.kind == "index" and version.state == "live":
                return version
        raise SourceError(f"{place(self._address)}: no index is published in {self._schema!r}; see recs publish.")

    def search(
        self, query: str, *, k: int = 10, where: Where | None = None, min_score: float | None = None
    ) -> list[Hit]:
        """Return the k items whose vectors are nearest to a query, best first, ties by id.

        The scores are those of `Index.search` with signals "dense". If k items fit the filters, there are k hits. Where
        at most 20,000 items fit, all of them are compared; else the index of pgvector finds nearly all of the best.

        Parameters
        ----------
        where
            As in `Index.search`; the filters act in the database, before the best are chosen.
        min_score
            Hits with a lower score are left out.

        Raises
        ------
        OptionError
            If a filter has a value that is not allowed, or is by a field that no item has.
        FingerprintMismatchError
            If an index of another model was published while the query was embedded.
        ModelError, SourceError, OutputError
            If the model of the index is not there, no index is published, or the database fails.
        """
        check_k(k)
        version = self._index()
        filters = self._filters(where, version)
        if not k or not query.strip():
            return []
        vector = self._embedded(query, version)
        with told(self._address), self._connection.transaction():
            now = self._index()
            if now.fingerprint != version.fingerprint:
                raise FingerprintMismatchError(
                    f"the index is by {now.model} now, the query by {version.model}; ask again."
                )
            command = "SELECT * FROM {schema}.search(%s::real[], %s, %s::jsonb)"
            rows = self._execute(command, [vector, k, json.dumps(filters)])
        hits = [_hit(row) for row in rows]
        return [hit for hit in hits if min_score is None or hit.score >= min_score]

    def _embedded(self, query: str, version: Version) -> list[float]:
        model = (str(version.model), str(version.fingerprint))
        if model not in self._embedders:
            self._embedders[model] = self._find_embedder(*model)
        embeddings = self._embedders[model].embed([query], role="query")
        if embeddings.fingerprint != version.fingerprint:
            raise FingerprintMismatchError(
                f"the query was embedded by {embeddings.model}, the index by {version.model} in another space."
            )
        vector: list[float] = unit_rows(embeddings.vectors)[0].astype("float32").tolist()
        return vector

    def _filters(self, where: Where | None, version: Version) -> dict[str, list[str]]:
        filters = comparable(where or {})
        fields = [*(name for name in NAMES if name in version.fields), *sorted(set(version.fields) - set(NAMES))]
        for name, values in filters.items():
            if version.items and name not in NAMES and name not in fields:
                raise unknown_field(name, fields)
            filters[name] = [value for value in values if is_storable(value)]
        return filters

    def get(self, item_id: object, default: Any = ()) -> list[Entry]:
        """Return the related list of an item, best first, as `RelatedLists.get` does; `default` if it has none."""
        name = str(item_id)
        if not is_storable(name):
            return list(default)
        command = "SELECT related_id, title, url, score, via, more FROM {schema}.related WHERE id = %s ORDER BY rank"
        entries = [
            {"id": related, "title": title, "url": url, "score": score, "via": via, **(more or {})}
            for related, title, url, score, via, more in self._execute(command, [name])
        ]
        return entries or list(default)

    # Changing what is served.

    def rollback(self, kind: str) -> Version:
        """Serve the version before again, and return it. What has been hidden since stays hidden.

        The version that was served is then the one before: a second rollback goes forward again.

        Raises
        ------
        OptionError
            If there is no version before, or the kind is not "index" or "lists".
        OutputError
            If the database fails.

        Notes
        -----
        It does not wait for a publication that is loading; that one is served when it is loaded.
        """
        if kind not in KINDS:
            raise OptionError(f"the kind is {kind!r:.40}, expected one of {', '.join(KINDS)}.")
        with told(self._address), self._connection.transaction():
            self._execute(LOCK)
            states = {version.state: version.number for version in self.versions if version.kind == kind}
            if "previous" not in states:
                raise OptionError(f"no version of the {kind} before the served one is in {self._schema!r}.")
            change = "UPDATE {schema}.versions SET state = %s WHERE number = %s"
            self._execute(change, ["staged", states["live"]])
            self._execute(change, ["live", states["previous"]])
            self._execute(change, ["previous", states["live"]])
        return next(version for version in self.versions if (version.kind, version.state) == (kind, "live"))

    def remove(self, ids: Iterable[str]) -> list[str]:
        """Hide items at once, in every version and in those to come; return the ids that no version has."""
        names = self._checked(ids)
        self._execute(
            "INSERT INTO {schema}.removed (id, by) SELECT n, 'person' FROM unnest(%s::text[]) n "
            "WHERE NOT EXISTS (SELECT FROM {schema}.removed r WHERE r.id = n AND r.by = 'person')",
            [names],
        )
        query = "SELECT n FROM unnest(%s::text[]) n WHERE NOT EXISTS (SELECT FROM {schema}.all_items i WHERE i.id = n)"
        return [name for (name,) in self._execute(query, [names])]

    def restore(self, ids: Iterable[str]) -> list[str]:
        """Show items again that were hidden, by whatever; return the ids that were not hidden."""
        names = self._checked(ids)
        query = "DELETE FROM {schema}.removed WHERE id = ANY (%s) RETURNING id"
        shown = {name for (name,) in self._execute(query, [names])}
        return [name for name in names if name not in shown]

    def _checked(self, ids: Iterable[str]) -> list[str]:
        names = list(dict.fromkeys(ids))
        for name in names:
            if not is_storable(name):
                raise OptionError(f"the id {name!r:.80} has a character that PostgreSQL cannot hold.")
        return names


def open_published(to: str, *, schema: str = "recs", embedder: Embedder | None = None) -> Published:
    """Return what `recs publish` has put into a PostgreSQL database: search, related lists, rollback.

    Parameters
    ----------
    to, schema
        As in `publish_result`.
    embedder
        What embeds queries. If left out, the model of the index is loaded for the first query.

    Raises
    ------
    SourceError
        If the database cannot be reached, or nothing is published in the schema.
    OptionError, MissingDependencyError
        If the address cannot be used, or psycopg is not installed.

    Examples
    --------
    >>> open_published("localhost")
    Traceback (most recent call last):
    recs.errors.OptionError: the address of the database does not begin with postgresql://, \
expected postgresql://USER@HOST/DATABASE.
    """
    return Published(to, schema, matching_embedder if embedder is None else lambda *_: embedder)


def _hit(row: tuple[Any, ...]) -> Hit:
    name, title, url, score, start, stop, text = row
    rounded = round(float(score), ROUNDING)
    passage = None if start is None else Passage(name, start, stop, text, rounded)
    return Hit(name, title, url, rounded, passage, parts={"dense": rounded})
