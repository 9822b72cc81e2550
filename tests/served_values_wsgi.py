"""Sealed values behind Flask, Django's own views and forms, and Django REST framework; nothing else guards these."""

from __future__ import annotations

from typing import Any

import flask
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from werkzeug.middleware.dispatcher import DispatcherMiddleware

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATA_UPLOAD_MAX_MEMORY_SIZE=64 * 1024 * 1024,
    LOGGING_CONFIG=None,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
    ROOT_URLCONF="served_values_wsgi",
    SECRET_KEY="for tests only",
)
_django = get_wsgi_application()

from django import forms  # noqa: E402
from django.core.exceptions import ValidationError  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from sealgate import Rejected, Unavailable  # noqa: E402
from sealgate.rest_framework import SignedJSONField  # noqa: E402
from served_values import FILES, ONCE, ORDERS, saw  # noqa: E402

_flask = flask.Flask("shop")


@_flask.errorhandler(Rejected)
@_flask.errorhandler(Unavailable)
def _refused(error: Rejected | Unavailable) -> tuple[dict[str, str], int]:
    return {}, error.status


@_flask.post("/orders")
def _orders() -> Any:
    return flask.jsonify(saw("view", ORDERS.open_json(flask.request.get_data())))


@_flask.post("/parsed")
def _parsed() -> Any:
    return flask.jsonify(saw("view", ORDERS.open(flask.request.get_json())))


@_flask.post("/once")
def _once() -> Any:
    return flask.jsonify(saw("view", ONCE.open_json(flask.request.get_data())))


@_flask.route("/files/<name>", methods=["GET", "DELETE"])
def _file(name: str) -> Any:
    return flask.jsonify(saw("view", FILES.verify(flask.request.args["token"], name).subject))


class OrderForm(forms.Form):
    """Its fields are bound to a payload, which was proven before."""

    total = forms.IntegerField()
    sku = forms.CharField()

    def clean_total(self) -> int:
        return int(saw("field of a form", self.cleaned_data["total"]))

    def clean(self) -> dict[str, Any]:
        return dict(saw("form", super().clean() or {}))


def _answered(call: Any) -> JsonResponse:
    try:
        return JsonResponse(call(), safe=False)
    except (Rejected, Unavailable) as refused:
        return JsonResponse({}, status=refused.status)
    except ValidationError as invalid:
        return JsonResponse({"errors": invalid.messages}, status=422)


@csrf_exempt
def django_orders(request: HttpRequest) -> JsonResponse:
    return _answered(lambda: saw("view", ORDERS.open_json(request.body)))


@csrf_exempt
def django_once(request: HttpRequest) -> JsonResponse:
    return _answered(lambda: saw("view", ONCE.open_json(request.body)))


@csrf_exempt
def django_form(request: HttpRequest) -> JsonResponse:
    def clean() -> Any:
        form = OrderForm(ORDERS.open_json(request.POST["order"]))
        if not form.is_valid():
            raise ValidationError("form")
        return saw("view", form.cleaned_data)

    return _answered(clean)


def django_file(request: HttpRequest, name: str) -> JsonResponse:
    return _answered(lambda: saw("view", FILES.verify(request.GET["token"], name).subject))


class Watched(serializers.Serializer[Any]):
    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(saw("serializer", data))


class ItemSerializer(Watched):
    sku = serializers.CharField()

    def validate_sku(self, value: str) -> str:
        return str(saw("field", value))


class OrderSerializer(Watched):
    total = serializers.IntegerField()
    items = ItemSerializer(many=True, required=False)

    def validate(self, attrs: Any) -> Any:
        return saw("validator", attrs)


class Checkout(serializers.Serializer[Any]):
    order = SignedJSONField(ORDERS, serializer=OrderSerializer)


class CheckoutOnce(serializers.Serializer[Any]):
    order = SignedJSONField(ONCE, serializer=OrderSerializer)


class Nested(serializers.Serializer[Any]):
    """A serializer in a serializer, which has a list of them."""

    checkout = Checkout()
    more = Checkout(many=True, required=False)


class Orders(APIView):
    serializer_class: Any = Checkout
    many = False

    def post(self, request: Any) -> Response:
        serializer = self.serializer_class(data=request.data, many=self.many)
        serializer.is_valid(raise_exception=True)
        return Response(saw("view", serializer.validated_data))


urlpatterns = [
    path("orders", django_orders),
    path("once", django_once),
    path("form", django_form),
    path("files/<str:name>", django_file),
    path("drf/orders", Orders.as_view()),
    path("drf/many", Orders.as_view(many=True)),
    path("drf/nested", Orders.as_view(serializer_class=Nested)),
    path("drf/once", Orders.as_view(serializer_class=CheckoutOnce)),
]
app = DispatcherMiddleware(flask.Flask("nothing"), {"/flask": _flask, "/django": _django})
