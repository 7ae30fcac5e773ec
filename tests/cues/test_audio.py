"""The sounds as WAV: what is written is what the vocabulary says, without clicks."""

import math
import os
import wave
from array import array
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gaitpi.cues.audio import (
    FULL_SCALE,
    PEAK,
    PLAYERS,
    RAMP_S,
    RATE_HZ,
    WavSpeaker,
    find_players,
    samples,
    write_wav,
)
from gaitpi.cues.distance import notes
from gaitpi.cues.vocabulary import PATTERNS, Tone, pattern, render
from gaitpi.errors import OutputError

BEAT_S = 60.0 / 172.0


def sound(name: str) -> NDArray[np.float64]:
    return np.array(samples(render(pattern(name), BEAT_S)), float) / FULL_SCALE


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_the_notes_are_where_they_belong(name: str) -> None:
    x = sound(name)
    tones = render(pattern(name), BEAT_S)
    assert len(x) == round(sum(tone.duration_s for tone in tones) * RATE_HZ)
    heard = np.zeros(len(x), bool)
    for start, end in notes(tones):
        heard[round(start * RATE_HZ) : round(end * RATE_HZ)] = True
    assert not x[~heard].any()
    for start, end in notes(tones):
        note = x[round(start * RATE_HZ) : round(end * RATE_HZ)]
        level = next(t.level for t in tones if t.level > 0)
        assert np.abs(note).max() == pytest.approx(PEAK * level, rel=0.02)


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_every_note_rises_and_falls_in_three_ms(name: str) -> None:
    x = sound(name)
    n = round(RAMP_S * RATE_HZ)
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    for start, end in notes(render(pattern(name), BEAT_S)):
        note = x[round(start * RATE_HZ) : round(end * RATE_HZ)]
        for edge in (note[:n], note[::-1][:n]):
            assert (np.abs(edge) <= PEAK * rise + 1e-3).all()


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_the_energy_lies_where_small_piezos_are_loud(name: str) -> None:
    x = sound(name)
    power = np.abs(np.fft.rfft(x)) ** 2
    freq = np.fft.rfftfreq(len(x), 1.0 / RATE_HZ)
    inside = power[(freq >= 1900.0) & (freq <= 4100.0)].sum() / power.sum()
    assert inside > 0.995


def test_a_glide_keeps_its_phase() -> None:
    """A jump in phase would click: the second difference of a sine is bounded by its pitch."""
    x = np.array(samples([Tone(2000.0, 3600.0, 0.75, 1.0)]), float) / FULL_SCALE
    bound = PEAK * (2.0 * math.pi * 3700.0 / RATE_HZ) ** 2
    assert np.abs(np.diff(x, 2)).max() < 1.1 * bound
    k = len(x) - 4000
    crossings = np.flatnonzero(np.diff(np.signbit(x[k:-200])))
    pitch = (len(crossings) - 1) / 2.0 * RATE_HZ / (crossings[-1] - crossings[0])
    # the mean of the last tenth of a second of a glide that ends at 3600 Hz
    assert pitch == pytest.approx(3600.0 - 1600.0 * (2100.0 / len(x)), rel=0.005)


def test_volume_scales_and_never_clips() -> None:
    loud, soft = (samples(pattern("record").tones, volume) for volume in (1.0, 0.25))
    assert max(loud) == pytest.approx(4 * max(soft), rel=0.01)
    assert max(samples(pattern("record").tones, 9.0)) == max(loud) < FULL_SCALE


def test_the_file_is_a_wav_any_player_reads(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "back.wav"
    tones = pattern("back").tones
    write_wav(path, tones)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 44_100)
        raw = array("h")
        raw.frombytes(file.readframes(file.getnframes()))
    assert raw == samples(tones)


def test_no_place_for_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_wav(tmp_path / "file" / "back.wav", pattern("back").tones)


# -- players ------------------------------------------------------------------------------


def player(folder: Path, name: str, script: str) -> None:
    """A program of that name which does what the shell lines say."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def found(folder: Path) -> list[tuple[str, ...]]:
    return find_players(
        lambda name: str(folder / name) if os.access(folder / name, os.X_OK) else None
    )


def test_players_are_found_in_order(tmp_path: Path) -> None:
    assert found(tmp_path) == []
    player(tmp_path, "ffplay", "")
    player(tmp_path, "aplay", "")
    assert [Path(command[0]).name for command in found(tmp_path)] == ["aplay", "ffplay"]
    assert set(PLAYERS) == {"aplay", "paplay", "afplay", "ffplay"}


def test_the_player_gets_the_file(tmp_path: Path) -> None:
    player(tmp_path, "aplay", f'echo "$@" > {tmp_path}/got')
    speaker = WavSpeaker(tmp_path / "sounds", found(tmp_path))
    assert speaker.name == "aplay"
    speaker.play(pattern("back"))
    wav = tmp_path / "sounds" / "back.wav"
    assert (tmp_path / "got").read_text() == f"-q {wav}\n"
    assert wav.exists()


def test_one_that_fails_is_given_up_for_the_next(tmp_path: Path) -> None:
    player(tmp_path, "aplay", f"echo no soundcards found >&2; echo >> {tmp_path}/tries; exit 1")
    player(tmp_path, "ffplay", f'echo "$4" >> {tmp_path}/got')
    speaker = WavSpeaker(tmp_path, found(tmp_path))
    speaker.play(pattern("mark"))
    speaker.play(pattern("mark"))
    assert (tmp_path / "tries").read_text() == "\n"  # once
    assert len((tmp_path / "got").read_text().splitlines()) == 2
    assert speaker.name == "ffplay"


def test_with_none_left_the_file_is_named(tmp_path: Path) -> None:
    player(tmp_path, "aplay", "echo no soundcards found >&2; exit 1")
    speaker = WavSpeaker(tmp_path, found(tmp_path))
    with pytest.raises(OutputError) as caught:
        speaker.play(pattern("mark"))
    assert "(aplay: no soundcards found)" in caught.value.found
    assert str(tmp_path / "mark.wav") in caught.value.found
    assert (tmp_path / "mark.wav").exists()
    assert "paplay" in caught.value.todo
    assert speaker.name == "no player"
