from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    name = "apps.experiments"
    label = "experiments"
    verbose_name = "Experiments"

    def ready(self) -> None:
        from apps.consent import withdrawing
        from apps.experiments import personal_data
        from apps.profiles import holders
        from apps.work import schedules

        holders.register(personal_data.HOLDER)
        withdrawing.register(personal_data.CLEARING)
        schedules.declare("Count experiments", task="experiments.refresh_all", every_s=300)
