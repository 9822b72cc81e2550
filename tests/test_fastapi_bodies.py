"""FastAPI: bodies, forms, uploads and streams are for the view as they were without a seal."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, File, Form, Request, UploadFile
from fastapi.responses import PlainTextResponse, StreamingResponse

from asgi_client import scope_of, signed
from fastapi_shop import HOST, Shop, get, post
from reference import Message
from sealgate import Verified


def test_view_can_read_the_raw_body_again() -> None:
    shop = Shop()

    @shop.app.post("/raw")
    async def raw(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    assert shop.send(signed(post("/raw", b"\x00\xff"))).content == b"\x00\xff"


def test_forms_still_parse() -> None:
    shop = Shop()

    @shop.app.post("/form")
    async def form(name: Annotated[str, Form()], verified: Annotated[Verified, Depends(shop.seal)]) -> str:
        return name

    kind = ("Content-Type", "application/x-www-form-urlencoded")
    assert shop.send(signed(Message("POST", "/form", [HOST, kind], b"name=Ada+L"))).json() == "Ada L"


def test_file_uploads_still_parse() -> None:
    shop = Shop()

    @shop.app.post("/upload")
    async def upload(file: Annotated[UploadFile, File()]) -> tuple[str | None, int]:
        return file.filename, len(await file.read())

    part = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n' + bytes(3000) + b"\r\n--x--\r\n"
    )
    kind = ("Content-Type", "multipart/form-data; boundary=x")
    assert shop.send(signed(Message("POST", "/upload", [HOST, kind], part))).json() == ["a.bin", 3000]


def test_streaming_responses_and_background_tasks_still_run() -> None:
    shop = Shop()

    @shop.app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b"%d" % number

        return StreamingResponse(parts())

    @shop.app.post("/later")
    async def later(tasks: BackgroundTasks) -> None:
        tasks.add_task(shop.ran.append, "task")

    assert shop.send(signed(get("/stream"))).content == b"012"
    assert shop.status(signed(post("/later"))) == 200
    assert shop.ran == ["task"]


def test_disconnect_reaches_a_streaming_response() -> None:
    shop = Shop()
    stopped = []

    @shop.app.get("/endless")
    async def endless() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"."
                    await asyncio.sleep(0)
            finally:
                stopped.append(True)

        return StreamingResponse(parts())

    sent: list[Any] = []

    async def drive() -> None:
        begun = asyncio.Event()
        events = iter([{"type": "http.request"}])

        async def receive() -> Any:
            for event in events:
                return event
            await begun.wait()
            return {"type": "http.disconnect"}

        async def send(event: Any) -> None:
            sent.append(event)
            if len(sent) > 3:
                begun.set()

        await asyncio.wait_for(shop.app(scope_of(signed(get("/endless"))), receive, send), 20)

    asyncio.run(drive())
    assert sent[0]["status"] == 200
    assert stopped == [True]
