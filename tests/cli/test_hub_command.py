"""Models from the hub and to it: real processes against a small hub on the loopback address."""

from __future__ import annotations

import json
import time

import pytest
from backbones.checkpoints import write_checkpoint
from harness import colour_rows, contents, realm, write_rows
from hub_server import TOKEN, serving

MODEL = "acme/small"


@pytest.fixture
def hub():
    with serving() as hub:
        yield hub


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    rows = colour_rows()
    texts = [row["text"] for row in rows] + [row["label"] for row in rows]
    return write_checkpoint("t5", tmp_path_factory.mktemp("hub") / "model", texts)


@pytest.fixture
def crowd(tmp_path):
    return write_rows(tmp_path / "crowd.jsonl", colour_rows(12))


def train(tmp_path, env, *flags, model=MODEL, out="run"):
    return realm(
        "train", "crowd.jsonl", "--model", model, "--epochs", "1", "--out", out, *flags,
        cwd=tmp_path, env=env,
    )  # fmt: skip


def refusal(tmp_path, env, *flags, model=MODEL):
    """The two lines of a refusal; no run is left."""
    process = train(tmp_path, env, *flags, model=model)
    assert process.returncode == 2, process.stderr
    assert not (tmp_path / "run").exists()
    error, hint = process.stderr.splitlines()
    return error.removeprefix("error: "), hint.removeprefix("hint: ")


@pytest.mark.slow
def test_a_model_is_fetched_once_and_then_needs_no_hub(tmp_path, hub, checkpoint, crowd):
    commit = hub.add(MODEL, checkpoint).commit
    hub.repos[MODEL].files |= {
        "pytorch_model.bin": b"pickle", "onnx/model.onnx": b"", "modeling.py": b"print()",
    }  # fmt: skip
    commit = hub.repos[MODEL].commit
    first = train(tmp_path, hub.env(tmp_path / "home"))
    assert first.returncode == 0, first.stderr
    assert "%" not in first.stderr
    assert sorted(hub.downloads()) == sorted(path.name for path in checkpoint.iterdir())
    record = json.loads((tmp_path / "run" / "realm" / "run.json").read_text())
    assert record["commit"] == commit
    card = (tmp_path / "run" / "README.md").read_text()
    assert f"base_model: {MODEL}\n" in card
    assert commit in card
    asked = len(hub.requests)
    offline = train(tmp_path, hub.env(tmp_path / "home", HF_HUB_OFFLINE="1"), out="again")
    assert offline.returncode == 0, offline.stderr
    assert len(hub.requests) == asked
    model = "model.safetensors"
    assert (tmp_path / "run" / model).read_bytes() == (tmp_path / "again" / model).read_bytes()


@pytest.mark.slow
def test_what_the_hub_does_not_give(tmp_path, hub, checkpoint, crowd):
    hub.add("acme/gated", checkpoint, gated=True)
    hub.add(MODEL, checkpoint)
    pickled = hub.add("acme/pickled", checkpoint).files
    pickled["pytorch_model.bin"] = pickled.pop("model.safetensors")
    env = hub.env(tmp_path / "home")
    error, hint = refusal(tmp_path, env, model="acme/none")
    assert error.startswith("the model 'acme/none' is neither a folder here nor to be had from the")
    assert "HF_TOKEN" in hint
    error, hint = refusal(tmp_path, env, model="acme/gated")
    assert error == "the model 'acme/gated' is gated: its owners have to let you in"
    assert f"{hub.url}/acme/gated" in hint
    error, hint = refusal(tmp_path, env, model="acme/pickled")
    assert "the weights of acme/pickled are a pickle (pytorch_model.bin)" in error
    assert hub.downloads() == []
    error, hint = refusal(tmp_path, env, "--revision", "v9")
    assert error == "the model 'acme/small' has no revision 'v9'"


@pytest.mark.slow
def test_a_hub_that_is_gone_is_told_within_seconds(tmp_path, crowd):
    with serving() as hub:
        env = hub.env(tmp_path / "home")
    baseline = time.monotonic()
    realm("train", "crowd.jsonl", "--model", "./nowhere", cwd=tmp_path, env=env)
    started = time.monotonic()
    error, hint = refusal(tmp_path, env)
    took, usual = time.monotonic() - started, started - baseline
    assert error.endswith(f"and the Hugging Face hub ({hub.url}) cannot be reached")
    assert "tiny-t5" in hint
    # Starting Python and transformers takes as long as it takes; asking adds little to it.
    assert took < 2 * usual + 10


@pytest.mark.slow
def test_a_pushed_model_is_private_and_says_nothing_of_annotators(tmp_path, hub, crowd):
    env = hub.env(tmp_path / "home", HF_TOKEN=TOKEN)
    process = train(tmp_path, env, "--push-to-hub", "tester/mine", model="tiny-t5")
    assert process.returncode == 0, process.stderr
    assert process.stderr.splitlines()[-1] == f"pushed: {hub.url}/tester/mine"
    repo = hub.repos["tester/mine"]
    assert repo.private
    here = {name: data for name, data in contents(tmp_path / "run").items() if "/" not in name}
    assert repo.files == here
    assert "model.safetensors" in repo.files
    everything = b"".join(contents(tmp_path / "run").values())
    for annotator in {row["annotator_id"] for row in colour_rows(12)}:
        assert f'"{annotator}"'.encode() in everything
        assert not any(f'"{annotator}"'.encode() in data for data in repo.files.values())
    written = everything + process.stdout.encode() + process.stderr.encode()
    assert TOKEN.encode() not in written


@pytest.mark.slow
def test_the_run_outlives_a_push_that_fails(tmp_path, hub, crowd):
    hub.refuses_commits = True
    env = hub.env(tmp_path / "home", HF_TOKEN=TOKEN)
    process = train(tmp_path, env, "--push-to-hub", "tester/mine", "--json", model="tiny-t5")
    assert process.returncode == 4
    error, hint = process.stderr.splitlines()[-2:]
    assert error == (
        "error: the run is whole in run, but its model was not pushed to tester/mine: "
        "You have no more space"
    )
    assert "hf upload tester/mine run . --exclude 'realm/*' --private" in hint
    assert json.loads(process.stdout) == json.loads(
        (tmp_path / "run" / "realm" / "report.json").read_text()
    )


@pytest.mark.slow
def test_what_could_not_be_pushed_is_refused_before_training(tmp_path, hub, crowd):
    push = ("--push-to-hub", "tester/mine")
    error, _hint = refusal(tmp_path, hub.env(tmp_path / "home"), *push, model="tiny-t5")
    assert error == "--push-to-hub needs a token, and there is none"
    offline = hub.env(tmp_path / "home", HF_TOKEN=TOKEN, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE" in refusal(tmp_path, offline, *push, model="tiny-t5")[0]
    bad = ("--push-to-hub", "a/b/c")
    assert "no name of a repository" in refusal(tmp_path, offline, *bad, model="tiny-t5")[0]
