"""What all sections of a config file have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """One table of the config file: unknown keys are refused, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true for a number and 1 for true, which Python would take for one another."""
        annotation = cls.model_fields[info.field_name or ""].annotation
        kinds = {annotation, *get_args(annotation)}
        if isinstance(value, bool) and kinds & {int, float}:
            raise ValueError(f"{str(value).lower()} is not allowed; give a number")
        if isinstance(value, int) and not isinstance(value, bool) and annotation is bool:
            raise ValueError(f"{value} is not allowed; give true or false")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _paths_are_possible(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what no file can be called, before anybody looks for it."""
        annotation = cls.model_fields[info.field_name or ""].annotation
        for entry in value if isinstance(value, list | tuple) else [value]:
            if isinstance(entry, str) and Path in {annotation, *get_args(annotation)}:
                _require_possible(entry)
        return value


def _require_possible(path: str) -> None:
    if "\0" in path:
        raise ValueError(f"{path!r} cannot be the name of a file; give another")
    try:
        Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{path!r} begins with a user who is not known here; give the whole path") from None
