from django.apps import AppConfig

from curation import logs


class CurationConfig(AppConfig):
    name = "curation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        logs.configure()
