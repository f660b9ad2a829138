from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "apps.consent"
    label = "consent"
    verbose_name = "Consent"

    def ready(self) -> None:
        from apps.consent import holding, selectors
        from apps.profiles import holders, parts

        holders.register(holding.HOLDER)
        parts.offer_part("consent", selectors.ledger_of)
