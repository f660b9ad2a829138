"""Segments over many profiles: refresh, increments and new segments against a bare GROUP BY."""
