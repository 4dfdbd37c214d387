"""What a schema of recs has in PostgreSQL: tables of versions, views of what is served, and a function that searches.

A statement that reads a view, or calls the function, sees the version that is live in its snapshot, and no other one.
The text of an item that was removed is in the tables until its version is dropped; no view shows it. Readers need
rights on the views and the function alone: both run with the rights of the role that published.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TypeAlias

from recs.errors import RecsError

FORMAT = "recs.postgres/1"

LARGEST_EXACT = 20_000
"""If the items that fit the filters have no more passages, a search compares all of them; else it uses the index."""

Columns: TypeAlias = tuple[tuple[str, str], ...]
"""The names and the types of columns, the version first."""

ITEM_COLUMNS: Columns = (
    ("version", "int8"),
    ("row", "int4"),
    ("id", "text"),
    ("title", "text"),
    ("url", "text"),
    ("lang", "text"),
    ("published", "text"),
    ("day", "text"),
    ("tags", "text[]"),
    ("category", "text"),
    ("series", "text"),
    ("excerpt", "text"),
    ("image", "text"),
    ("text", "text"),
    ("fields", "jsonb"),
    ("facets", "int8[]"),
)
LIST_COLUMNS: Columns = (
    ("version", "int8"),
    ("id", "text"),
    ("rank", "int4"),
    ("related_id", "text"),
    ("title", "text"),
    ("url", "text"),
    ("score", "float8"),
    ("via", "text"),
    ("more", "jsonb"),
)


def _columns(columns: Columns) -> str:
    return ", ".join(f'"{name}" {kind}' + (' COLLATE "C"' if kind == "text" else "") for name, kind in columns)


TABLES = f"""
CREATE TABLE {{schema}}.versions (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('lists', 'index')),
    state text NOT NULL CHECK (state IN ('staged', 'live', 'previous', 'old')),
    source text NOT NULL,
    items integer NOT NULL DEFAULT 0,
    rows integer NOT NULL DEFAULT 0,
    digest text,
    model text,
    fingerprint text,
    dim integer,
    storage text,
    fields text[] NOT NULL DEFAULT '{{{{}}}}',
    made timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX ON {{schema}}.versions (kind) WHERE state = 'live';
