"""The same sounds on a computer: as WAV files, and through whatever plays them there.

A pure tone with ramps stands for what a piezo makes of a square wave. Stdlib only.
"""

import math
import shutil
import subprocess
import sys
import time
import wave
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from gaitpi.cues.vocabulary import Pattern, Tone, render
from gaitpi.errors import OutputError

RATE_HZ: Final = 44_100
RAMP_S: Final = 0.003
"""Rise and fall of every note: half a cosine, so that it does not click, s."""
PEAK: Final = 0.8
"""Amplitude of level 1, of full scale."""
FULL_SCALE: Final = 32_767

PLAYERS: Final = {
    "aplay": ("-q",),
    "paplay": (),
    "afplay": (),
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error"),
}
"""Programs that play a WAV file, in the order they are tried, with what comes before the file."""


def samples(tones: Sequence[Tone], volume: float = 1.0) -> "array[int]":
    """The sound as 16-bit samples at ``RATE_HZ``; ``volume`` 0 to 1. Glides keep their phase."""
    out = array("h")
    t = 0.0
    for tone in tones:
        # counted from the start of the sound: rounding does not add up
        n = round((t + tone.duration_s) * RATE_HZ) - len(out)
        t += tone.duration_s
        if tone.level <= 0:
            out.frombytes(bytes(2 * n))
            continue
        scale = FULL_SCALE * PEAK * min(1.0, max(0.0, tone.level * volume))
        ramp = min(round(RAMP_S * RATE_HZ), n // 2)
        rise = [0.5 - 0.5 * math.cos(math.pi * (k + 0.5) / ramp) for k in range(ramp)]
        envelope = [*rise, *(1.0,) * (n - 2 * ramp), *reversed(rise)]
        step = 2.0 * math.pi / RATE_HZ
        bend = (tone.end_hz - tone.start_hz) / n
        out.extend(
            round(scale * gain * math.sin(step * (tone.start_hz + 0.5 * bend * k) * k))
            for k, gain in enumerate(envelope)
        )
    return out


def write_wav(path: Path, tones: Sequence[Tone], volume: float = 1.0) -> None:
    """Write the sound as mono 16-bit WAV. Raises OutputError when it cannot be written."""
    data = samples(tones, volume)
    if sys.byteorder == "big":
        data.byteswap()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file, wave.open(file, "wb") as sound:
            sound.setparams((1, 2, RATE_HZ, len(data), "NONE", "not compressed"))
            sound.writeframes(data.tobytes())
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}.", "Name another folder."
        ) from error


def find_players(which: Callable[[str], str | None] = shutil.which) -> list[tuple[str, ...]]:
    """The commands on this machine that play a WAV file put behind them."""
    found = ((which(name), before) for name, before in PLAYERS.items())
    return [(path, *before) for path, before in found if path]


class WavSpeaker:
    """Plays sounds on a computer: writes them into ``folder`` and hands them to a player.

    A player that fails is given up, and the next one tried. Raises OutputError, naming the WAV
    file, when none is left.
    """

    def __init__(
        self, folder: Path, players: Sequence[tuple[str, ...]], volume: float = 1.0
    ) -> None:
        self._folder = folder
        self._players = list(players)
        self._volume = volume
        self._why = ""

    @property
    def name(self) -> str:
        """For messages: the player, or that there is none."""
        return Path(self._players[0][0]).name if self._players else "no player"

    def play(self, sound: Pattern, beat_s: float = math.nan) -> None:
        """Play it and return when it is over."""
        path = self._folder / f"{sound.name}.wav"
        tones = render(sound, beat_s)
        write_wav(path, tones, self._volume)
        length_s = sum(tone.duration_s for tone in tones)
        while self._players:
            if not (why := self._run(self._players[0], path, length_s)):
                return
            self._why = f" ({Path(self._players[0][0]).name}: {why})"
            del self._players[0]
        raise OutputError(
            f"Nothing here plays sound{self._why}; {sound.name} is in {path}.",
            f"Play that file, or install one of {', '.join(PLAYERS)}.",
        )

    def close(self) -> None:
        """The files stay."""

    def _run(self, player: tuple[str, ...], path: Path, length_s: float) -> str:
        """Why the player did not play; empty if it did."""
        start = time.monotonic()
        try:
            done = subprocess.run(
                (*player, str(path)),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=length_s + 10.0,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(getattr(error, "strerror", None) or "does not come to an end")
        if done.returncode:
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            return (lines[-1] if lines else f"exit {done.returncode}")[:60]
        # some return before the sound is out: the next one must not cut it off
        time.sleep(max(0.0, length_s - (time.monotonic() - start)))
        return ""
