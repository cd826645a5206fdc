"""Rubbish from outside: a sentence, never a traceback, never a change."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from magscope_app import messages
from magscope_app.cli import main
from magscope_app.config import Config, load_config
from magscope_app.config.files import shipped_config_folder
from magscope_app.messages import Bead, BeadsChanged, Message, MoveMotor, RemoveBeads, SelectBead
from magscope_app.processes.calibration_file import why_not_calibration
from magscope_app.processes.message_check import why_malformed
from tests.faults.rig import rig

DEMO = (shipped_config_folder() / "demo.toml").read_text(encoding="utf-8")
#: Without it there would be no z, and a Z-LUT that is looked for beside the file is not there.
ZLUT = (shipped_config_folder() / "demo-zlut.npz").read_bytes()


def _keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _keys(kind, f"{above}{name}.")
        yield f"{above}{name}"


KEYS = (*_keys(Config), "motors.magnet.speed", "motors.magnet.limits", "motors.focus.role", "x", "")
_TEXT = st.one_of(
    st.sampled_from(["", "\0", "~", "~nobody-here/x", "a:b", "..", "/", "CON", "nan", "é", "fast", "\n"]),
    st.text(st.characters(codec="utf-8"), max_size=12),
)
_PLAIN = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**31, -(2**63), 2**63 - 1, 0.5, 1e308, -0.0, float("inf"), float("nan"), 100]),
    st.floats(),
    _TEXT,
)
_VALUES = st.recursive(
    _PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["x", "name", "0"]), inner, max_size=2)
    ),
    max_leaves=6,
)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value)


def _check_says_a_sentence(text: str, overrides: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "mine.toml"
        path.write_text(text, encoding="utf-8", newline="")
        (Path(root) / "demo-zlut.npz").write_bytes(ZLUT)
        before = sorted(Path(root).rglob("*"))
        given = [part for override in overrides for part in ("--set", override)]
        code = main(["check", str(path), *given])
        said = capsys.readouterr()
        assert code in (0, 2)
        assert bool(said.err.strip()) == (code == 2)
        assert "Traceback" not in said.err + said.out
        assert all(line.startswith(str(path)) for line in said.err.splitlines() if line.strip()), said.err
        assert sorted(Path(root).rglob("*")) == before
        assert path.read_bytes() == text.encode()


_SHARED = [HealthCheck.function_scoped_fixture]


@settings(max_examples=40, deadline=None, suppress_health_check=_SHARED)
@given(st.dictionaries(st.sampled_from(KEYS), _VALUES, min_size=1, max_size=4))
def test_configs_near_the_schema(capsys: pytest.CaptureFixture[str], wrong: dict[str, Any]) -> None:
    _check_says_a_sentence(DEMO, [f"{key}={_toml(value)}" for key, value in wrong.items()], capsys)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=1500, deadline=None, suppress_health_check=_SHARED)
@given(st.dictionaries(st.sampled_from(KEYS), _VALUES, min_size=1, max_size=4))
def test_many_configs_near_the_schema(capsys: pytest.CaptureFixture[str], wrong: dict[str, Any]) -> None:
    _check_says_a_sentence(DEMO, [f"{key}={_toml(value)}" for key, value in wrong.items()], capsys)


@settings(max_examples=25, deadline=None, suppress_health_check=_SHARED)
@given(st.integers(0, len(DEMO)), st.integers(0, 60), st.text(st.characters(codec="utf-8"), max_size=8))
@example(DEMO.index("focus"), 0, "\x85")
@example(0, 0, "\r")
def test_damaged_config_files(
    capsys: pytest.CaptureFixture[str], place: int, length: int, instead: str
) -> None:
    _check_says_a_sentence(DEMO[:place] + instead + DEMO[place + length :], [], capsys)


_CSV = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=60),
    st.lists(_PLAIN, max_size=8).map(lambda row: "id,x_px,y_px,role\n" + ",".join(map(str, row))),
)


@settings(max_examples=25, deadline=None, suppress_health_check=_SHARED)
@given(_CSV)
def test_bead_lists(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "beads.csv"
        path.write_text(text, encoding="utf-8", newline="")
        _check_says_a_sentence(DEMO, [f"beads.file={json.dumps(str(path))}"], capsys)


class _Bomb:
    """Would make a file if anybody unpickled it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def _why_not(content: bytes, suffix: str = ".npz") -> str | None:
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / f"lut{suffix}"
        path.write_bytes(content)
        said = why_not_calibration(path, load_config("demo.toml").config)
        assert path.read_bytes() == content
    assert said is None or ("\n" not in said and len(said) < 1000)
    return said


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.integers(0, 400), st.binary(max_size=40))
def test_damaged_zlut_files(place: float, length: int, instead: bytes) -> None:
    at = int(place * len(ZLUT))
    _why_not(ZLUT[:at] + instead + ZLUT[at + length :])


