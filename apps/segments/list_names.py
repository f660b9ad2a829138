"""What entries of lists may name: identities, and the address of whoever gave one.

An address is known by its keyed digest, in the index of contacts and in the lists alike: nobody
who reads either can tell whose it is.
"""

from typing import Final

EMAIL_KIND: Final = "email_sha256"
# Of a trait's name, as profiles.trait_kinds has it: email, e_mail, emailAddress.
IS_EMAIL: Final = "lower(regexp_replace(key, '[^[:alnum:]]', '', 'g')) IN ('email', 'emailaddress')"


def emails(condition: str) -> str:
    """Return a query of (site_id, kind, value, profile_id): the addresses that people gave.

    Args:
        condition: SQL about `profile_id` or `site_id` that says whose.
    """
    return f"""
SELECT site_id, '{EMAIL_KIND}' AS kind, replace(digest::text, '-', '') AS value, profile_id
FROM profiles_contact WHERE kind = 'email' AND {condition}"""


def names(condition: str) -> str:
    """Return a query of (site_id, kind, value, profile_id): identities and digests of addresses."""
    return f"""
SELECT site_id, kind, value, profile_id FROM profiles_identity
WHERE kind <> '{EMAIL_KIND}' AND {condition}
UNION ALL {emails(condition)}"""
