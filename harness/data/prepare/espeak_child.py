"""Speaks with espeak-ng in a process of its own, so that a crash there ends nothing else.

Run as a script: a request as JSON on stdin, samples on stdout (`harness.data.prepare.espeak`
is the other end). It imports nothing but the standard library, to start in milliseconds.

API: https://github.com/espeak-ng/espeak-ng (src/include/espeak-ng/speak_lib.h)
"""

import ctypes
import json
import struct
import sys
from typing import Any

_SYNCHRONOUS, _DO_NOT_EXIT = 2, 0x8000
_RATE, _PITCH, _RANGE = 1, 3, 4
_CHARS_UTF8, _POSITION_CHARACTER = 1, 1


def main() -> int:
    """Answers one request: sample rate, version, then each text's samples, sizes before them."""
    request = json.load(sys.stdin)
    library = ctypes.CDLL(request["library"])
    # The folder in which espeak-ng-data lies.
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, request["data"].encode(), _DO_NOT_EXIT)
    if rate <= 0:
        return _fail(f"no voice data in {request['data']}")
    heard: list[bytes] = []
    kind = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
    )

    def hear(samples: Any, count: int, _events: Any) -> int:
        if count > 0:
            heard.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = kind(hear)  # kept in a variable: the library does not own it
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(request["voice"].encode()):
        return _fail(f"no voice {request['voice']}")
    out = sys.stdout.buffer
    library.espeak_Info.restype = ctypes.c_char_p
    version = library.espeak_Info(None)
    out.write(struct.pack("<II", rate, len(version)) + version)
    for text, speed, pitch, span in request["says"]:
        heard.clear()
        for parameter, value in ((_RATE, speed), (_PITCH, pitch), (_RANGE, span)):
            library.espeak_SetParameter(parameter, value, 0)
        spoken = text.encode()
        failed = library.espeak_Synth(
            spoken, len(spoken) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if failed:
            return _fail(f"{request['voice']} cannot say {text!r}")
        library.espeak_Synchronize()
        sound = b"".join(heard)
        out.write(struct.pack("<I", len(sound)) + sound)
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(message)
    return 1


if __name__ == "__main__":
    sys.exit(main())
