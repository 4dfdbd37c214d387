"""What is fetched from a hub, and how pickled weights become safetensors: by a person, never by loading."""

import pickle
import shutil

import checkpoints as make
import layouts
import numpy as np
import pytest

import recs
from recs.errors import ModelError, OutputError, WeightsError
from recs.models.convert import convert_weights
from recs.models.hub import download_model

torch = pytest.importorskip("torch")


@pytest.fixture
def pickled(tmp_path):
    """An instructor as its hub holds it: every part a pickle, one table under two names."""
    folder = tmp_path / "instructor"
    layouts.instructor(folder)
    original = shutil.copytree(folder, tmp_path / "original")
    for home in (folder, folder / "2_Dense"):
        tensors = {name: torch.from_numpy(values).float() for name, values in make.read_tensors(home).items()}
        if "shared.weight" in tensors:
            tensors["encoder.embed_tokens.weight"] = tensors["shared.weight"]
        torch.save(tensors, home / "pytorch_model.bin")
        (home / "model.safetensors").unlink()
    return folder, original


def test_loading_pickled_weights_refuses_and_names_the_command(pickled):
    folder, _ = pickled
    with pytest.raises(ModelError, match=rf"bin, which may contain code .*: recs models convert {folder}"):
        recs.load_embedder(f"instructor-xl={folder}")
    make.save_tensors(folder, {"a": torch.zeros(1)})  # the transformer alone was converted, by others
    with pytest.raises(ModelError, match=rf"2_Dense: .*pytorch_model\.bin.*: recs models convert {folder}"):
        recs.load_embedder(f"instructor-xl={folder}")


def test_converted_weights_give_the_vectors_of_the_original(pickled):
    folder, original = pickled
    assert convert_weights(folder) == [folder / "model.safetensors", folder / "2_Dense" / "model.safetensors"]
    assert (folder / "pytorch_model.bin").is_file()
    found, expected = (
        recs.load_embedder(f"instructor-xl={path}", precision="float32", device="cpu").embed(make.TEXTS)
        for path in (folder, original)
    )
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    with pytest.raises(ModelError, match="nothing to convert"):
        convert_weights(folder)


def test_convert_takes_several_files_the_old_format_and_parts_of_tensors(tmp_path):
    whole = torch.arange(24.0).reshape(4, 6)
    torch.save({"a": whole.T, "b": whole[1:3]}, tmp_path / "pytorch_model-00001-of-00002.bin")
    torch.save({"c": whole.half()}, tmp_path / "pytorch_model-00002-of-00002.bin", _use_new_zipfile_serialization=False)
    convert_weights(tmp_path)
    found = make.read_tensors(tmp_path)
    np.testing.assert_array_equal(found["a"], whole.T)
    np.testing.assert_array_equal(found["b"], whole[1:3])
    np.testing.assert_array_equal(found["c"], whole)


class _Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("old", [True, False])
def test_convert_of_a_pickle_that_holds_code_refuses_and_does_not_run_it(tmp_path, old):
    made = {"a": torch.zeros(2), "b": _Hostile(tmp_path / "ran")}
    torch.save(made, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=not old)
    with pytest.raises(WeightsError, match="incomplete, or it contains more than tensors"):
        convert_weights(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(_Hostile(tmp_path / "ran")))
    with pytest.raises(WeightsError, match="incomplete, or it contains more than tensors"):
        convert_weights(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pytorch_model.bin"]


def test_convert_of_a_torn_file_or_of_more_than_weights_refuses(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.zeros(2), "epoch": 3}, path)
    with pytest.raises(WeightsError, match="epoch is not a tensor"):
        convert_weights(tmp_path)
    torch.save({"a": torch.zeros(2000)}, path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(WeightsError, match="torn"):
        convert_weights(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pytorch_model.bin"]


def test_convert_that_cannot_write_leaves_nothing(tmp_path, monkeypatch):
    torch.save({"a": torch.zeros(2)}, tmp_path / "pytorch_model.bin")

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise RuntimeError("No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OutputError, match="No space left"):
        convert_weights(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pytorch_model.bin"]


def hub_of(monkeypatch, *names):
    import huggingface_hub

    asked = []
    files = [type("File", (), {"rfilename": name, "size": 10}) for name in names]

    class Api:
        def model_info(self, name, files_metadata):
            return type("Info", (), {"siblings": files})

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: asked.append(name))
    return asked


@pytest.mark.parametrize(
    "names",
    [
        ["pytorch_model.bin", "2_Dense/pytorch_model.bin"],
        ["model.safetensors", "2_Dense/pytorch_model.bin"],
        ["pytorch_model-00001-of-00002.bin", "onnx/model.safetensors"],
        ["tf_model.h5"],
    ],
)
def test_download_where_a_part_is_a_pickle_alone_refuses_and_says_how(monkeypatch, names):
    asked = hub_of(monkeypatch, "config.json", *names)
    said = r"hf download hkunlp/instructor-xl --local-dir D; recs models convert D; .*is then instructor-xl=D$"
    with pytest.raises(ModelError, match=said):
        download_model("instructor-xl")
    assert asked == []


def test_download_where_every_part_has_safetensors_beside_its_pickle_is_made(monkeypatch, caplog):
    names = ["model.safetensors", "pytorch_model.bin", "2_Dense/model.safetensors", "2_Dense/pytorch_model.bin"]
    asked = hub_of(monkeypatch, *names, "training_args.bin")
    download_model("instructor-xl@64")
    assert asked == ["hkunlp/instructor-xl"]
