"""Settings of the Django project below `/django`."""

from __future__ import annotations

ALLOWED_HOSTS = ["*"]
FORCE_SCRIPT_NAME = "/django"
INSTALLED_APPS = ["sealgate.django"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "sealgate.django.SignatureMiddleware"]
REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None}
ROOT_URLCONF = "served_links_django"
SEALGATE = {"VERIFIER": "served_views.PARTNERS"}
SECRET_KEY = "for tests only"
