"""Intent and schedule doors of the studio's long work."""

from datetime import datetime

from celery import shared_task

from apps.decisions import trials
from apps.experiments import what_ifs
from apps.studio import audit, dry_run_page, selectors
from apps.work import clock
from apps.work import services as work


@work.performs(trials.KIND)
def dry_run(task: work.Work, now: datetime) -> None:
    """Carry out a dry run that a page asked for."""
    dry_run_page.perform(task, now)


@work.performs(what_ifs.KIND)
def what_if(task: work.Work, now: datetime) -> None:
    """Work out what another rule would have earned."""
    from apps.studio.experiments import what_if_work  # numpy

    what_if_work.perform(task, now)


@work.performs(audit.KIND)
def look_through(task: work.Work, now: datetime) -> None:
    """Carry out an audit of a site's content."""
    audit.perform(task, now)


@shared_task(name="studio.audit_all")  # type: ignore[untyped-decorator]  # celery has no types
def audit_all() -> None:
    """Ask for an audit of every site's content (beat)."""
    now = clock.now()
    for site in selectors.sites():
        audit.ask(site.id, now)
