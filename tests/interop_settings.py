"""Settings of the Django project that is called from Node."""

from __future__ import annotations

ALLOWED_HOSTS = ["*"]
APPEND_SLASH = False
INSTALLED_APPS = ["sealgate.django", "rest_framework"]
MIDDLEWARE = ["sealgate.django.SignatureMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
REST_FRAMEWORK = {
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
ROOT_URLCONF = "interop_django"
SEALGATE = {"VERIFIER": "interop_django.PARTNERS"}
SECRET_KEY = "for tests only"
