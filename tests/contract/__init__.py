"""What every adapter must do: the same tests for all of them.

A test class inherits `WsgiContract` or `AsgiContract` (what closes every route) or `VerdictContract` (what gives a verdict
on the routes that ask for one), says how its application is built, and lists in `CANNOT` the promises that it cannot
keep, with what happens instead: the same test then asserts that. The promises, by the words of their tests:

the proof (VerdictContract, GateContract)
    signed request reaches the view which sees whose it is
    signed request without a body reaches the view
    every refusal is 401 before the view
    every 401 is the same answer
    401 of a gate asks for the message signature that it takes
    401 of a gate that takes no message signature asks for none
    head and options are closed and signed as themselves
    second time is a replay
    a refused request spends no nonce
    window is the same on both sides
    unknown key is refused like a wrong one
    another party is not the default
    store or key source that is down closes the service
    hostile octets in a field are a refusal and nothing else
    odd methods are a refusal and nothing else
    underscore twin of a covered field is refused
    reason is in one log record and not in the answer
    log record is one line whatever the path
signatures in other places (VerdictContract, GateContract)
    a derived key signs the authorization field
    a presigned target is taken until it ends
    a signed url is taken until it ends
    a signed url that is good once is taken once
    parameters behind a signed url are let through where they are named
    a signed upload is taken as it was signed
the target (VerdictContract, GateContract)
    percent encoded paths are verified and routed as sent
    another spelling of the path is another path
    odd targets are a refusal and nothing else
    path that is not the raw one is refused
    server without a raw target takes plain paths only
    application takes its own mount only
    not found and not allowed are told to signers only
the body (VerdictContract, GateContract)
    view reads the proven body in every way
    view reads the form that was signed
    large body arrives whole
    body of a signature that fails without it is not read
    unsigned body never reaches a parser
    malformed body is the frameworks to refuse once it is signed
    body of the limit passes and one byte more does not
    body declared over the limit is not read
    truncated body is refused
    broken connection is refused
    slow body is refused
    content length beside transfer encoding is refused
    content length that is no number is refused
    body added to a request that was signed without one is refused
rules (GateContract)
    exempt route is open and has no proof
    exempt route is closed for other methods
    exempt route reads no body and needs no store
    exempt route opens no other path
    after until the route is closed again
    class can be exempt and what derives from it is not
    required verifier replaces the default
    any of several verifiers proves
    body that one verifier has read is there for the next
    key that a route does not admit is 403
    uncovered query is taken where the route says so and nowhere else
    uncovered body is taken where the route says so and nowhere else
    rule of a group holds for what is in it
    innermost rule counts
    rule of a view does not follow it to another place
    every 401 of a rule is the public one
    403 is one answer that names no key
layers (GateContract)
    layer around it with the same verifier spends one nonce
    layer around it with another verifier counts besides
    layer around it is no proof for a route that requires another
    request changed behind the gate is refused
    exempt request moved to a closed route is refused
    cached answer is not given to an unsigned request
verdicts (GateContract)
    hook is told each verdict once with its route
    hook and log are told whose request it was
    each refusal is one log record with its route
    hook that fails changes no verdict
    exempt request is no verdict
report only (GateContract)
    report only lets through with the body intact
    report only gives back what was read
    report only lets large bodies through whole
    report only leaves what is proven and what is exempt as it is
    report only lets through whatever the refusal
    report only logs each request once
WSGI alone (WsgiContract)
    chunked body that the server does not terminate is refused
    transfer codings other than chunked are refused
    server that terminates no input hands over what is declared
    body after the declared one is left where it is
ASGI alone (AsgiContract)
    scope of an unknown type is refused
    unsigned websocket is not accepted
    coroutine key source and store are awaited
    client that has gone when it is answered does no harm
    trailers do not become fields of the request
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("contract.promise")

from contract.gate import GateContract, VerdictContract  # noqa: E402
from contract.interfaces import AsgiContract, WsgiContract  # noqa: E402
from contract.messages import FORM, HOOK, HOOKS, LOOK, ORDER, PARTNERS, REFUSED, UPLOAD, hooked, signed  # noqa: E402
from contract.promise import Instead  # noqa: E402
from contract.proofs import PUBLIC_BODY, PUBLIC_HEADERS, Down  # noqa: E402

__all__ = [
    "FORM",
    "HOOK",
    "HOOKS",
    "LOOK",
    "ORDER",
    "PARTNERS",
    "PUBLIC_BODY",
    "PUBLIC_HEADERS",
    "REFUSED",
    "UPLOAD",
    "AsgiContract",
    "Down",
    "GateContract",
    "Instead",
    "VerdictContract",
    "WsgiContract",
    "hooked",
    "signed",
]
