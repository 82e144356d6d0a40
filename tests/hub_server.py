"""A small Hugging Face hub on the loopback address: what huggingface_hub asks for, and no more.

Repositories are kept in memory. Who asks without the one token that is known sees neither private
nor gated ones.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "hf_onlyfortests"


@dataclass
class Repo:
    files: dict[str, bytes] = field(default_factory=dict)
    private: bool = False
    gated: bool = False

    @property
    def commit(self) -> str:
        """Follows from the files, as a commit does."""
        parts = [name.encode() + hashlib.sha1(data).digest() for name, data in self.files.items()]
        return hashlib.sha1(b"".join(sorted(parts))).hexdigest()


@dataclass
class Hub:
    """Attributes tell the server how to behave and what it has seen."""

    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    refuses_commits: bool = False
    seconds_a_piece: float = 0.0

    def add(self, name: str, folder: Path, **how: bool) -> Repo:
        """A repository with the files of a folder."""
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        self.repos[name] = Repo(files, **how)
        return self.repos[name]

    def downloads(self) -> list[str]:
        """Names of the files that were fetched."""
        return [
            path.split("/resolve/")[1].split("/", 1)[1]
            for method, path in self.requests
            if method == "GET" and "/resolve/" in path
        ]

    def env(self, home: Path, **more: str) -> dict[str, str]:
        """What makes a process ask this hub, with a cache of its own."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            **more,
        }


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path))
        self.body = self._read()
        try:
            self._route(path)
        except Refusal as refusal:
            self._send(
                json.dumps({"error": refusal.message}).encode(),
                status=refusal.status,
                headers={"X-Error-Code": refusal.code, "X-Error-Message": refusal.message},
            )

    def _read(self) -> bytes:
        """The request's body, which comes in chunks where its length is not known before."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _route(self, path: str) -> None:
        if path == "/api/repos/create":
            self._create()
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path.endswith("/info/lfs/objects/batch"):
            self._lfs_batch()
        elif path.startswith("/blobs/"):
            self.hub.blobs[path.rsplit("/", maxsplit=1)[-1]] = self.body
            self._json({})
        elif path.startswith("/api/models/"):
            self._api(path.removeprefix("/api/models/").split("/"))
        elif "/resolve/" in path:
            self._resolve(*path[1:].split("/resolve/"))
        else:
            raise Refusal(404, "", f"no such page: {path}")

    def _knows(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _repo(self, name: str) -> Repo:
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and not self._knows()):
            raise Refusal(404 if self._knows() else 401, "RepoNotFound", "Repository not found")
        return repo

    def _create(self) -> None:
        if not self._knows():
            raise Refusal(401, "", "Invalid username or password.")
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or 'tester'}/{asked['name']}"
        if name in self.hub.repos:
            self._json({"url": f"{self.hub.url}/{name}"}, status=409)
            return
        self.hub.repos[name] = Repo(private=asked.get("visibility") == "private")
        self._json({"url": f"{self.hub.url}/{name}", "name": name})

    def _api(self, parts: list[str]) -> None:
        name, rest = "/".join(parts[:2]), parts[2:]
        repo = self._repo(name)
        if rest[:1] == ["preupload"]:
            files = json.loads(self.body)["files"]
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for file in files
            ]
            self._json({"files": modes})
        elif rest[:1] == ["commit"]:
            self._commit(name, repo)
        elif rest[:1] == ["tree"]:
            self._json([self._entry(path, data) for path, data in repo.files.items()])
        else:
            self._info(name, repo, rest[1] if rest[:1] == ["revision"] else "main")

    def _info(self, name: str, repo: Repo, revision: str) -> None:
        if revision not in ("main", repo.commit):
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        siblings = [{"rfilename": path} for path in repo.files]
        told = {"id": name, "modelId": name, "sha": repo.commit, "private": repo.private}
        self._json({**told, "gated": "manual" if repo.gated else False, "siblings": siblings})

    def _entry(self, path: str, data: bytes) -> dict[str, object]:
        entry = {"type": "file", "path": path, "size": len(data), "oid": _blob_id(data)}
        if path.endswith(".safetensors"):
            digest = hashlib.sha256(data).hexdigest()
            entry["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 100}
        return entry

    def _resolve(self, name: str, rest: str) -> None:
        repo = self._repo(name)
        revision, path = rest.split("/", 1)
        if repo.gated and not self._knows():
            raise Refusal(401, "GatedRepo", f"Access to model {name} is restricted.")
        if revision not in ("main", repo.commit):
            raise Refusal(404, "RevisionNotFound", "Invalid rev id")
        if path not in repo.files:
            raise Refusal(404, "EntryNotFound", "Entry not found")
        data = repo.files[path]
        etag = hashlib.sha256(data).hexdigest()
        self._send(data, headers={"ETag": f'"{etag}"', "X-Repo-Commit": repo.commit})

    def _lfs_batch(self) -> None:
        objects = [
            {
                "oid": one["oid"],
                "size": one["size"],
                "actions": {"upload": {"href": f"{self.hub.url}/blobs/{one['oid']}"}},
            }
            for one in json.loads(self.body)["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, name: str, repo: Repo) -> None:
        if self.hub.refuses_commits:
            raise Refusal(403, "", "You have no more space")
        for line in self.body.splitlines():
            one = json.loads(line)
            if one["key"] == "file":
                repo.files[one["value"]["path"]] = base64.b64decode(one["value"]["content"])
            elif one["key"] == "lfsFile":
                repo.files[one["value"]["path"]] = self.hub.blobs[one["value"]["oid"]]
        url = f"{self.hub.url}/{name}/commit/{repo.commit}"
        self._json({"commitUrl": url, "commitOid": repo.commit})

    def _json(self, value: object, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

    def _send(self, data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        pause = self.hub.seconds_a_piece if len(data) > 50_000 else 0
        for start in range(0, len(data), 50_000):
            self.wfile.write(data[start : start + 50_000])
            time.sleep(pause)


def _blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub that runs while the block does."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
