"""What the class of a driver says of itself; a mistake in it is a problem like any other."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from magscope_app.devices import Camera, CameraContext, FrameFormat, Motor, MotorContext
from magscope_app.errors import FOREIGN, Problem

_T = TypeVar("_T")


class DriverAnswers:
    """Asks the class of one driver, and notes what is wrong with its answers.

    Parameters
    ----------
    where : str
        Key of the driver in the config.
    driver : type
        Of the device.
    context : CameraContext or MotorContext
        What it is asked with.

    Attributes
    ----------
    wrong : list of Problem
        Mistakes of the driver.
    """

    def __init__(
        self, where: str, driver: type[Camera] | type[Motor], context: CameraContext | MotorContext
    ) -> None:
        self._where, self._driver, self._context = where, driver, context
        self.wrong: list[Problem] = []
        kernels = driver.kernels if issubclass(driver, Camera) else ()
        self._check("kernels", kernels, _texts, 'a tuple of texts "module:function"')
        self._check(
            "shared_matrices", driver.shared_matrices, _shapes, "a dictionary of name to (rows, columns)"
        )
        self._check("needs", driver.needs, _words, 'a text, "" where it needs nothing')
        if issubclass(driver, Motor):
            self._check("unit", driver.unit, _text, 'a text, such as "mm"')

    def problems(self) -> tuple[Problem, ...]:
        """Return what the driver says is wrong with the config."""
        wanted = "a tuple of magscope_app.errors.Problem, () where nothing is wrong"
        return self._ask("problems", _problems, wanted, self._context) or ()

    def expected_format(self) -> FrameFormat | None:
        """Return the format of a camera's frames, as far as it is known."""
        return self._ask(
            "expected_format", _format, "a FrameFormat, or None where it is not known", self._context
        )

    def common(self) -> None:
        """Ask what else is asked later."""
        self._ask("claims", _texts, _TEXTS, self._context)
        if issubclass(self._driver, Motor):
            self._ask("controller", _text, "the name of the controller, a text", self._context)
        else:
            self._ask("waits_for_ring", _truth, "True or False", self._context)

    def availability(self) -> None:
        """Ask why it cannot be used, if so; this may import what the maker of the device offers."""
        self._ask("why_unavailable", _reason, "a sentence, or None where the driver can be used")

    def _ask(self, name: str, read: Callable[[Any], _T], wanted: str, *given: object) -> _T | None:
        question = getattr(self._driver, name)
        if not callable(question):
            what = f"the driver's {name} is {reprlib.repr(question)}, and must be a class method"
            asked = "cls, context" if given else "cls"
            self._note(what, f"write @classmethod and def {name}({asked}), which returns {wanted}")
            return None
        try:
            answer = question(*given)
        except FOREIGN as error:
            self._note(
                f"the driver cannot say its {name} ({type(error).__name__}: {error})", "mend the driver"
            )
            return None
        return self._check(f"{name}()", answer, read, wanted)

    def _check(self, name: str, answer: Any, read: Callable[[Any], _T], wanted: str) -> _T | None:
        """Return an answer as what it must be; None where it is something else, or breaks off."""
        try:
            return read(answer)
        except FOREIGN:
            what = f"the driver's {name} is {reprlib.repr(answer)}, and must be {wanted}"
            self._note(what, "mend the driver")
            return None

    def _note(self, what: str, remedy: str) -> None:
        self.wrong.append(Problem(self._where, what, remedy))


_TEXTS = 'a tuple of texts, such as ("the port COM3",)'


def _require(condition: bool) -> None:
    if not condition:
        raise TypeError


def _several(answer: Any, kind: type[_T]) -> tuple[_T, ...]:
    _require(isinstance(answer, Iterable) and not isinstance(answer, str))
    found = tuple(answer)
    _require(all(isinstance(each, kind) for each in found))
    return found


def _problems(answer: Any) -> tuple[Problem, ...]:
    return _several(answer, Problem)


def _texts(answer: Any) -> tuple[str, ...]:
    return _several(answer, str)


def _text(answer: Any) -> str:
    _require(isinstance(answer, str) and bool(answer))
    return str(answer)


def _words(answer: Any) -> str:
    _require(isinstance(answer, str))
    return str(answer)


def _reason(answer: Any) -> str | None:
    return None if answer is None else _words(answer)


def _truth(answer: Any) -> bool:
    _require(isinstance(answer, bool))
    return bool(answer)


def _format(answer: Any) -> FrameFormat | None:
    _require(answer is None or isinstance(answer, FrameFormat))
    found: FrameFormat | None = answer
    return found


def _shapes(answer: Any) -> None:
    _require(isinstance(answer, Mapping))
    for name, shape in answer.items():
        rows, columns = shape
        _require(isinstance(name, str) and isinstance(rows, int) and isinstance(columns, int))
