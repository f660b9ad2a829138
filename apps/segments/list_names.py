"""What entries of lists may name: identities and, by its hash, the address of whoever gave one."""

from typing import Final

EMAIL_KIND: Final = "email_sha256"
EMAIL_TRAIT: Final = "email"

_HASHED: Final = "encode(sha256(convert_to(lower(btrim({}, E' \\t\\r\\n')), 'UTF8')), 'hex')"


def emails(condition: str) -> str:
    """Return a query of (site_id, kind, value, profile_id): hashes of known addresses.

    An address is the trait `email`, or a user id that is one: trimmed and in lower case.

    Args:
        condition: SQL about `profile_id` or `site_id` that says whose.
    """
    return f"""
SELECT site_id, '{EMAIL_KIND}' AS kind, {_HASHED.format("address")} AS value, profile_id FROM (
  SELECT p.site_id, t.profile_id, t.value #>> '{{}}' AS address
  FROM profiles_trait t JOIN profiles_profile p ON p.id = t.profile_id
  WHERE t.key = '{EMAIL_TRAIT}' AND jsonb_typeof(t.value) = 'string'
  UNION ALL
  SELECT site_id, profile_id, value FROM profiles_identity
  WHERE kind = 'user_id' AND strpos(value, '@') > 1
) AS known WHERE {condition}"""


def names(condition: str) -> str:
    """Return a query of (site_id, kind, value, profile_id): identities and hashes of addresses."""
    return f"""
SELECT site_id, kind, value, profile_id FROM profiles_identity WHERE {condition}
UNION ALL {emails(condition)}"""
