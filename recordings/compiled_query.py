"""A queryset that is compiled to SQL once for the process, and run many times with other values.

Compiling the SQL of a row with its account and that account's parent costs more than all else that a callback does:
milliseconds, where the database needs a tenth of one. The compiler and the converters are Django's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.query import get_related_populators

Row = TypeVar("Row", bound=models.Model)
_populators: Any = get_related_populators  # the stubs are of another version


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    parameters: Sequence[Any]
    compiler: Any
    converters: Any
    columns: list[str]
    own: slice
    related: Any


class CompiledQuery(Generic[Row]):
    """Rows of `make(*examples)`, where other values take the examples' place.

    The examples are different from each other and from any other value of the query, of the type that the column has,
    and never None: a comparison with NULL is other SQL. A query that locks is first run inside a transaction.
    """

    def __init__(self, make: Callable[..., models.QuerySet[Any]], *examples: Any) -> None:
        self._make, self._examples = make, examples
        self._compiled: _Compiled | None = None

    def all(self, *values: Any) -> list[Row]:
        """Return the rows for these values, given in the order of the examples."""
        # Two threads may both compile it: the same twice.
        made = self._compiled = self._compiled or self._compile()
        given = dict(zip(self._examples, values, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(made.sql, [given.get(one, one) for one in made.parameters])
            found: Any = cursor.fetchall()
        if made.converters:
            found = made.compiler.apply_converters(found, made.converters)
        return [self._instance(made, row) for row in found]

    def first(self, *values: Any) -> Row | None:
        """Return the first row, None where there is none."""
        return next(iter(self.all(*values)), None)

    def _compile(self) -> _Compiled:
        compiler = cast("Any", self._make(*self._examples).query.get_compiler(DEFAULT_DB_ALIAS))
        sql, parameters = compiler.as_sql()
        places = compiler.klass_info["select_fields"]
        own = slice(places[0], places[-1] + 1)
        return _Compiled(
            sql=sql,
            parameters=parameters,
            compiler=compiler,
            converters=compiler.get_converters([column[0] for column in compiler.select]),
            columns=[column[0].target.attname for column in compiler.select[own]],
            own=own,
            related=_populators(compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS),
        )

    @staticmethod
    def _instance(made: _Compiled, row: Sequence[Any]) -> Row:
        model: type[Row] = made.compiler.klass_info["model"]
        instance = model.from_db(DEFAULT_DB_ALIAS, made.columns, row[made.own])
        for populator in made.related:
            populator.populate(row, instance)
        return instance
