"""A program that speaks the engine's protocol and does what each request says: how a worker dies is data here."""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from pathlib import Path


def read() -> dict[str, object] | None:
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack(">I", head)
    body: dict[str, object] = json.loads(sys.stdin.buffer.read(size))
    return body


def write(body: object) -> None:
    raw = json.dumps(body).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(raw)) + raw)
    sys.stdout.buffer.flush()


def manifest(name: str) -> dict[str, object]:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    return {"manifests": [{"object": body, "file": "a.yaml", "line": 1}], "reads": [], "warnings": []}


def obey(request: dict[str, object]) -> None:
    number, params = request["id"], request["params"]
    assert isinstance(params, dict)
    if "journal" in params:
        with Path(params["journal"]).open("a") as journal:
            journal.write(f"{request['method']} {os.getpid()}\n")
    match params.get("do"):
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die once" if not Path(params["mark"]).exists():
            Path(params["mark"]).touch()
            os.kill(os.getpid(), signal.SIGSEGV)
        case "panic":
            sys.stderr.write("panic: the sky fell\n")
            sys.stderr.flush()
            os._exit(2)
        case "memory":
            write({"id": number, "error": {"code": "memory", "message": "more memory than 1 byte"}})
            os._exit(3)
        case "hold":
            return
        case "stuck":
            fault = {"code": "deadline", "message": "rendering was not ready after 1s", "worker": "stuck"}
            write({"id": number, "error": fault})
        case "environment":
            write({"id": number, "result": manifest(",".join(sorted(os.environ)) + f" {os.getcwd()} {os.getpgid(0)}")})
        case "garbage":
            sys.stdout.buffer.write(b"\xff\xff\xff\xff")
            sys.stdout.buffer.flush()
        case _:
            write({"id": number, "result": manifest(str(params.get("name", "made")))})


def main() -> None:
    protocol = int(sys.argv[1])
    if protocol == 0:
        sys.stdin.buffer.read()
        return
    write({"protocol": protocol, "version": "scripted"})
    while (request := read()) is not None:
        if request["method"] == "cancel":
            write({"id": request["id"], "result": {"cancelled": False}})
        else:
            obey(request)


main()
