"""Settings of the Django project that takes large uploads."""

from __future__ import annotations

ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["sealgate.django"]
MIDDLEWARE = ["sealgate.django.SignatureMiddleware"]
ROOT_URLCONF = "served_uploads"
SEALGATE = {"VERIFIER": "served_uploads.VERIFIER"}
SECRET_KEY = "for tests only"
