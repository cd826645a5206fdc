"""Config files: what is right is read, what is wrong is said in one sentence each, all at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magscope_app.config import load_config
from magscope_app.config.files import shipped_config_folder
from magscope_app.errors import ConfigError, Problem

MINIMAL = """
[camera]
driver = "hardware.simulated.microscope:SimulatedCamera"
[optics]
pixel_pitch_um = 5.0
magnification = 50.0
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_text(text: str) -> Path:
        path = tmp_path / "setup.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def problems(path: Path | str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return [str(problem) for problem in caught.value.problems]


def test_minimal_config_has_defaults(write: Write) -> None:
    config = load_config(write(MINIMAL)).config
    assert config.camera.fps == 100.0
    assert config.optics.nm_per_px == pytest.approx(100.0)
    assert config.motors == ()
    assert config.recording.folder.is_absolute()


@pytest.mark.parametrize("name", ["demo.toml", "micromanager.toml", "replay.toml", "demo"])
def test_shipped_configs_load_from_anywhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(name).path.parent == shipped_config_folder()


def test_text_is_kept_byte_for_byte(write: Write) -> None:
    path = write(MINIMAL + "# µ\n")
    assert load_config(path).text == path.read_bytes()


def test_paths_in_the_file_are_relative_to_it(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(MINIMAL + '[tracking]\nzlut = "luts/a.npz"\n[drivers]\npath = [".", "mine"]\n')
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = load_config(path, ["recording.folder=data"]).config
    assert config.tracking.zlut == tmp_path / "luts" / "a.npz"
    assert config.drivers.path == (tmp_path, tmp_path / "mine")
    assert config.recording.folder == elsewhere / "data"


def test_an_override_without_a_value_takes_a_key_out(write: Write) -> None:
    text = MINIMAL + '[tracking]\nzlut = "z.npz"\n[session]\nname = "mine"\n'
    config = load_config(write(text), ["tracking.zlut=", "session.name=", "experiment.protocol="]).config
    assert config.tracking.zlut is None
    assert config.session.name != "mine"
    assert config.experiment.protocol is None
    assert "there is no such key" in problems(write(MINIMAL), "tracking.zlutt=")[0]
    assert "is missing" in problems(write(MINIMAL), "camera.driver=")[0]


def test_overrides_reach_every_kind_of_value(write: Write) -> None:
    motor = '[[motors]]\nname = "focus"\ndriver = "a.b:C"\n'
    loaded = load_config(
        write(MINIMAL + motor),
        [
            "camera.fps=50",
            "session.name=my run",
            "beads.find=true",
            "motors.focus.speed=3.5",
            "camera.roi_px=[0,0,64,32]",
            'simulation.faults=[{kind="drop_frames", at_frame=10}]',
        ],
    )
    config = loaded.config
    assert config.camera.fps == 50
    assert config.session.name == "my run"
    assert config.beads.find is True
    assert config.motors[0].speed == 3.5
    assert config.camera.roi_px == (0, 0, 64, 32)
    assert config.simulation.faults[0].at_frame == 10


def test_all_problems_of_a_file_are_listed_at_once(write: Write) -> None:
    found = problems(
        write(
            """
            [camera]
            driver = "nonsense!"
            fsp = 3
            [optic]
            [optics]
            pixel_pitch_um = -1
            [[motors]]
            name = "magnet"
            driver = "a:B"
            role = "magnet_height"
            """
        )
    )
    text = "\n".join(found)
    assert len(found) == 6
    assert "camera.driver: 'nonsense!' is not allowed; write it as \"package.module:Class\"" in text
    assert "camera.fsp: there is no such key; did you mean fps?" in text
    assert "optic: there is no such key; did you mean optics?" in text
    assert "optics.pixel_pitch_um: -1 is not allowed; input should be greater than 0" in text
    assert "optics.magnification: is missing; add it" in text
    assert "motors.magnet: lowest is missing" in text


def test_a_section_that_is_missing_is_named_with_what_it_needs(write: Write) -> None:
    assert problems(write("[buffer]\nseconds = 1\n")) == [
        "camera: is missing; add [camera] with driver",
        "optics: is missing; add [optics] with pixel_pitch_um and magnification",
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[camera\n", "is not valid TOML"),
        ("[camera]\ndriver = 1 2\n", "line 2"),
    ],
)
def test_broken_toml_is_one_sentence(write: Write, text: str, part: str) -> None:
    (problem,) = problems(write(text))
    assert part in problem


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.toml"
    path.write_bytes(bytes(range(256)))
    assert problems(path) == ["is not a text file; give a TOML file in UTF-8, such as demo.toml"]


def test_absent_file_names_the_shipped_ones(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "nothing.toml")
    assert "there is no such file" in problem
    assert "demo.toml" in problem


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("camera", "write it as section.key=value"),
        ("fps=3", "write it as section.key=value"),
        ("camera.fps.x=3", "is a value, not a section"),
        ("motors.nobody.speed=3", "there is no motors named 'nobody'"),
        ("camera.fps=fast", "'fast' is not allowed; give a number"),
        ("camera.fps=true", "camera.fps: true is not allowed; give a number"),
        ("beads.find=1", "beads.find: 1 is not allowed; give true or false"),
        ("motors.focus.name=magnet", "the name magnet is used more than once"),
        ("camera.exposure_ms=11", "longer than a frame at 100 fps"),
        ("beads.list=[{id=1,x_px=1,y_px=1},{id=1,x_px=2,y_px=2}]", "more than once"),
    ],
)
def test_bad_overrides_are_said(override: str, part: str) -> None:
    assert part in "\n".join(problems("demo.toml", "camera.fps=100", override))


@given(st.binary(max_size=200))
def test_rubbish_is_refused_in_words(tmp_path_factory: pytest.TempPathFactory, rubbish: bytes) -> None:
    path = tmp_path_factory.mktemp("rubbish") / "x.toml"
    path.write_bytes(rubbish)
    assert all(problems(path))


@given(
    section=st.sampled_from(["camera", "optics", "beads", "tracking", "recording", "simulation", "buffer"]),
    key=st.sampled_from(
        ["fps", "driver", "roi_px", "list", "zlut", "folder", "n_beads", "seconds", "nonsense"]
    ),
    value=st.text(max_size=12),
)
def test_any_override_gives_a_config_or_sentences(section: str, key: str, value: str) -> None:
    said: tuple[Problem, ...] = ()
    with suppress(ConfigError):
        try:
            load_config("demo.toml", [f"{section}.{key}={value}"])
        except ConfigError as error:
            said = error.problems
            raise
    assert all(problem.what for problem in said)
