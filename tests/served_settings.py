"""Settings of the served Django project; `runserver` takes its application from here."""

from __future__ import annotations

import os

ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["sealgate.django"]
MIDDLEWARE = [
    "served_django.by_scheme",
    "django.middleware.security.SecurityMiddleware",
    "sealgate.django.SignatureMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
ROOT_URLCONF = "served_django"
SEALGATE = {
    "VERIFIER": "served_views.PARTNERS",
    "ON_VERDICT": "served_views.judged",
    "SCRIPT_NAME": os.environ.get("SERVED_MOUNT", ""),
}
SECRET_KEY = "for tests only"
WSGI_APPLICATION = "served_wsgi.app"
