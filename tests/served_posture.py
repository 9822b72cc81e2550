"""An application that tells its own posture, as a server runs it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from flask import Flask

from judged import RFC9421
from sealgate.fastapi import Sealgate as AsgiSealgate
from sealgate.fastapi import exempt
from sealgate.flask import Sealgate
from sealgate.posture import application_of, posture

app = Flask(__name__)
seal = Sealgate(app, RFC9421.verifier())
asgi = FastAPI()
AsgiSealgate(asgi, RFC9421.verifier())


def told(application: Any) -> dict[str, Any]:
    return {finding.id: [finding.state, finding.evidence] for finding in posture(application_of(application))}


@app.get("/")
@seal.exempt("it is what the test asks for")
def of_flask() -> dict[str, Any]:
    return told(app)


@asgi.get("/")
@exempt("it is what the test asks for")
def of_fastapi() -> dict[str, Any]:
    return told(asgi)
