"""Settings of both sides (RFC 9113 § 6.5), and the slots for streams that follow from them.

Rules that hold here:

* Before the server's SETTINGS, 100 streams are taken to be allowed; afterwards its value counts, and where it sets
  none, a cap of our own. A user's cap bounds all three.
* The limit is a number that is compared when a stream is opened. A server that lowers it with more streams open than
  that stops nothing: they finish, and new ones wait elsewhere.
* Settings that nobody has defined are ignored, and not kept.
"""

from __future__ import annotations

from typing import Dict, Optional, Union

from h2.exceptions import InvalidSettingsValueError
from h2.settings import SettingCodes, Settings

from ._errors import ConnectionFault, ErrorCodes, code_name
from ._frames import DEFAULT_WINDOW, MAX_WINDOW

__all__ = [
    "SettingCodes",
    "Slots",
    "announced",
    "apply_remote",
    "known_settings",
    "local_settings",
    "remote_settings",
]

ASSUMED_STREAMS = 100
UNLIMITED_STREAMS = 1_000

_known_codes = frozenset(int(code) for code in SettingCodes)


class Slots:
    """How many streams may be open at a time; `cap` is the user's limit, or None."""

    __slots__ = ("_cap", "limit")

    def __init__(self, cap: Optional[int]) -> None:
        if cap is not None and cap < 1:
            raise ValueError("max_concurrent_streams must be at least 1")
        self._cap = cap
        self.limit = ASSUMED_STREAMS if cap is None else min(cap, ASSUMED_STREAMS)

    def learn(self, allowed: Optional[int]) -> None:
        """Take the server's SETTINGS_MAX_CONCURRENT_STREAMS, None where it has never set one."""
        if allowed is None:
            self.limit = UNLIMITED_STREAMS if self._cap is None else self._cap
        else:
            self.limit = allowed if self._cap is None else min(allowed, self._cap)


def local_settings(initial_window_size: int, max_header_list_size: int) -> Settings:
    """Return what we announce. Raises `ValueError` for a window that does not exist."""
    if not 1 <= initial_window_size <= MAX_WINDOW:
        raise ValueError("initial_window_size must be from 1 to 2^31-1 bytes")
    if max_header_list_size < 1:
        raise ValueError("max_header_list_size must be at least 1 byte")
    return Settings(
        client=True,
        initial_values={
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: initial_window_size,
            SettingCodes.MAX_HEADER_LIST_SIZE: max_header_list_size,
        },
    )


def announced(settings: Settings) -> Dict[int, int]:
    """Return those of our settings that differ from what a server takes for granted."""
    values = {
        int(SettingCodes.ENABLE_PUSH): 0,
        int(SettingCodes.MAX_HEADER_LIST_SIZE): settings[SettingCodes.MAX_HEADER_LIST_SIZE],
    }
    if settings.initial_window_size != DEFAULT_WINDOW:
        values[int(SettingCodes.INITIAL_WINDOW_SIZE)] = settings.initial_window_size
    return values


def remote_settings() -> Settings:
    """Return what holds for a server that has said nothing yet."""
    return Settings(client=False)


def known_settings(received: Dict[int, int]) -> Dict[Union[SettingCodes, int], int]:
    """Return those of the received settings that are defined. Raises `ConnectionFault` for values out of range."""
    if received.get(SettingCodes.ENABLE_PUSH, 0) != 0:
        raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "The server sent SETTINGS_ENABLE_PUSH other than 0")
    return {SettingCodes(code): value for code, value in received.items() if code in _known_codes}


def apply_remote(settings: Settings, received: Dict[Union[SettingCodes, int], int]) -> None:
    """Make the received values the current ones. Raises `ConnectionFault` for values out of range."""
    try:
        settings.update(received)
    except InvalidSettingsValueError as exc:
        code = int(exc.error_code)
        raise ConnectionFault(code, f"The server sent a setting out of range: {exc} ({code_name(code)})") from exc
    settings.acknowledge()
