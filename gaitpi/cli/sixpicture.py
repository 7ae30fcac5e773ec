"""Six positions as they come in: a picture of 80 columns and 24 lines, plain ASCII. Pure."""

from typing import Final

from gaitpi.device.sixpositions import SIDES, SixPositions

NET: Final = ((None, "+z", None, None), ("-x", "-y", "+x", "+y"), (None, "-z", None, None))
"""The box unfolded."""
WIDTH: Final = 9
BAR: Final = 20


def frame(six: SixPositions, word: str) -> list[str]:
    """The picture now; ``word`` what was noticed last, in a sentence."""
    have = {p.side for p in six.positions}
    taken = sum(side in have for side in SIDES)
    tilted = sum(p.side == "tilted" for p in six.positions)
    lines = [f"{'Six positions':<60}{taken} of 6 sides in".rstrip(), ""]
    for row in NET:
        lines += _row(row, have, six.up)
    bar = "#" * round(BAR * six.progress)
    state = "still " if six.still else "moving"
    asked = f"tilted positions in: {tilted}" + (f" of {six.edges}" if six.edges else "")
    return [
        *lines,
        "",
        f"up now: {six.up or '-':<8} {state}  [{bar:<{BAR}}]    {asked}",
        f"gravity along x, y, z: {_direction(six)}",
        "",
        *_wrapped(word),
        "",
        "Lay it with each side of the sensor up, in any order; let go of it for 4 s.",
        "Ctrl-C ends it; then nothing is kept.",
    ]


def _row(row: tuple[str | None, ...], have: set[str], up: str) -> list[str]:
    edge = "".join("+" + "-" * WIDTH if side else " " * (WIDTH + 1) for side in row).rstrip()
    names, marks = "", ""
    for side in row:
        bar = "|" if side else " "
        mark = "" if side is None else "in" if side in have else "now" if side == up else ""
        names += f"{bar}{side or '':^{WIDTH}}"
        marks += f"{bar}{mark:^{WIDTH}}"
    last = max(k for k, side in enumerate(row) if side) + 1
    cut = last * (WIDTH + 1)
    return [edge + "+", names[:cut] + "|", marks[:cut] + "|", edge + "+"]


def _direction(six: SixPositions) -> str:
    if six.direction is None:
        return "-"
    return ", ".join(f"{x:+.2f}" for x in six.direction)


def _wrapped(word: str) -> list[str]:
    import textwrap

    return textwrap.wrap(word, 78) or [""]
