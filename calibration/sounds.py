"""The sounds as waveforms and spectra, and how far apart they are by rhythm alone.

``python -m calibration.sounds`` prints the tables of docs/sounds.md, ``--documents`` writes them
there. What is measured is the WAV that ``gaitpi sounds render`` writes, at 172 steps a minute;
``--figures FOLDER`` draws it (needs matplotlib).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gaitpi.cues.audio import FULL_SCALE, RAMP_S, RATE_HZ, samples
from gaitpi.cues.distance import BLUR_S, LEAST, nearest, notes
from gaitpi.cues.vocabulary import PATTERNS, Tone, render

BEAT_S = 60.0 / 172.0
BAND_HZ = (2000.0, 4000.0)
DOCUMENT = Path(__file__).parents[1] / "docs" / "sounds.md"
Signal = NDArray[np.float64]


def waveform(tones: Sequence[Tone]) -> Signal:
    """(n,) of full scale 1."""
    return np.array(samples(tones), float) / FULL_SCALE


def hard(tones: Sequence[Tone]) -> Signal:
    """The same without ramps, for comparison."""
    x = waveform(tones)
    out = np.zeros_like(x)
    t = 0.0
    for tone in tones:
        i, j = round(t * RATE_HZ), round((t + tone.duration_s) * RATE_HZ)
        if tone.level > 0:
            k = np.arange(j - i)
            bend = (tone.end_hz - tone.start_hz) / (j - i)
            phase = 2.0 * np.pi / RATE_HZ * (tone.start_hz + 0.5 * bend * k) * k
            out[i:j] = np.abs(x).max() * np.sin(phase)
        t += tone.duration_s
    return out


def spectrum(x: Signal) -> tuple[Signal, Signal]:
    """(frequency Hz, power) of the sound with silence around it: its edges are part of it."""
    around = np.pad(x, round(0.1 * RATE_HZ))
    freq = np.fft.rfftfreq(len(around), 1.0 / RATE_HZ)
    return np.asarray(freq, np.float64), np.asarray(np.abs(np.fft.rfft(around)) ** 2, np.float64)


def outside_db(x: Signal) -> float:
    """Energy below half and above twice the band, of all, dB: what is heard as a click."""
    freq, power = spectrum(x)
    outside = (freq < BAND_HZ[0] / 2) | (freq > BAND_HZ[1] * 2)
    return float(10.0 * np.log10(power[outside].sum() / power.sum()))


def band_hz(x: Signal, share: float = 0.99) -> tuple[float, float]:
    """The frequencies between which ``share`` of the energy lies, Hz."""
    freq, power = spectrum(x)
    total = np.cumsum(power)
    edges = (0.5 - share / 2, 0.5 + share / 2)
    low, high = (float(freq[np.searchsorted(total, edge * total[-1])]) for edge in edges)
    return low, high


def waves() -> list[str]:
    """Table of the waveforms and spectra."""
    rows = [
        "| sound | notes | length, s | peak, dBFS | 99 % of the energy, Hz | outside 1–8 kHz, dB "
        "| the same without ramps, dB |",
        "|---|---|---|---|---|---|---|",
    ]
    for sound in PATTERNS.values():
        tones = render(sound, BEAT_S)
        x = waveform(tones)
        low, high = band_hz(x)
        rows.append(
            f"| {sound.name} | {len(notes(tones))} | {len(x) / RATE_HZ:.2f} "
            f"| {20 * np.log10(np.abs(x).max()):.1f} | {low:.0f}–{high:.0f} "
            f"| {outside_db(x):.0f} | {outside_db(hard(tones)):.0f} |"
        )
    return rows


def rhythms() -> list[str]:
    """Table of the distances: for every sound the one nearest to it."""
    heard, felt = nearest(), nearest(blur_s=BLUR_S)
    rows = [
        "| sound | nearest by rhythm | distance | nearest on a motor | distance |",
        "|---|---|---|---|---|",
    ]
    for name in PATTERNS:
        cells = []
        for pairs in (heard, felt):
            far, a, b = next(pair for pair in pairs if name in pair[1:])
            cells.append(f"{b if a == name else a} | {far:.2f}")
        rows.append(f"| {name} | {cells[0]} | {cells[1]} |")
    rows += [
        "",
        f"{len(heard)} pairs; the least distance is {heard[0][0]:.3f} heard and {felt[0][0]:.3f} "
        f"felt, the bound {LEAST}.",
    ]
    return rows


def tables() -> dict[str, list[str]]:
    """Name of the place in the document -> lines."""
    return {"waves": waves(), "rhythms": rhythms()}


def written(text: str, found: dict[str, list[str]]) -> str:
    """``text`` with the tables put in between their marks."""
    for name, lines in found.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = before + begin + "\n".join(lines) + "\n" + end + after
    return text


def draw(folder: Path) -> None:
    """Waveform, edge of the first note and spectrum of every sound as PNG."""
    import matplotlib.pyplot as plt  # type: ignore[import-not-found, unused-ignore]

    folder.mkdir(parents=True, exist_ok=True)
    for sound in PATTERNS.values():
        x = waveform(render(sound, BEAT_S))
        t = np.arange(len(x)) / RATE_HZ
        figure, axes = plt.subplots(3, 1, figsize=(9, 7))
        axes[0].plot(t, x, lw=0.4)
        axes[0].set_title(f"{sound.name}: {sound.meaning}")
        edge = round(3 * RAMP_S * RATE_HZ)
        axes[1].plot(1e3 * t[:edge], x[:edge], lw=0.8)
        axes[1].set_xlabel("ms")
        freq, power = spectrum(x)
        axes[2].plot(freq, 10 * np.log10(power / power.max() + 1e-12), lw=0.5)
        axes[2].set(xlim=(0, 10_000), ylim=(-100, 3), xlabel="Hz", ylabel="dB")
        figure.tight_layout()
        figure.savefig(folder / f"{sound.name}.png", dpi=80)
        plt.close(figure)


def main() -> None:
    """Print, write or draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", action="store_true", help="write the tables into docs")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="draw every sound")
    args = parser.parse_args()
    found = tables()
    if args.figures:
        draw(args.figures)
    if args.documents:
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(written(text, found), encoding="utf-8")
    else:
        print("\n\n".join("\n".join(lines) for lines in found.values()))


if __name__ == "__main__":
    main()
