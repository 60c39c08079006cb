"""Writing very many rows of one table: COPY on PostgreSQL, executemany elsewhere; secondary indexes are made after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.db import DatabaseError, connection, models, transaction

AT_ONCE = 20_000
SQLITE_AT_ONCE = 64


def rows_per_transaction(wanted: int) -> int:
    """How many of so many rows a worker writes in one transaction: all, but few on SQLite, whose writers take turns."""
    return max(1, wanted if connection.vendor == "postgresql" else min(wanted, SQLITE_AT_ONCE))


def insert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows as tuples in the order of `columns` (names in the database). Values must suit the column as they are."""
    quote = connection.ops.quote_name
    names = ", ".join(map(quote, columns))
    table = quote(model._meta.db_table)
    if connection.vendor == "postgresql":
        _copy(f"COPY {table} ({names}) FROM STDIN", rows)
        return
    marks = ", ".join(["%s"] * len(columns))
    iterator = iter(rows)
    with connection.cursor() as cursor:
        while part := list(islice(iterator, AT_ONCE)):
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", part)  # noqa: S608  (constants)


def _copy(statement: str, rows: Iterable[Sequence[Any]]) -> None:
    with connection.cursor() as cursor, cursor.cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def next_ids(model: type[models.Model], count: int) -> range:
    """Ids for `count` new rows that nobody else will be given. Call it within the transaction that writes them."""
    last = model._default_manager.order_by("-pk").values_list("pk", flat=True).first() or 0
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [table])
            last = max(last, cursor.fetchone()[0])
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, last + count])
    return range(last + 1, last + 1 + count)


@contextmanager
def without_indexes(*tables: type[models.Model]) -> Iterator[None]:
    """Drop the declared indexes of these tables and make them again at the end: sorting once beats a million inserts
    in random places. Within one transaction, so that a failure leaves them as they were."""
    with transaction.atomic():
        _trust_references()
        editor = connection.schema_editor()
        indexes = [(model, index) for model in tables for index in model._meta.indexes]
        with connection.cursor() as cursor:
            for _, index in indexes:
                cursor.execute(f"DROP INDEX {connection.ops.quote_name(index.name)}")
            yield
            for model, index in indexes:
                cursor.execute(str(index.create_sql(model, editor)))


def _trust_references() -> None:
    """PostgreSQL checks each reference of each row at the end; where we may, we say that they are right."""
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
    except DatabaseError:  # only a superuser may
        return


def settle(*tables: type[models.Model]) -> None:
    """What PostgreSQL does by itself a little later: count these tables for its plans, and note what all may see. Call
    it outside of a transaction."""
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        return
    names = ", ".join(connection.ops.quote_name(model._meta.db_table) for model in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM (ANALYZE) {names}")