CREATE TABLE {{schema}}.removed (
    id text COLLATE "C" NOT NULL,
    by text NOT NULL CHECK (by IN ('person', 'lists', 'index')),
    since timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON {{schema}}.removed USING hash (id);
CREATE TABLE {{schema}}.all_items ({_columns(ITEM_COLUMNS)}) PARTITION BY LIST (version);
CREATE TABLE {{schema}}.all_lists ({_columns(LIST_COLUMNS)}) PARTITION BY LIST (version);
"""

VIEWS = """
CREATE OR REPLACE VIEW {schema}.served AS
SELECT number, kind, state, items, rows, model, fingerprint, dim, storage, fields, made
FROM {schema}.versions WHERE state IN ('live', 'previous');

CREATE OR REPLACE VIEW {schema}.items WITH (security_barrier) AS
SELECT i.id, i.title, i.url, i.lang, i.published, i.tags, i.category, i.series, i.excerpt, i.image, i.text, i.fields
FROM {schema}.all_items i
WHERE i.version = (SELECT number FROM {schema}.versions WHERE kind = 'index' AND state = 'live')
  AND NOT EXISTS (SELECT FROM {schema}.removed r WHERE r.id = i.id);

CREATE OR REPLACE VIEW {schema}.related WITH (security_barrier) AS
SELECT l.id, l.rank, l.related_id, l.title, l.url, l.score, l.via, l.more
FROM {schema}.all_lists l
WHERE l.version = (SELECT number FROM {schema}.versions WHERE kind = 'lists' AND state = 'live')
  AND NOT EXISTS (SELECT FROM {schema}.removed r WHERE r.id = l.id)
  AND NOT EXISTS (SELECT FROM {schema}.removed r WHERE r.id = l.related_id);

CREATE OR REPLACE FUNCTION {schema}.facet(name text, value text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ('x' || substr(encode(sha256(convert_to(name || chr(31) || value, 'UTF8')), 'hex'), 1, 16))::bit(64)::bigint;
"""

# What fits the filters: a text of SQL, whose values are quoted by format('%L').
_CONDITION = """
    FOR field, wanted IN SELECT * FROM jsonb_each(filters) LOOP
        vals := ARRAY(SELECT jsonb_array_elements_text(
            CASE jsonb_typeof(wanted) WHEN 'array' THEN wanted ELSE jsonb_build_array(wanted) END));
        IF field = 'since' THEN
            fits := fits || format(' AND i.day >= %L', (SELECT min(v COLLATE "C") FROM unnest(vals) v));
        ELSIF field = 'until' THEN
            fits := fits || format(' AND EXISTS (SELECT FROM unnest(%L::text[]) d
                WHERE left(i.day, length(d)) <= d COLLATE "C")', vals);
        ELSIF field IN ('tag', 'category', 'series', 'lang') OR field = ANY (live.fields) THEN
            fits := fits || format(' AND i.facets && %L::bigint[]',
                ARRAY(SELECT {schema}.facet(field, v) FROM unnest(vals) v));
        ELSE
            RAISE EXCEPTION 'no item has a field % to filter by', quote_literal(left(field, 40))
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;"""

# The items whose best passages are nearest: of all passages of items that fit, or of the first ones that the index
# finds. It finds them nearly in their order (relaxed_order), so more of them are sorted than are asked for. If what
# fits is far from the query, strict_order has about half of the best ten, and this nearly all (docs/benchmarks.md).
# The names of the tables have the number of the version, so this is planned at each call.
_NEAREST = """
        EXECUTE format(
            'SELECT array_agg("row"), array_agg(distance), max(of_all) FROM (
                SELECT "row", min(distance) AS distance, sum(count(*)) OVER () AS of_all FROM (
                    SELECT p."row", p.v OPERATOR({vectors}.<#>) $1::{vectors}.%1$s(%2$s) AS distance
                    FROM {schema}.%3$I p JOIN {schema}.%4$I i ON i."row" = p."row" WHERE %5$s %6$s) candidates
                GROUP BY "row" ORDER BY round(min(distance)::numeric, 6), "row" LIMIT $2) nearest',
            live.storage, live.dim, passages, table_of_items, fits, first_ones)
        INTO best, distances, compared USING query, k;"""

SEARCH = f"""
CREATE OR REPLACE FUNCTION {{schema}}.search(query real[], k integer DEFAULT 10, filters jsonb DEFAULT '{{{{}}}}')
RETURNS TABLE (id text, title text, url text, score double precision, start integer, stop integer, passage text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET hnsw.iterative_scan = relaxed_order
SET hnsw.ef_search = 200
SET hnsw.max_scan_tuples = 40000
SET enable_hashjoin = on
SET enable_mergejoin = on
AS $search$
#variable_conflict use_column
DECLARE
    live record;
    field text;
    wanted jsonb;
    vals text[];
    fits text := 'NOT EXISTS (SELECT FROM {{schema}}.removed r WHERE r.id = i.id)';
    passages text;
    table_of_items text;
    few bigint;
    fitting bigint;
    wanted_rows bigint;
    first_ones text := '';
    compared bigint := 0;
    best integer[];
    distances double precision[];
BEGIN
    SELECT v.number, v.items, v.rows, v.dim, v.storage, v.fields INTO live
    FROM {{schema}}.versions v WHERE v.kind = 'index' AND v.state = 'live';
    IF NOT FOUND OR k < 1 OR live.items = 0 THEN
        RETURN;
    END IF;
    IF cardinality(query) IS DISTINCT FROM live.dim THEN
        RAISE EXCEPTION 'the query has % dimensions, the index has %', cardinality(query), live.dim
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    passages := 'passages_' || live.number;
    table_of_items := 'items_' || live.number;{_CONDITION}
    few := {LARGEST_EXACT}::bigint * live.items / greatest(live.rows, 1);
    fitting := live.items;
    IF fitting > few AND filters <> '{{{{}}}}' THEN
        EXECUTE format('SELECT count(*) FROM (SELECT FROM {{schema}}.%I i WHERE %s LIMIT %s) AS fitting_items',
            table_of_items, fits, few + 1) INTO fitting;
    END IF;
    wanted_rows := CASE filters WHEN '{{{{}}}}' THEN 200 ELSE 800 END + 10 * k;
    IF fitting > few AND k <= 1000 THEN
        first_ones := format('ORDER BY p.v OPERATOR({{vectors}}.<#>) $1::{{vectors}}.%s(%s) LIMIT %s',
            live.storage, live.dim, wanted_rows);
        PERFORM set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true);{_NEAREST}
        PERFORM set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true);
    END IF;
    -- All that fits, if it is little, or if the index gave up before it had found enough.
    IF first_ones = '' OR coalesce(compared, 0) < wanted_rows OR cardinality(best) < k THEN
        first_ones := '';{_NEAREST}
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT i.id, i.title, i.url, -b.distance, p.start, p.stop, substr(i.text, p.start + 1, p.stop - p.start)
         FROM unnest($2, $3) AS b("row", distance) JOIN {{schema}}.%1$I i ON i."row" = b."row"
         LEFT JOIN LATERAL (
            SELECT p.start, p.stop FROM {{schema}}.%2$I p WHERE p."row" = b."row" AND p.stop > p.start
            ORDER BY (p.v OPERATOR({{vectors}}.<#>) $1::{{vectors}}.%3$s(%4$s)) + 0, p.start LIMIT 1) p ON true
         ORDER BY round(b.distance::numeric, 6), b."row"',
        table_of_items, passages, live.storage, live.dim) USING query, best, distances;
END
$search$;
"""

REPLACED = f"{VIEWS}{SEARCH}REVOKE ALL ON FUNCTION {{schema}}.search(real[], integer, jsonb) FROM PUBLIC;"
COMMENT = f"{FORMAT} {sha256(REPLACED.encode()).hexdigest()[:12]}"
"""The comment of a schema: its format, and a digest of what is made anew if it changes."""

LOCK = "LOCK TABLE {schema}.versions IN SHARE ROW EXCLUSIVE MODE"
"""Before another version is served: one of these at a time. Readers go on."""

_OF_ROWS = 'CREATE INDEX ON {schema}.{passages} ("row")'
_OF_VECTORS = "CREATE INDEX ON {schema}.{passages} USING hnsw"
_GRAPH = "WITH (m = 16, ef_construction = 64)"
INDEXES = {
    "items": (
        'CREATE UNIQUE INDEX ON {schema}.{items} ("row")',
        "CREATE INDEX ON {schema}.{items} USING hash (id)",
        "CREATE INDEX ON {schema}.{items} (day)",
        "CREATE INDEX ON {schema}.{items} USING gin (facets)",
    ),
    "lists": ("CREATE INDEX ON {schema}.{lists} USING hash (id)",),
    "vector": (_OF_ROWS, f"{_OF_VECTORS} (v {{vectors}}.vector_ip_ops) {_GRAPH}"),
    "halfvec": (_OF_ROWS, f"{_OF_VECTORS} (v {{vectors}}.halfvec_ip_ops) {_GRAPH}"),
}
"""By what a version has, the indexes of its tables. A hash, since an id may be longer than a B-tree allows."""


def tables_of_version(number: int, storage: str | None, dim: int) -> str:
    """Return the SQL that makes the tables of a version: of lists, or of vectors if there is a `storage` for them."""
    items = f"CREATE TABLE {{schema}}.{{items}} (LIKE {{schema}}.all_items, CHECK (version = {number}));"
    if storage is None:
        return items + f"CREATE TABLE {{schema}}.{{lists}} (LIKE {{schema}}.all_lists, CHECK (version = {number}));"
    return items + (
        'CREATE TABLE {schema}.{passages} ("row" int4 NOT NULL, start int4 NOT NULL, stop int4 NOT NULL, '
        f"v {{vectors}}.{storage}({dim}) NOT NULL);"
    )


def is_own(comment: object) -> bool:
    """Whether the schema with a comment was made by recs; `RecsError` if by a newer one.

    Examples
    --------
    >>> is_own(COMMENT), is_own(None)
    (True, False)
    """
    made_with = str(comment or "").partition(" ")[0]
    if made_with.startswith("recs.postgres/") and made_with != FORMAT:
        raise RecsError(f"the schema has the format {made_with[:40]!r}, expected {FORMAT!r}; upgrade recs.")
    return made_with == FORMAT
