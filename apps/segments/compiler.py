"""Conditions as SQL, by its old name: see `apps.segments.sql`."""

from apps.segments.sql import CompiledQuery, compile_query

__all__ = ["CompiledQuery", "compile_query"]
