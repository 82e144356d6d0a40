"""The Hugging Face hub: a model's files fetched into the cache, a run's model pushed.

Only weights in safetensors are fetched, and no code. The token is the one that huggingface_hub
finds in its environment; realm neither takes, shows nor keeps one.
"""

from __future__ import annotations

import errno
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from realm_cli.errors import ModelNotFoundError, PushError, RealmError, UsageError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
BESIDE = (".json", ".txt", ".model", ".jinja")
"""Endings of what a checkpoint has beside its weights: config, tokenizer, template."""
TIMEOUT = 10.0
"""Seconds that the hub may take to answer the first question."""
QUIET = 2.0
"""Seconds that a download may take without anything being said of it."""


@dataclass(frozen=True)
class Download:
    """How far a download is, in bytes; the total grows while files are found."""

    done: int
    total: int


Fetching = Callable[[Download], None]
"""Called now and then while a model is downloaded, after the first two seconds."""


def fetch(model: str, revision: str | None = None, watcher: Fetching | None = None) -> Path:
    """The folder of a model's files: from the cache if they are there, else from the hub.

    Args:
        model: A folder, or a name on the hub.
        revision: Branch, tag or commit; the main branch if None.
        watcher: Told how far a download is.

    Raises:
        ModelNotFoundError: Neither a folder nor to be had, or its weights are pickles.
    """
    folder = Path(model)
    if folder.is_dir():
        refuse_pickles(model, [path.name for path in folder.iterdir()])
        return folder
    with _in_plain_words(model, revision):
        return _cached(model, revision) or _download(model, revision, watcher)


def commit_of(folder: Path) -> str | None:
    """The commit of a fetched model; None for a folder of the user's own."""
    return folder.name if folder.parent.name == "snapshots" else None


def refuse_pickles(model: str, names: Sequence[str]) -> None:
    """Refuse a checkpoint whose weights are there as a pickle only.

    Args:
        model: What it is called.
        names: Its files.

    Raises:
        ModelNotFoundError: With the reason.
    """
    if any(name in (WEIGHTS, INDEX) for name in names):
        return
    pickles = sorted(name for name in names if name.endswith(PICKLES))
    if pickles:
        raise ModelNotFoundError(
            f"the weights of {model} are a pickle ({pickles[0]}), which can run code when it is "
            "loaded; realm reads safetensors only",
            hint="choose a revision with model.safetensors (--revision), or convert it where you "
            "trust it: load it with transformers and save_pretrained it",
        )


def _cached(model: str, revision: str | None) -> Path | None:
    """The folder in the cache, if all that a checkpoint needs is in it.

    A model that is there is not asked for again: the same name gives the same weights, with the
    hub or without.
    """
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model, "config.json", revision=revision)
    if not isinstance(found, str):
        return None
    folder = Path(found).parent
    names = [path.name for path in folder.iterdir() if path.exists()]
    tokenizer = any("token" in name or "vocab" in name or name.endswith(".model") for name in names)
    return folder if tokenizer and not missing_weights(folder) else None


def missing_weights(folder: Path) -> list[str]:
    """Files of weights that a checkpoint needs and does not have."""
    if (folder / WEIGHTS).is_file():
        return []
    try:
        shards = json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [WEIGHTS]
    return sorted({name for name in shards if not (folder / name).is_file()})


def _download(model: str, revision: str | None, watcher: Fetching | None) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download

    if constants.HF_HUB_OFFLINE:
        raise ModelNotFoundError(
            f"the model {model!r} is neither a folder here nor in the cache, and HF_HUB_OFFLINE "
            "keeps realm from asking the hub",
            hint=f"unset HF_HUB_OFFLINE, or fetch it before: hf download {model}; --model tiny-t5 "
            "needs neither",
        )
    # One question with a limit of its own: an unreachable hub is told within seconds.
    info = HfApi().model_info(model, revision=revision, timeout=TIMEOUT)
    names = _needed(info)
    refuse_pickles(model, [file.rfilename for file in info.siblings or ()])
    told = _Told(watcher)
    return Path(
        snapshot_download(
            model, revision=revision, allow_patterns=names, tqdm_class=_bar(told.add, told.expect)
        )
    )


def _needed(info: ModelInfo) -> list[str]:
    """The files that loading takes, among all that people put beside them."""
    names = [file.rfilename for file in info.siblings or () if "/" not in file.rfilename]
    whole = WEIGHTS in names

    def is_needed(name: str) -> bool:
        if name.endswith(".safetensors"):
            return name == WEIGHTS if whole else name.startswith("model-")
        if name.endswith(".index.json"):
            return name == INDEX and not whole
        return PurePosixPath(name).suffix in BESIDE

    return [name for name in names if is_needed(name)]


class _Told:
    """Counts bytes from several threads, and says so after a while."""

    def __init__(self, watcher: Fetching | None) -> None:
        self._watcher = watcher
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._done = 0
        self._total = 0

    def expect(self, total: int) -> None:
        """So many bytes are to come in all, as far as is known."""
        self._total = max(self._total, total)

    def add(self, n: int) -> None:
        """So many bytes more have come."""
        with self._lock:
            self._done += n
            if self._watcher is not None and time.monotonic() - self._started >= QUIET:
                self._watcher(Download(self._done, max(self._total, self._done)))


