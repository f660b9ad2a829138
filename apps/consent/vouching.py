"""Whether a site's silence is a yes: for what is done about a profile outside of any request.

A request has a source, and that has a mode; a profile has none. It is vouched for where a source of
the site may assume consent, or goes by a regime in which nobody has to ask first.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

_BY_SOURCES = """
SELECT FROM access_source vouching JOIN access_site vouched ON vouched.id = vouching.site_id
  WHERE vouched.id = {site} AND (
    vouching.consent_mode = 'assumed'
      AND (vouching.kind <> 'browser' OR vouched.regime = 'us_opt_out')
    OR vouching.consent_mode = 'by_regime'
      AND vouched.regime = 'us_opt_out' AND vouched.place_policy = 'fixed')
"""


def sql_vouched(site: str) -> str:
    """Return a condition of SQL: the site vouches for whoever has not been asked.

    Args:
        site: an expression of the site's id.
    """
    return f"EXISTS ({_BY_SOURCES.format(site=site).strip()})"


def vouched_sites(site_ids: Iterable[UUID]) -> set[UUID]:
    """Return those of the sites that vouch for whoever has not been asked. One statement."""
    vouched = sql_vouched("s.id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.id FROM access_site s WHERE s.id = ANY(%s::uuid[]) AND {vouched}",
            [[str(one) for one in site_ids]],
        )
        return {site_id for (site_id,) in cursor.fetchall()}
