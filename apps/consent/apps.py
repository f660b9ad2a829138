from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "apps.consent"
    label = "consent"
    verbose_name = "Consent"

    def ready(self) -> None:
        from apps.consent import holding, sealed, selectors
        from apps.profiles import holders, parts
        from apps.work import ledgers

        holders.register(holding.HOLDER)
        ledgers.register(sealed.LEDGER)
        parts.offer_part("consent", selectors.ledger_of)
