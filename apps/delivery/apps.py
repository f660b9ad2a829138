from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "apps.delivery"
    label = "delivery"
    verbose_name = "Delivery"

    def ready(self) -> None:
        from apps.delivery import receivers, tasks  # noqa: F401  # tasks carry out intents

        receivers.connect()
