from django.apps import AppConfig
from django.db.models.signals import post_save


class SegmentsConfig(AppConfig):
    name = "apps.segments"
    label = "segments"
    verbose_name = "Segments"

    def ready(self) -> None:
        from apps.consent import withdrawing
        from apps.predictions.types import register_watch
        from apps.profiles import holders, parts, state
        from apps.segments import (
            clearing,
            explained_reads,
            nesting,
            personal,
            receivers,
            scores_read,
            stays,
            tasks,
        )
        from apps.segments.studies import computed_values
        from apps.segments.types import register_usage
        from apps.work import schedules

        holders.register(personal.HOLDER)
        withdrawing.register(clearing.CLEARING)
        state.read_inside_with(stays.numbers_inside)
        post_save.connect(
            receivers.follow_time_zone, sender="access.Site", dispatch_uid="segments.time_zone"
        )
        post_save.connect(
            scores_read.follow_model, sender="predictions.ModelSpec", dispatch_uid="segments.online"
        )
        register_watch(scores_read.watched)
        parts.offer_part("segments", explained_reads.segments_part)
        plain = parts.reader_of("traits")
        assert plain is not None, "profiles come before segments in INSTALLED_APPS"
        parts.offer_part("traits", computed_values.with_computed(plain))
        parts.offer_part("computed", computed_values.computed_part)
        register_usage(nesting.HOLDER)
        schedules.declare("Refresh segments", task=tasks.refresh_all.name, every_s=900)
        schedules.declare(
            "Refresh segments at their own cadence", task=tasks.refresh_due.name, every_s=60
        )
        schedules.declare("Audit memberships", task=tasks.audit.name, every_s=86_400)
        schedules.declare("Apply uploaded lists", task=tasks.apply_lists.name, every_s=60)
        schedules.declare("Propose thresholds again", task=tasks.look_again.name, every_s=3600)
