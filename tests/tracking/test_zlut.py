"""Z-LUTs: how they are made, checked, written and read."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.tracking import ZLUT, ZLUTSet
from tests.tracking import simulator


def _zlut(seed: int = 0, n_planes: int = 6, n_radii: int = 12) -> ZLUT:
    rng = np.random.default_rng(seed)
    return ZLUT(
        np.cumsum(rng.uniform(10, 90, n_planes)) - 200,
        rng.uniform(0, 255, (n_planes, n_radii)),
        roi_px=24,
        nm_per_px=96.5,
        focal_shift_factor=0.88,
        counts=rng.integers(1, 20, n_planes),
        created="2026-01-02T03:04:05+00:00",
        metadata={"camera": "Ünit, 5", "exposure_ms": 2.5, "binned": False, "note": None},
    )


def _same(a: ZLUT, b: ZLUT) -> bool:
    arrays = all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("z_nm", "profiles", "counts")
    )
    names = ("r_step_px", "roi_px", "nm_per_px", "focal_shift_factor", "created", "metadata")
    return arrays and all(getattr(a, name) == getattr(b, name) for name in names)


def test_npz_keeps_everything(tmp_path: Path) -> None:
    zlut = _zlut()
    for name in ("a.npz", "b.NPZ"):
        zlut.save(tmp_path / name)
        assert _same(ZLUT.load(str(tmp_path / name)), zlut)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.npz", "b.NPZ"]


def test_set_keeps_everything(tmp_path: Path) -> None:
    a, b = _zlut(1), _zlut(2, 9, 31)
    for zluts in (
        ZLUTSet({4: a, 1: b, 900: a}),
        ZLUTSet({1: b}, default=a),
        ZLUTSet({}),
        ZLUTSet({}, default=b),
    ):
        zluts.save(tmp_path / "set.npz")
        read = ZLUTSet.load(tmp_path / "set.npz")
        assert list(read) == list(zluts)
        assert all(_same(read[bead_id], zluts[bead_id]) for bead_id in zluts)
        assert (read.default is None) == (zluts.default is None)
        assert read.default is None or zluts.default is None or _same(read.default, zluts.default)
    with pytest.raises(ValueError, match=r"saved as \.npz"):
        zluts.save(tmp_path / "set.txt")


def test_text_is_a_plain_matrix(tmp_path: Path) -> None:
    zlut, file = _zlut(), tmp_path / "lut.txt"
    zlut.save(file)
    matrix = np.loadtxt(file)
    assert matrix.shape == (13, 6)
    assert matrix[0] == pytest.approx(zlut.z_nm)
    assert matrix[4] == pytest.approx(zlut.profiles[:, 3])
    read = ZLUT.load(file)
    assert read.profiles == pytest.approx(zlut.profiles)
    np.savetxt(file, matrix[:, ::-1], delimiter=",", header="z in nm, falling")
    assert ZLUT.load(file).z_nm == pytest.approx(zlut.z_nm)


def test_text_has_whole_pixels(tmp_path: Path) -> None:
    profiles = np.arange(40.0)[None, :] * np.arange(1, 6)[:, None]
    ZLUT(np.arange(5.0), profiles, r_step_px=0.5).save(tmp_path / "lut.txt")
    read = ZLUT.load(tmp_path / "lut.txt")
    assert read.profiles == pytest.approx(profiles[:, :39:2])


def _radialzlut(tables: npt.NDArray[np.float32]) -> bytes:
    return np.array(tables.shape, "<i4").tobytes() + tables.astype("<f4").tobytes()


def test_radialzlut(tmp_path: Path) -> None:
    tables = np.random.default_rng(3).normal(size=(3, 7, 11)).astype(np.float32)
    file = tmp_path / "x.radialzlut"
    file.write_bytes(_radialzlut(tables))
    second = ZLUT.load(file, plane_nm=40, bead=1)
    assert second.z_nm == pytest.approx(np.arange(7) * 40)
    assert np.array_equal(second.profiles, tables[1])
    assert len(ZLUTSet.load(file, plane_nm=40)) == 3
    with pytest.raises(ValueError, match="give plane_nm"):
        ZLUT.load(file, bead=1)
    with pytest.raises(ValueError, match="say which with bead"):
        ZLUT.load(file, plane_nm=40)
    with pytest.raises(ValueError, match="has no bead 3"):
        ZLUT.load(file, plane_nm=40, bead=3)
    with pytest.raises(ValueError, match="read, not written"):
        second.save(file)


def test_real_radialzlut(test_data: Path) -> None:
    for name in ("10x.radialzlut", "long.radialzlut"):
        zluts = ZLUTSet.load(test_data / "qtrk" / name, plane_nm=50)
        assert len(zluts) >= 1
        assert zluts[0].n_radii >= 8


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


@pytest.mark.parametrize("suffix", [".npz", ".txt", ".radialzlut"])
@pytest.mark.parametrize("kind", ["rubbish", "empty", "pickle", "foreign", "cut", "object"])
def test_rubbish_is_refused_with_its_name(tmp_path: Path, suffix: str, kind: str) -> None:
    file = tmp_path / f"bad{suffix}"
    if kind == "rubbish":
        file.write_bytes(bytes(range(256)) * 20)
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "pickle":
        file.write_bytes(pickle.dumps(_Trap()))
    elif kind == "object":
        with file.open("wb") as stream:
            np.savez(stream, format=np.array([_Trap()], dtype=object))
    elif kind == "foreign":
        with file.open("wb") as stream:
            np.savez(stream, something=np.arange(3))
    else:
        _zlut().save(tmp_path / "good.npz")
        file.write_bytes((tmp_path / "good.npz").read_bytes()[:700])
    plane_nm = 50 if suffix == ".radialzlut" else None
    with pytest.raises(ValueError, match=f"bad\\{suffix}") as caught:
        ZLUT.load(file, plane_nm)
    assert "\n" not in str(caught.value)
    if suffix != ".txt":
        with pytest.raises(ValueError, match=f"bad\\{suffix}"):
            ZLUTSet.load(file, plane_nm)


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="0123456789.eE+- \n#x,naif", max_size=80))
def test_text_never_fails_otherwise(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.txt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"any\.txt is not a Z-LUT"):
        ZLUT.load(file)


def test_missing_file(tmp_path: Path) -> None:
    for name in ("no.npz", "no.txt", "no.radialzlut"):
        with pytest.raises(FileNotFoundError):
            ZLUT.load(tmp_path / name, plane_nm=50 if name.endswith("lut") else None)


def test_tables_that_are_none() -> None:
    good = np.ones((5, 10))
    for z_nm, profiles, said in (
        (np.arange(4.0), good, "one profile per z"),
        (np.zeros(5), good, "rise strictly"),
        (np.arange(5.0)[::-1], good, "rise strictly"),
        (np.arange(5.0), good * np.nan, "not a finite number"),
        (np.arange(3.0), good[:3], "at least 4 planes"),
    ):
        with pytest.raises(ValueError, match=said):
            ZLUT.from_profiles(profiles, z_nm)
    for r_step_px in (0.0, 2.0, float("nan")):
        with pytest.raises(ValueError, match="r_step_px"):
            ZLUT(np.arange(5.0), good, r_step_px=r_step_px)
    with pytest.raises(ValueError, match="counts"):
        ZLUT(np.arange(5.0), good, counts=np.ones(3, np.int64))


def test_a_table_does_not_change_with_its_source() -> None:
    z_nm, profiles = np.arange(5.0), np.ones((5, 10))
    zlut = ZLUT.from_profiles(profiles, z_nm, counts=[1, 2, 3, 4, 5])
    profiles[:] = 7
    assert (zlut.profiles == 1).all()
    assert zlut.counts.tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="read-only"):
        zlut.profiles[0, 0] = 3


def test_sweep_of_a_wide_roi() -> None:
    z_nm = np.array([-300.0, -100.0, 0.0, 50.0, 200.0])
    square = simulator.sweep_images(50, z_nm, 3, np.random.default_rng(4))
    wide = np.pad(square, ((0, 0), (0, 0), (0, 0), (7, 7)), constant_values=115)
    a = ZLUT.from_sweep(square, z_nm, nm_per_px=100.0, metadata={"camera": "simulated"})
    b = ZLUT.from_sweep(wide, z_nm)
    assert np.array_equal(a.profiles, b.profiles)
    assert a.roi_px == 50
    assert a.counts.tolist() == [3] * 5
    truth = simulator.radial_profiles(z_nm + 5000)[:, : a.n_radii * 10 : 10]
    scale = truth.std() / a.profiles.std()
    assert np.abs((a.profiles - a.profiles.mean()) * scale - (truth - truth.mean())).max() < 0.06


def test_sweep_without_a_bead() -> None:
    z_nm = np.array([0.0, 100.0, 200.0, 300.0, 400.0])
    images = simulator.sweep_images(40, z_nm, 2, np.random.default_rng(5))
    images[3] = 100
    with pytest.raises(ValueError, match="not seen at z = 300 nm"):
        ZLUT.from_sweep(images, z_nm)
    for other in ([[[[1]]]], np.zeros((0, 1, 32, 32), np.uint8)):
        with pytest.raises(ValueError, match="one z_nm per plane"):
            ZLUT.from_sweep(other, np.zeros(0))  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="one z_nm per plane"):
        ZLUT.from_sweep(images, np.arange(4.0))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"nm_per_px": -1}, "nm_per_px must be a finite number > 0, not -1"),
        ({"nm_per_px": 0.0}, "nm_per_px"),
        ({"nm_per_px": np.nan}, "nm_per_px"),
        ({"nm_per_px": np.array([96.0, 97.0])}, "nm_per_px"),
        ({"nm_per_px": "96"}, "nm_per_px"),
        ({"focal_shift_factor": np.inf}, "focal_shift_factor"),
        ({"focal_shift_factor": -0.88}, "focal_shift_factor"),
        ({"roi_px": 0}, "roi_px must be a whole"),
        ({"roi_px": 24.5}, "roi_px"),
        ({"roi_px": 2**63}, "roi_px"),
        ({"r_step_px": "1"}, "r_step_px"),
        ({"r_step_px": np.ones(2)}, "r_step_px"),
        ({"created": 2026}, "created must be a text"),
        ({"counts": [1.5] * 5}, "counts must be whole"),
        ({"counts": [-1] * 5}, "counts must be whole"),
        ({"counts": [[1], [2, 3]]}, "counts is no array"),
        ({"metadata": "camera"}, "metadata must be a mapping"),
        ({"metadata": {"a": np.ones(3)}}, r"metadata\['a'\] must be .* not ndarray"),
        ({"metadata": {"a": [1]}}, r"metadata\['a'\] must be .* not list"),
        ({"metadata": {"a": 1j}}, r"metadata\['a'\]"),
        ({"metadata": {"a": 2**64}}, r"metadata\['a'\]"),
        ({"metadata": {1: "a"}}, r"metadata\[1\]"),
        ({"z_nm": ["0", "1", "2", "3", "4"]}, "z_nm must be an array of real numbers"),
        ({"z_nm": np.arange(5) + 1j}, "z_nm"),
        ({"profiles": [[1.0, 2.0], [3.0]]}, "profiles is no array"),
        ({"shape": "round"}, "shape must be a BeadShape"),
    ],
)
def test_facts_that_are_none(facts: dict[str, Any], said: str) -> None:
    table = {"z_nm": np.arange(5.0), "profiles": np.random.default_rng(0).random((5, 10))}
    with pytest.raises(ValueError, match=said):
        ZLUT(**{**table, **facts})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (({-1.5: _zlut()},), "bead id -1.5"),
        (({True: _zlut()},), "bead id True"),
        (({"3": _zlut()},), "bead id '3'"),
        (({2**63: _zlut()},), "bead id 9223372036854775808"),
        (({1: "lut.npz"},), "holds ZLUTs, not str"),
        (({}, np.ones((5, 10))), "holds ZLUTs, not ndarray"),
        (([_zlut()],), "zluts must be a mapping"),
    ],
)
def test_sets_that_are_none(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ZLUTSet(*arguments)


_VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.integers(-100, 100).map(np.int16)
    | st.floats(-9, 9, width=32).map(np.float32)
    | st.booleans().map(np.bool_)
)


@settings(max_examples=40, deadline=None)
@given(
    size=st.floats(1e-300, 1e300) | st.integers(1, 10**30) | st.floats(1, 9, width=32).map(np.float32),
    roi_px=st.none() | st.integers(1, 2**63 - 1),
    metadata=st.dictionaries(st.text(), _VALUES, max_size=4),
    created=st.text(),
    ids=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3, unique=True),
)
def test_what_is_accepted_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    size: float,
    roi_px: int | None,
    metadata: dict[str, Any],
    created: str,
    ids: list[int],
) -> None:
    given_one = dataclasses.replace(
        _zlut(), nm_per_px=size, focal_shift_factor=size, roi_px=roi_px, metadata=metadata, created=created
    )
    file = tmp_path_factory.getbasetemp() / "any.npz"
    given_one.save(file)
    assert _same(ZLUT.load(file), given_one)
    ZLUTSet(dict.fromkeys(ids, given_one), given_one).save(file)
    read = ZLUTSet.load(file)
    assert list(read) == sorted(ids)
    assert _same(read[ids[0]], given_one)


def test_text_by_any_name_and_of_any_length(tmp_path: Path) -> None:
    zlut = _zlut()
    zlut.save(tmp_path / "lut.gz")
    assert np.array_equal(ZLUT.load(tmp_path / "lut.gz").profiles, zlut.profiles)
    short = dataclasses.replace(zlut, profiles=zlut.profiles[:, :4], r_step_px=0.25)
    with pytest.raises(ValueError, match="ends below r = 1 px"):
        short.save(tmp_path / "short.txt")
    assert not (tmp_path / "short.txt").exists()


@pytest.mark.parametrize("plane_nm", [0.0, -50.0, np.nan, np.inf, "50"])
def test_planes_of_no_distance(tmp_path: Path, plane_nm: Any) -> None:
    file = tmp_path / "x.radialzlut"
    file.write_bytes(_radialzlut(np.ones((1, 7, 11), np.float32)))
    with pytest.raises(ValueError, match="give plane_nm > 0"):
        ZLUT.load(file, plane_nm=plane_nm)
