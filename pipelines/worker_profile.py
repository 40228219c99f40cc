"""`--profile`: flags of the runner from a file, such as the workers that a job wants: one of pairmill's, or yours.

A profile is a mapping of Beam's flags without their dashes. `true` sets a switch, a list repeats the flag.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

FLAG = "--profile"
FOLDER = Path(__file__).with_name("profiles")


def names() -> list[str]:
    """The profiles that ship with pairmill."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def expanded(tokens: Sequence[str]) -> list[str]:
    """A command line with the flags of its profile before its own, which win. Raises ValueError with the mend."""
    flags: list[str] = []
    for place, token in enumerate(tokens):
        name, equals, value = token.partition("=")
        if name == FLAG and (equals or place + 1 < len(tokens)):
            flags += flags_of(value if equals else tokens[place + 1])
    return [*flags, *tokens]


def flags_of(profile: str) -> list[str]:
    """The flags of a profile, by its name or path. Raises ValueError with the mend."""
    path = FOLDER / f"{profile}.yaml"
    if os.sep in profile or not path.is_file():
        path = Path(profile)
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"there is no profile {profile}; give the path of a file, or {' or '.join(names())}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"the profile {path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(settings, Mapping):
        raise ValueError(f"the profile {path} must be a mapping of flags, such as `machine_type: n2-standard-2`")
    return [flag for name, value in settings.items() for flag in _flags(f"--{name}", value, path)]


def _flags(flag: str, value: Any, path: Path) -> list[str]:
    if value is True:
        return [flag]
    if isinstance(value, list):
        return [part for one in value for part in _flags(flag, one, path)]
    if isinstance(value, str | int | float) and value is not False:
        return [f"{flag}={value}"]
    raise ValueError(f"the profile {path}: {flag[2:]} must be text, a number, true or a list; leave it out otherwise")
