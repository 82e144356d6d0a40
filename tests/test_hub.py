"""The hub inside this process: what is pushed where, and what a download tells."""

from __future__ import annotations

import pytest
from hub_server import TOKEN, Repo, serving

from realm_cli import hub as ours
from realm_cli.errors import ModelNotFoundError, PushError


@pytest.fixture
def hub(tmp_path, monkeypatch):
    from huggingface_hub import constants

    with serving() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        monkeypatch.setattr("huggingface_hub.hf_api.ENDPOINT", found.url, raising=False)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            found.url + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield found


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    (folder / "realm" / "deep").mkdir(parents=True)
    for name in (
        "config.json",
        "model.safetensors",
        "realm/report.json",
        "realm/deep/x",
        ".secret",
    ):
        (folder / name).write_bytes(b"{}")
    return folder


def push(run, **how):
    return ours.push(run, "tester/mine", **{"public": False, "without": ["realm"], **how})


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub's own
@pytest.mark.parametrize("public", [False, True])
def test_a_repository_is_private_unless_it_is_to_be_public(hub, run, public):
    assert push(run, public=public) == f"{hub.url}/tester/mine"
    assert hub.repos["tester/mine"].private is not public
    assert set(hub.repos["tester/mine"].files) == {"config.json", "model.safetensors"}


def test_nothing_goes_to_a_public_repository_unasked(hub, run):
    hub.repos["tester/mine"] = Repo()
    with pytest.raises(PushError, match="everybody can see tester/mine") as refused:
        push(run)
    assert hub.repos["tester/mine"].files == {}
    assert refused.value.exit_code == 4
    assert "private" in refused.value.hint


def test_a_long_download_is_told_and_a_short_one_is_not(hub, tmp_path, monkeypatch):
    files = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"x" * 500_000}
    hub.repos["acme/big"] = Repo(files)
    told = []
    ours.fetch("acme/big", watcher=told.append)
    assert told == []
    hub.repos["acme/big"].files["model.safetensors"] = b"y" * 500_000
    monkeypatch.setattr(ours, "QUIET", 0.0)
    ours.fetch("acme/big", hub.repos["acme/big"].commit, told.append)
    assert told[-1].done == told[-1].total >= 500_000
    assert [one.done for one in told] == sorted(one.done for one in told)


def test_a_sharded_model_comes_without_what_lies_beside_it(hub):
    names = [
        "config.json", "tokenizer.json", "model.safetensors.index.json",
        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        "consolidated.safetensors", "pytorch_model.bin.index.json", "README.md", "onnx/config.json",
    ]  # fmt: skip
    hub.repos["acme/sharded"] = Repo(dict.fromkeys(names, b"{}"))
    folder = ours.fetch("acme/sharded")
    assert sorted(path.name for path in folder.iterdir()) == sorted(names[:5])
    assert ours.commit_of(folder) == hub.repos["acme/sharded"].commit


@pytest.mark.parametrize("name", ["./nowhere", "no/such/path/at/all", "with a space"])
def test_what_is_no_name_is_never_asked_for(hub, name):
    with pytest.raises(ModelNotFoundError, match="neither a folder here nor a name"):
        ours.fetch(name)
    assert hub.requests == []


def test_a_folder_of_pickles(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelNotFoundError, match="a pickle"):
        ours.fetch(str(tmp_path))
