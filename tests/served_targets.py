"""Targets and methods: as signed, and altered on the way."""

from __future__ import annotations

from reference import Message
from served_case import (
    AMBIGUOUS,
    BODY,
    CHUNKED,
    DIGEST,
    INVALID,
    MISSING,
    NO_LENGTH,
    NO_RAW_TARGET,
    OK,
    SERVER,
    UNCOVERED,
    But,
    Case,
    chunks,
    framed,
    get,
    line,
    on_wire,
    post,
)
from served_views import HOST

_HIDES = "hands over the decoded path only, where `%2F` and `/` are one"
_CANNOT_TELL = But(AMBIGUOUS, NO_RAW_TARGET, _HIDES)
_READS_ANOTHER = But(INVALID, NO_RAW_TARGET, _HIDES)
_ALIKE = But(OK, NO_RAW_TARGET, "decodes to the path that was signed, which is what the view is given")
_STRIPS = "granian uvicorn-httptools"
_STRICT = But(SERVER, "gunicorn waitress uvicorn hypercorn", "a target is visible ASCII (RFC 9112, 3.2)")

_SAME_EVERYWHERE = (
    "/",
    "/orders",
    "/~a",
    "/a//b",
    "/a/",
    "/a/../b",
    "/a/./b",
    "/a?",
    "/p?x=1&x=2&y=%zz&z=a+b",
    "/a?b?c=/",
)
_PERCENT = ("/a%20b", "/%C3%A9", "/a%252Fb", "/a%00b", "/a;b=c", "/a[b]'(c)*!$&,=:@+")
_UNRESERVED = ("/a%2Fb", "/a%2fb", "/%7Ea", "/%41", "/a/%2e%2e/b")

AS_SIGNED = [
    *(Case(f"{target} as signed", OK, get(target)) for target in _SAME_EVERYWHERE),
    *(Case(f"{target} as signed", OK, get(target), but=(_CANNOT_TELL,)) for target in _PERCENT),
    *(Case(f"{target} as signed", OK, get(target), but=(_READS_ANOTHER,)) for target in _UNRESERVED),
    *(
        Case(
            f"{target} as signed",
            OK,
            get(target),
            but=(But(SERVER, "granian", "no path has these octets (RFC 3986, 3.3)"), _CANNOT_TELL),
        )
        for target in ("/<a>", "/`")
    ),
    Case("a malformed escape", AMBIGUOUS, get("/a%zzb")),
    Case(
        "an escape that is not UTF-8",
        AMBIGUOUS,
        get("/%FF"),
        but=(
            *(
                But(OK, f"{server}/{app}", "a path of WSGI is octets")
                for server in ("gunicorn", "waitress")
                for app in ("wsgi", "flask")
            ),
        ),
    ),
    Case(
        "two slashes at the start",
        AMBIGUOUS,
        get("//a"),
        but=(But(INVALID, "runserver", "makes one slash of them, which nobody has signed"),),
    ),
    Case(
        "a fragment, signed",
        AMBIGUOUS,
        get("/a#b"),
        but=(But(INVALID, _STRIPS, "cuts the fragment off, which was signed"),),
    ),
    Case(
        "the absolute form, signed",
        AMBIGUOUS,
        get(f"http://{HOST}/a"),
        but=(But(INVALID, _STRIPS, "leaves the path alone, while the whole was signed"),),
    ),
    Case("the asterisk form, signed", AMBIGUOUS, Message("OPTIONS", "*", [("Host", HOST)])),
]

