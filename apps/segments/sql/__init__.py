"""Conditions as SQL: one Postgres statement answers them for many (profile, instant) pairs.

The same three-valued meaning as `engine.conditions.evaluate`, which SQL's NULL has by nature.
`query` assembles the statement; each other module writes one kind of part; what only Postgres
says in this way is in `dialect`.
"""

from apps.segments.sql.query import CompiledQuery, compile_query

__all__ = ["CompiledQuery", "compile_query"]
