"""The application `sealgate.django` of INSTALLED_APPS."""

from django.apps import AppConfig

__all__ = ["SealgateConfig"]


class SealgateConfig(AppConfig):
    """Without models; the label is not `django`, which the module's last name would give."""

    name = "sealgate.django"
    label = "sealgate"
    verbose_name = "sealgate"
