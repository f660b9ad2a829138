"""When what a publication says of a thing was frozen: it may have been written long before."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from apps.decisions import stored
from apps.decisions.manifests import Name
from apps.decisions.models import Publication, Release, ReleaseItem


class Origin(NamedTuple):
    """The publication with which a content came up; `item`: of its release, where it was one."""

    publication: Publication
    item: ReleaseItem | None

    @property
    def frozen_at(self) -> datetime:
        """An instant before which whatever was saved is in the content, or was written over."""
        release = self.publication.release
        if self.item is None or release is None:
            return self.publication.published_at
        # The drafts may have been taken in since: then some are asked who need not be.
        return release.created_at


class Origins:
    """Where the contents of some things came up in the publications of a site.

    Of these about as many are read as the number of all has binary digits.
    """

    def __init__(self, site_id: UUID, wanted: Mapping[Name, str]) -> None:
        """Take which contents are meant, by their names."""
        rows = Publication.objects.filter(site_id=site_id).order_by("number")
        self._rows = list(rows.defer("document", "manifest").select_related("release"))
        self._places = {row.number: place for place, row in enumerate(self._rows)}
        self._wanted = wanted
        self._read: dict[int, frozenset[Name]] = {}
        self._items: dict[UUID, dict[tuple[str, str, str], ReleaseItem]] = {}

    def of(self, name: Name, number: int) -> Origin | None:
        """Return where the content came up that a publication has; None: it is not known."""
        while number in self._places and self._has(self._places[number], name):
            came = self._rows[self._came_up(name, self._places[number])]
            if came.restores is not None:
                number = came.restores
                continue
            release = came.release
            if release is None:
                return Origin(came, None)
            item = self._items_of(release).get((*name, self._wanted[name]))
            if item is not None:
                return Origin(came, item)
            # The end of a release brings back what served before it.
            number = (release.published_number or 1) - 1
        return None

    def _items_of(self, release: Release) -> dict[tuple[str, str, str], ReleaseItem]:
        if release.pk not in self._items:
            self._items[release.pk] = {
                (one.kind, one.key, one.digest): one for one in release.items.all()
            }
        return self._items[release.pk]

    def _came_up(self, name: Name, place: int) -> int:
        """A place at which the content is there and was not just before: there it was new."""
        without, there = -1, place
        while there - without > 1:
            middle = (there + without) // 2
            if self._has(middle, name):
                there = middle
            else:
                without = middle
        return there

    def _has(self, place: int, name: Name) -> bool:
        """Whether the publication at a place says of a thing what is wanted."""
        if place not in self._read:
            manifest, _ = stored.readable(self._rows[place])
            self._read[place] = frozenset(
                one
                for one, content in self._wanted.items()
                if one in manifest and manifest[one].content == content
            )
        return name in self._read[place]


def frozen_at(
    publication: Publication, contents: Mapping[Name, str], *, is_next: bool
) -> dict[Name, datetime | None]:
    """Return since when nothing that was saved is missing in what a publication says, by name.

    None: it is not known. What an editor publishes is frozen by that; what a release holds, or an
    earlier publication, was frozen before.

    Args:
        is_next: these contents came with this publication, and with none before it.
    """
    release = publication.release
    if not is_next:
        pass
    elif publication.restores is None and release is None:
        return dict.fromkeys(contents, publication.published_at)
    elif release is not None and release.published_number in (None, publication.number):
        return dict.fromkeys(contents, release.created_at)
    origins = Origins(publication.site_id, contents)
    found = {name: origins.of(name, publication.number) for name in contents}
    return {name: None if one is None else one.frozen_at for name, one in found.items()}
