"""Versions of an exported model, and the files that a server is started with."""

import os
import subprocess
import sys

import pytest

from tests.conformance.cases import BY_NAME
from tfwave.serving import export


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two models, one of them compiled."""
    folder = tmp_path_factory.mktemp("models")
    export.export_model(_small(), folder / "digits")
    wavernn = BY_NAME["wavernn"].stirred()
    assert export.export_model(wavernn, folder / "rnn_xla", xla=True).path.name == "1"
    return folder


def _small():
    return BY_NAME["classifier"].stirred()


def test_without_their_package_warmup_requests_are_left_out(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    made = export.export_model(_small(), tmp_path / "model")
    assert not made.warmed
    assert [p.name for p in (made.path / "assets.extra").iterdir()] == ["tfwave.json"]


def test_takes_the_next_version(tmp_path):
    out = tmp_path / "model"
    numbers = [export.export_model(_small(), out).path.name for _ in range(2)]
    (out / "7").mkdir()  # gaps and versions of others count
    numbers.append(export.export_model(_small(), out).path.name)
    assert numbers == ["1", "2", "8"]
    assert sorted(p.name for p in out.iterdir()) == ["1", "2", "7", "8"]


def test_a_version_is_whole_or_not_there(monkeypatch, tmp_path):
    out, seen = tmp_path / "model", []

    def full_disk(path, *_):
        seen.extend(p.name for p in out.iterdir())
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(export, "_write_warmup", full_disk)
    with pytest.raises(export.ExportError, match="cannot write there .No space left"):
        export.export_model(_small(), out)
    assert len(seen) == 1 and not seen[0].isdigit() and not list(out.iterdir())


def test_two_exports_at_once_take_two_versions(monkeypatch, tmp_path):
    out, rename = tmp_path / "model", os.rename

    def other_was_faster(source, target):
        if str(target).endswith("/1") and not (out / "1").exists():
            (out / "1" / "variables").mkdir(parents=True)
        rename(source, target)

    monkeypatch.setattr(os, "rename", other_was_faster)
    assert export.export_model(_small(), out).path.name == "2"


def test_another_system_is_no_next_version(tmp_path):
    export.export_model(_small(), tmp_path / "model")
    wavegan = BY_NAME["wavegan"].stirred()
    with pytest.raises(ValueError, match="holds versions of DigitClassifier"):
        export.export_model(wavegan, tmp_path / "model")
    with pytest.raises(ValueError, match="WaveGAN has no loop"):
        export.export_model(wavegan, tmp_path / "other", xla=True)
    assert not (tmp_path / "other").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(export.ExportError, match="file"):
        export.export_model(wavegan, tmp_path / "file" / "model")


# The server's files.


def test_server_files_name_every_model_as_the_container_sees_it(folder, tmp_path):
    (folder / "no_model").mkdir(exist_ok=True)
    assert export.write_server_files(folder) == ["digits", "rnn_xla"]
    config = (folder / "models.config").read_text()
    for name in ("digits", "rnn_xla"):
        assert f'name: "{name}"\n    base_path: "/models/{name}"' in config
    script = folder / "serve.sh"
    assert "--xla_cpu_compilation_enabled" in script.read_text()
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    docker.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", script, "--enable_batching"], env=environment, capture_output=True, text=True
    )
    words = done.stdout.splitlines()
    assert f"type=bind,source={folder},target=/models,readonly" in words
    image = words.index("tensorflow/serving")
    assert image < words.index("--model_config_file=/models/models.config")
    assert words[-1] == "--enable_batching"
    assert "127.0.0.1:8500:8500" in words


def test_server_files_are_read_by_the_servers_own_parser(folder):
    configs = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    from google.protobuf import text_format

    export.write_server_files(folder)
    text = (folder / "models.config").read_text()
    parsed = text_format.Parse(text, configs.ModelServerConfig())
    assert [m.name for m in parsed.model_config_list.config] == ["digits", "rnn_xla"]


def test_without_a_compiled_model_the_server_needs_no_flag(tmp_path):
    export.export_model(_small(), tmp_path / "model")
    assert export.write_server_files(tmp_path) == ["model"]
    assert "xla" not in (tmp_path / "serve.sh").read_text()
