"""The app of Django."""

from django.apps import AppConfig


class RecsConfig(AppConfig):
    """Its label is not the name of its folder, which is that of Django."""

    name = "recs.plugins.django"
    label = "recs"
    verbose_name = "Related pages"
    default = True