def _bar(add: Callable[[int], None], expect: Callable[[int], None]) -> Any:
    """A class of bars that show nothing and pass bytes on; huggingface_hub makes one of it."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class Bar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # It has a bar for bytes that came and one for bytes that were written: one counts.
            self._counts = kwargs.get("name") == "huggingface_hub.snapshot_download"
            super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            if self._counts:
                expect(int(self.total or 0))
                add(int(n or 0))
            return None

    return Bar


@contextmanager
def _in_plain_words(model: str, revision: str | None) -> Iterator[None]:
    """What the hub's client raises, as errors of realm."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    known = "check the spelling, or give a folder; --model tiny-t5 needs no network"
    neither = f"the model {model!r} is neither a folder here nor"
    try:
        yield
    except HFValidationError as error:
        raise ModelNotFoundError(f"{neither} a name that the hub could know", known) from error
    except GatedRepoError as error:
        raise ModelNotFoundError(
            f"the model {model!r} is gated: its owners have to let you in",
            hint=f"ask for it at {constants.ENDPOINT}/{model}, and set HF_TOKEN to a token of the "
            "account that was let in",
        ) from error
    except RevisionNotFoundError as error:
        raise ModelNotFoundError(
            f"the model {model!r} has no revision {revision!r}",
            hint="--revision takes a branch, a tag or a commit",
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(
            f"{neither} to be had from the Hugging Face hub: there is none of that name, or it is "
            "private",
            hint=f"{known}; a private model needs a token in HF_TOKEN",
        ) from error
    except (LocalEntryNotFoundError, httpx.TransportError, httpx.InvalidURL) as error:
        raise _unreachable(model) from error
    except HfHubHTTPError as error:
        raise _refused(model, error) from error
    except OSError as error:
        told = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise RealmError(
            f"the model {model!r} cannot be kept in {constants.HF_HUB_CACHE}: {told}",
            hint="HF_HOME names another folder for the cache",
        ) from error


def _unreachable(model: str) -> ModelNotFoundError:
    from huggingface_hub import constants

    return ModelNotFoundError(
        f"the model {model!r} is neither a folder here nor in the cache, and the Hugging Face hub "
        f"({constants.ENDPOINT}) cannot be reached",
        hint="check the network, give a folder, or try --model tiny-t5, which needs neither",
    )


def _refused(model: str, error: Any) -> ModelNotFoundError:
    status = error.response.status_code
    if status == 401:
        return ModelNotFoundError(
            f"the Hugging Face hub does not accept the token, asked for the model {model!r}",
            hint="set HF_TOKEN to a valid one, or unset it for a public model",
        )
    return ModelNotFoundError(
        f"the Hugging Face hub cannot give the model {model!r}: it answers {status}",
        hint="try again later, or give a folder",
    )


def reachable() -> str | None:
    """Why the hub cannot be reached; None where it can."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session, httpx  # type: ignore[attr-defined]

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        get_session().head(constants.ENDPOINT, timeout=TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _first_line(error)
    return None


def check_push(repo: str) -> None:
    """Refuse what would fail at the end of a run, before it begins.

    Raises:
        UsageError: No name of a repository, no token, or offline.
    """
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise UsageError(
            f"--push-to-hub is {repo!r}, which is no name of a repository", hint="NAME or USER/NAME"
        ) from error
    if constants.HF_HUB_OFFLINE:
        raise UsageError(
            "--push-to-hub needs the hub, and HF_HUB_OFFLINE keeps realm from it",
            hint="unset HF_HUB_OFFLINE, or push later with `hf upload`",
        )
    if get_token() is None:
        raise UsageError(
            "--push-to-hub needs a token, and there is none",
            hint="set HF_TOKEN to a token that may write, or push later with `hf upload`",
        )


def push(folder: Path, repo: str, *, public: bool, without: Iterable[str]) -> str:
    """Upload a run's model.

    Args:
        folder: The run's folder.
        repo: NAME or USER/NAME; made if it is not there.
        public: Whether everybody may see it; else it is made private, and a repository that
            everybody can see already is refused.
        without: Folders in it that stay here.

    Returns:
        Its address.

    Raises:
        PushError: Nothing or not all was pushed; the run is where it was.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars, httpx  # type: ignore[attr-defined]

    if not sys.stderr.isatty():
        disable_progress_bars()
    api = HfApi()
    left = [pattern for name in without for pattern in (f"{name}/*", f"*/{name}/*")]
    try:
        made = api.create_repo(repo, private=not public, exist_ok=True)
        if not public and not api.model_info(made.repo_id).private:
            raise PushError(
                f"the run is whole in {folder}, but its model was not pushed: everybody can see "
                f"{repo}, and --public was not given",
                hint="make the repository private, or push it for everybody: "
                + _upload(folder, repo),
            )
        api.upload_folder(
            folder_path=folder,
            repo_id=made.repo_id,
            ignore_patterns=[*left, ".*"],
            commit_message="Model trained with realm",
        )
    except (OSError, ValueError, RuntimeError, httpx.HTTPError) as error:
        raise _failed(folder, repo, public, _first_line(error)) from error
    return str(made)


def _failed(folder: Path, repo: str, public: bool, why: str) -> PushError:
    private = "" if public else " --private"
    return PushError(
        f"the run is whole in {folder}, but its model was not pushed to {repo}: {why}",
        hint=f"push it later: {_upload(folder, repo)}{private}",
    )


def _upload(folder: Path, repo: str) -> str:
    """The command that does by hand what `push` does."""
    return f"hf upload {repo} {folder} . --exclude 'realm/*'"


def _first_line(error: BaseException) -> str:
    """What the hub said, or else what happened, in one line."""
    cause = error.__cause__ or error
    told = getattr(error, "server_message", None) or str(cause)
    return next((line.strip() for line in told.splitlines() if line.strip()), type(cause).__name__)
