from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "apps.consent"
    label = "consent"
    verbose_name = "Consent"

    def ready(self) -> None:
        from apps.consent import disclosures, expiring, holding, sealed, selectors
        from apps.profiles import holders, parts
        from apps.work import ledgers, schedules

        assert expiring.RENEW  # its intents are performed wherever this app is
        holders.register(holding.HOLDER)
        holders.register(disclosures.HOLDER)
        ledgers.register(sealed.LEDGER)
        parts.offer_part("consent", selectors.ledger_of)
        schedules.declare("End consent whose time is over", task="consent.expire", every_s=60)