_ARRAYS = st.one_of(
    st.lists(st.floats(), max_size=5).map(np.array),
    st.integers(-5, 5).map(np.array),
    _TEXT.map(np.array),
    st.tuples(st.integers(0, 4), st.integers(0, 4)).map(np.zeros),
    st.just(np.array(0j)),
    st.just(np.array(["a", "b"])),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["z_nm", "profiles", "counts", "facts", "shape_radial"]), _ARRAYS))
@example({"counts": np.array([2.0**63])})
def test_zlut_files_with_other_arrays(wrong: dict[str, Any]) -> None:
    with np.load(io.BytesIO(ZLUT), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    stream = io.BytesIO()
    np.savez(stream, **(arrays | wrong))
    said = _why_not(stream.getvalue())
    # Counts that are not known are as good as any.
    assert said is not None or not wrong.keys() - {"counts"}


def test_nothing_in_a_zlut_file_is_unpickled(tmp_path: Path) -> None:
    target = tmp_path / "exploded"
    stream = io.BytesIO()
    np.savez(stream, format=np.array([_Bomb(target)], dtype=object))
    assert _why_not(stream.getvalue()) is not None
    assert not target.exists()


MESSAGES = [
    kind
    for kind in vars(messages).values()
    if isinstance(kind, type) and issubclass(kind, Message) and kind is not Message
]


@given(st.sampled_from([kind for kind in MESSAGES if fields(kind)]), st.data())
def test_messages_of_the_wrong_type_are_found_out(kind: type[Message], data: st.DataObject) -> None:
    names = [field.name for field in fields(kind) if field.type not in ("SettingValue", "dict[str, Any]")]
    if not names:
        return
    wrong = data.draw(st.sampled_from(names))
    # Nothing says that it is an object.
    message = kind(**dict.fromkeys((field.name for field in fields(kind)), object()))
    said = why_malformed(message)
    assert said is not None
    assert said.startswith(f"{kind.__name__} has a wrong ")
    assert wrong in {field.name for field in fields(kind)}


@pytest.mark.parametrize(
    "message",
    [
        MoveMotor("focus", True),  # True is no number
        SelectBead(True),
        RemoveBeads(("one",)),  # type: ignore[arg-type]  # what a tuple holds
        BeadsChanged((Bead(0, "left", 2.0),), 1),  # type: ignore[arg-type]  # what is nested in it
    ],
    ids=lambda message: type(message).__name__,
)
def test_wrong_numbers_entries_and_nested_fields_are_found_out(message: Message) -> None:
    assert str(why_malformed(message)).startswith(f"{type(message).__name__} has a wrong ")


PROTOCOL = """import math
from magscope_app.messages import *
def practise(microscope):
    send, before = microscope._send, microscope.beads
    for message in (
        MoveMotor("magnet", "high"), MoveMotor("magnet", math.nan), MoveMotor(3, 1.0),
        JogMotor("magnet", None),
        MoveMotor("magnet", 1e308), HomeMotor(None), SetForce("x"), SetForce(math.inf), RampForce(1.0, 0.0),
        AddBead("x", 2.0), AddBead(math.nan, 5.0), AddBead(1e308, 1.0, "tethered"), AddBead(9.0, 9.0, "red"),
        RemoveBeads((77,)), RemoveBeads("abc"), RemoveBeads((None,)), MoveBead(0, math.inf, 3.0),
        SetBeadRole(99, "reference"), SetBeadRole(0, "king"), SelectBead("first"), SelectBead(-7),
        SetCameraSetting("exposure_ms", object), SetCameraSetting(None, 3),
        SetCameraSetting("exposure_ms", "x"),
        StartRecording(5, 6, 7), StartRecording(None, "a/b"), AddNote(3), RenameRecording("con/"),
        SubmitProtocol(3), StopProtocol("nobody"), Fault("camera", "nonsense"),
        Fault("magnet", 3), FirstFrame("now"), Event(1, 2, 3, 4), BeadsFound(("x",)), CameraReady(1, 2, 3),
        LogEntry("now", 1, "x", None), AcquisitionStopped(1, "x"), RecordingProgress("x", None),
        "no message", 17, None,
    ):
        send(message)
    microscope.tracks(40)
    assert microscope.beads == before, "the beads have changed"
    assert abs(microscope.position("magnet") - 3.0) < 1e-6, "the magnet has moved"
    microscope.note("all is as it was")
"""


@pytest.mark.slow
def test_messages_of_the_wrong_type_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "rubbish.py").write_text(PROTOCOL, encoding="utf-8")
    with rig("recording", tmp_path, more=("--set", "experiment.protocol=rubbish:practise")) as run:
        assert run.line.process.wait(60) == 0, run.line.output
        dataset = run.dataset()
        output = run.line.output
    assert "Traceback" not in output
    for said in (
        "MoveMotor has a wrong position ('high')",
        "AddBead has a wrong x_px",
        "which is no message",
    ):
        assert said in output
    assert dataset is not None
    assert dataset.counters["frames_lost"] == dataset.counters["lost_upstream"]
    assert [event["text"] for event in dataset.events() if event["kind"] == "note"] == ["all is as it was"]