ALTERED = [
    Case("%2F is sent as /", INVALID, get("/a%2Fb"), line("GET /a/b HTTP/1.1")),
    Case("/ is sent as %2F", INVALID, get("/a/b"), line("GET /a%2Fb HTTP/1.1"), (_ALIKE,)),
    Case("~ is sent as %7E", INVALID, get("/~a"), line("GET /%7Ea HTTP/1.1"), (_ALIKE,)),
    Case("a letter is sent escaped", INVALID, get("/a"), line("GET /%61 HTTP/1.1"), (_ALIKE,)),
    Case("another case of the path", INVALID, get("/a"), line("GET /A HTTP/1.1")),
    Case("a slash at the end", INVALID, get("/a"), line("GET /a/ HTTP/1.1")),
    Case("a parameter of the path", INVALID, get("/a"), line("GET /a;b HTTP/1.1"), (_CANNOT_TELL,)),
    Case("dot segments before the signed path", INVALID, get("/b"), line("GET /a/../b HTTP/1.1")),
    Case("an escaped dot segment", INVALID, get("/b"), line("GET /a/%2e%2e/b HTTP/1.1")),
    Case(
        "a slash before the signed path",
        AMBIGUOUS,
        get("/a"),
        line("GET //a HTTP/1.1"),
        (But(OK, "runserver", "makes one slash of them: the view is given the path that was signed"),),
    ),
    Case(
        "no slash at the start",
        AMBIGUOUS,
        get("/a/b"),
        line("GET a/b HTTP/1.1"),
        (But(SERVER, "gunicorn granian uvicorn-httptools", "not a form of RFC 9112, 3.2"),),
    ),
    Case(
        "a slash that a framework moves to the start",
        AMBIGUOUS,
        get("/ab"),
        line("GET a/b HTTP/1.1"),
        (But(SERVER, "gunicorn granian uvicorn-httptools", "not a form of RFC 9112, 3.2"),),
    ),
    Case("an added query", INVALID, get("/a"), line("GET /a?x=1 HTTP/1.1")),
    Case("an empty query, which no server tells from none", OK, get("/a"), line("GET /a? HTTP/1.1")),
    Case("a query taken away", INVALID, get("/a?x=1"), line("GET /a HTTP/1.1")),
    Case("a query in another order", INVALID, get("/a?x=1&y=2"), line("GET /a?y=2&x=1 HTTP/1.1")),
    Case(
        "an added fragment",
        AMBIGUOUS,
        get("/a?x=1"),
        line("GET /a?x=1#b HTTP/1.1"),
        (But(OK, _STRIPS, "cuts the fragment off: the view is given what was signed"),),
    ),
    *(
        Case(
            f"the absolute form, {what}",
            AMBIGUOUS,
            get("/a"),
            line(f"GET {origin}/a HTTP/1.1"),
            (But(OK, _STRIPS, "leaves the path alone: the view is given what was signed, and the field Host"),),
        )
        for what, origin in (("unsigned", f"http://{HOST}"), ("of another host", "http://evil.example"))
    ),
    Case("the asterisk form for /", AMBIGUOUS, Message("OPTIONS", "/", [("Host", HOST)]), line("OPTIONS * HTTP/1.1")),
    Case("raw UTF-8 in the path", AMBIGUOUS, get("/%C3%A9"), line("GET /\xc3\xa9 HTTP/1.1"), (_STRICT,)),
    Case("raw UTF-8 in the query", AMBIGUOUS, get("/a?%C3%A9"), line("GET /a?\xc3\xa9 HTTP/1.1"), (_STRICT,)),
    Case(
        "a raw octet that is not UTF-8",
        SERVER,
        get("/%FF"),
        line("GET /\xff HTTP/1.1"),
        (But(AMBIGUOUS, "runserver", "reads any octet"),),
    ),
    Case(
        "a NUL in the path",
        SERVER,
        get("/a"),
        line("GET /a\0 HTTP/1.1"),
        (But(AMBIGUOUS, "waitress runserver", "reads any octet"),),
    ),
    Case("a blank in the path", SERVER, get("/a%20b"), line("GET /a b HTTP/1.1")),
]

_BREW = Message("BREW", "/a", [("Host", HOST)])
_HEAD = Message("HEAD", "/a", [("Host", HOST)])
_OPTIONS = Message("OPTIONS", "/a", [("Host", HOST)])
_LOWER = Message("post", "/orders", post().headers, BODY)
_KNOWN_ONLY = But(SERVER, "uvicorn-httptools", "knows a list of methods")
_CAPITALS = But(SERVER, "gunicorn waitress uvicorn-httptools", "takes methods in capitals only")
_WITH_A_BODY = Message("GET", "/a", [("Host", HOST)], BODY)

METHODS = [
    Case("HEAD as signed", OK, _HEAD),
    Case("OPTIONS as signed", OK, _OPTIONS),
    Case("a method of one's own", OK, _BREW, but=(_KNOWN_ONLY,)),
    Case("GET with a body", OK, _WITH_A_BODY),
    Case("GET with a body that is not covered", UNCOVERED, get("/a"), framed("Content-Length: 3\r\n", b"x=1")),
    Case("GET sent as HEAD", INVALID, get("/a"), line("HEAD /a HTTP/1.1")),
    Case("POST sent as PUT", INVALID, post(), line("PUT /orders HTTP/1.1")),
    Case(
        "POST sent as post",
        INVALID,
        post(),
        line("post /orders HTTP/1.1"),
        (
            _CAPITALS,
            But(OK, "hypercorn", "writes methods in capitals, as it was signed"),
            But(
                AMBIGUOUS, "/django /flask", "the framework writes methods in capitals: it reads another one than came"
            ),
        ),
    ),
    Case(
        "post as signed",
        OK,
        _LOWER,
        but=(
            _CAPITALS,
            But(INVALID, "hypercorn", "writes methods in capitals, which nobody has signed"),
            But(AMBIGUOUS, "/django /flask", "the framework writes methods in capitals, which nobody has signed"),
            But("405 by the framework", "/fastapi", "methods are case-sensitive (RFC 9110, 9.1)"),
        ),
    ),
    Case("post sent as POST", INVALID, _LOWER, line("POST /orders HTTP/1.1")),
    *(
        Case(f"{method} unsigned", MISSING, Message(method, "/a", [("Host", HOST)]), unsigned=True)
        for method in ("GET", "HEAD", "OPTIONS", "TRACE", "DELETE")
    ),
    Case(
        "CONNECT unsigned",
        MISSING,
        Message("CONNECT", f"{HOST}:443", [("Host", HOST)]),
        but=(But(SERVER, "uvicorn-httptools", "is no proxy"),),
        unsigned=True,
    ),
    Case("POST unsigned", MISSING, post(), unsigned=True),
    Case("HTTP/1.0", OK, post(), line("POST /orders HTTP/1.0")),
    Case("HTTP/1.0 unsigned", MISSING, post(), line("POST /orders HTTP/1.0"), unsigned=True),
    Case(
        "HTTP/1.0 with chunks",
        OK,
        post(),
        lambda message: on_wire(message, line="POST /orders HTTP/1.0", framing=CHUNKED, payload=chunks(BODY)),
        (
            But(SERVER, "gunicorn granian", "HTTP/1.0 has no chunks (RFC 9112, 6.1)"),
            But(DIGEST, "waitress", "HTTP/1.0 has no chunks, so there is no body"),
            But(NO_LENGTH, "runserver", "knows no chunks"),
        ),
    ),
]
