"""Look over the segments of a site, or of all: for people, and for a pipeline that must stop."""

import json
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from apps.segments.findings import Finding, Severity
from apps.segments.linter import findings_of_site
from apps.segments.models import Segment


class Command(BaseCommand):
    """`lint_segments [--site KEY] [--json]`: exits with 1 when a segment has an error."""

    help = "Say what is wrong with segments: never met, the same as another, too small, too costly."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", help="key of a site; all sites without it")
        parser.add_argument("--json", action="store_true", help="one JSON object of all findings")

    def handle(self, *args: object, **options: object) -> None:
        sites = Segment.objects.order_by("site__key").values_list("site__key", "site_id").distinct()
        if options["site"] is not None:
            sites = sites.filter(site__key=options["site"])
            if not sites:
                raise CommandError(f"No site '{options['site']}' with segments.", returncode=2)
        found = {key: findings_of_site(site_id) for key, site_id in sites}
        if options["json"]:
            self.stdout.write(json.dumps(_documents(found), indent=2))
        else:
            self._tell(found)
        errors = sum(
            finding.severity is Severity.ERROR
            for segments in found.values()
            for findings in segments.values()
            for finding in findings
        )
        if errors:
            raise CommandError(f"{errors} errors.", returncode=1)

    def _tell(self, found: dict[str, dict[str, list[Finding]]]) -> None:
        for site, segments in found.items():
            for segment, findings in segments.items():
                for finding in findings:
                    at = f" at {finding.path}" if finding.path else ""
                    line = f"{site}/{segment}: {finding.severity}{at}: {finding.text}"
                    self.stdout.write(f"{line} [{finding.code}]")
        if not any(findings for segments in found.values() for findings in segments.values()):
            self.stdout.write("Nothing to say.")


def _documents(
    found: dict[str, dict[str, list[Finding]]],
) -> dict[str, dict[str, list[dict[str, object]]]]:
    return {
        site: {
            segment: [finding.document() for finding in findings]
            for segment, findings in segments.items()
        }
        for site, segments in found.items()
    }
