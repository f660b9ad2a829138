from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "apps.privacy"
    label = "privacy"
    verbose_name = "Privacy"

    def ready(self) -> None:
        from django.db.models.signals import post_delete, post_save

        from apps.privacy import (
            certificates,
            forgetting,
            holding,
            mailing,
            reminding,
            request_log,
            restored,
            tasks_erasing,
            tasks_mail,
            tasks_requests,
            tasks_retention,
            trait_encryption,
        )
        from apps.profiles import holders
        from apps.work import attention, holding_back, ledgers, schedules

        attention.register(
            "privacy requests", permission="privacy.view_request", tell=reminding.notices
        )
        holders.register(holding.HOLDER)
        holders.register(mailing.HOLDER)
        for holder in forgetting.HOLDERS:
            holders.register(holder)
        ledgers.register(certificates.LEDGER)
        schedules.declare(
            "Go on erasing", task=tasks_erasing.go_on_erasing.name, every_s=300, queue="fast"
        )
        schedules.declare(
            "After erasures", task=tasks_erasing.after_erasures.name, crontab="41 3 * * *"
        )
        ledgers.register(request_log.LEDGER)
        schedules.declare(
            "Privacy requests", task=tasks_requests.look_after_requests.name, every_s=900
        )
        schedules.declare(
            "Retention", task=tasks_retention.run_retention.name, crontab="40 2 * * *"
        )
        schedules.declare("Close old messages", task=tasks_mail.close_messages.name, every_s=3600)
        holding_back.hold_while(restored.why_held)
        for changed in (post_save, post_delete):
            changed.connect(
                trait_encryption.follow, sender="profiles.TraitKind", dispatch_uid="privacy.kinds"
            )
