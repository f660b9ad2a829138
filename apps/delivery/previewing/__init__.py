"""Previews: what would be shown to somebody else, at another time, by other content."""

from apps.delivery.previewing.answering import answer

__all__ = ["answer"]
