"""Which codec a connection gets."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from core_h1 import AsyncHTTP11Connection, HTTP11Connection
from core_h1._choice import codec_factory
from core_h1._fast_codec import FastCodec
from core_h1._h11_codec import H11Codec

from ._async.fakes import AsyncScriptedStream
from ._sync.fakes import ORIGIN, ScriptedStream


def test_by_name() -> None:
    assert codec_factory("h11") is H11Codec
    assert codec_factory("fast") is FastCodec
    with pytest.raises(ValueError, match=r"no HTTP/1\.1 codec 'quick', only 'fast' and 'h11'"):
        codec_factory("quick")


def test_by_keyword() -> None:
    assert isinstance(HTTP11Connection(ORIGIN, ScriptedStream(), codec="h11")._codec, H11Codec)
    assert isinstance(AsyncHTTP11Connection(ORIGIN, AsyncScriptedStream(), codec="fast")._codec, FastCodec)


@pytest.mark.parametrize(("value", "expected"), [("h11", "H11Codec"), ("fast", "FastCodec"), ("", "FastCodec")])
def test_by_environment(value: str, expected: str) -> None:
    program = "import core_h1._choice as c; print(c.codec_factory().__name__)"
    environment = {**os.environ, "HTTPCORE_H1_CODEC": value}
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True)
    assert found.stdout.strip() == expected
