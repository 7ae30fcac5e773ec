"""One recording computed once more and compared: what a worker does, here or on a cluster.

The imports of this module are light; numpy, numba and the kernels come with the first task.
"""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gaitpi.errors import ConfigError, GaitpiError, InputFileError, UsageError
from gaitpi.reanalysis.task import Answer, Task, code_name

if TYPE_CHECKING:
    from gaitpi.config import Config
    from gaitpi.device.replay import Recording
    from gaitpi.gait import GaitParams
    from gaitpi.reanalysis.compare import Rows

ONE_THREAD: Final = (
    *("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"),
    "VECLIB_MAXIMUM_THREADS",
)
"""Each worker computes in one thread; there are as many workers as wanted."""
GAIT: Final = "gait."
GAIT_RANGE: Final = (0.5, 2.0)
"""How far a gait parameter may be from its usual value, as a factor. The kernels were looked at
within this; beyond it their memory of samples and steps may not be long enough."""


def one_thread() -> None:
    """Have the libraries that are loaded from now on compute in one thread."""
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))


def work(task: Task) -> bytes:
    """The :class:`Answer` to ``task`` as JSON; never raises for what is wrong with a recording.

    The same task gives the same bytes in whichever process.
    """
    try:
        if task.code != code_name():
            raise UsageError(
                "The worker has another gaitpi, Python, numpy or numba than the one that asks.",
                "Install the same on every machine of the cluster.",
            )
        answer = Answer(result=_on_disk(task))
    except GaitpiError as error:
        answer = Answer(problem=str(error))
    except Exception as error:  # one recording never stops the rest
        words = str(error).splitlines()[0] if str(error) else ""
        answer = Answer(
            problem=str(GaitpiError(f"{task.file}: unexpected {type(error).__name__}: {words}."))
        )
    return msgspec.json.encode(answer, order="deterministic")


def _on_disk(task: Task) -> dict[str, Any]:
    """The work, with the recording as a file."""
    if task.data is None:
        assert task.path is not None
        path = Path(task.path)
        result = _result(path, task)
        try:
            now = path.stat()
        except OSError:
            now = None
        if now is None or (now.st_size, now.st_mtime_ns) != (task.size, task.changed_ns):
            from gaitpi.reanalysis.sources import changed

            raise changed(task.file)
        return result
    name = task.file
    if not name or Path(name).name != name or name.startswith("."):
        raise InputFileError(f"{name!r} is no name of a file.")
    with tempfile.TemporaryDirectory(prefix="gaitpi-") as folder:
        path = Path(folder) / name
        path.write_bytes(task.data)
        if task.journal is not None:
            path.with_name(f"{name}-journal").write_bytes(task.journal)
        return _result(path, task)


def _result(path: Path, task: Task) -> dict[str, Any]:
    """What is found out about one recording. Raises GaitpiError when it cannot be computed."""
    from gaitpi.reanalysis import compare

    new_config, old_config = _configs(path, task)
    params = gait_params(task.parameters.gait)
    new = _computed(path, new_config, params)
    about: dict[str, Any] = {"kind": task.kind}
    old = None
    lacks: frozenset[str] = frozenset()
    notes: list[str] = []
    if task.kind == "run":
        old, about, lacks, notes, cut = _recorded(path, about)
        compared = new
        if task.parameters.against == "recorded" and cut:
            compared = _until(new, old)
    if task.parameters.against == "today":
        old, lacks, notes, compared = _computed(path, old_config, None), frozenset(), [], new
    result: dict[str, Any] = {
        **about,
        "against": task.parameters.against,
        "status": "computed",
        "new": compare.figures(new),
        "digest": new.digest(),
        "notes": notes,
    }
    if old is None:
        return result
    steps = compare.tables(old.steps, compared.steps, compare.STEP, "ic_s", compare.STEP)
    known = [name for name in compare.SECOND if name not in lacks]
    seconds = compare.tables(old.seconds, compared.seconds, compare.SECOND, "time_s", known)
    cues = compare.cues(old, compared, ticks="first_s" not in lacks)
    status = "changed"
    if steps.all_same and seconds.all_same and cues["exact"] and cues["withheld"]["exact"]:
        status = "same"
    elif steps.rounding and seconds.rounding and cues["rounding"]:
        status = "alike"
    return {
        **result,
        "status": status,
        "old": compare.figures(old),
        "new": compare.figures(compared),
        "steps": steps.as_json(),
        "seconds": seconds.as_json(),
        "cues": cues,
    }


def _configs(path: Path, task: Task) -> "tuple[Config, Config]":
    """The configuration to compute with, and that without ``--set``."""
    from gaitpi.config import Config, apply

    given = task.parameters
    if given.config is not None:
        texts = (given.config, given.base or given.config)
        new, old = (msgspec.json.decode(text, type=Config) for text in texts)
        return new, old
    from gaitpi.runs.reader import RunReader

    with RunReader(path) as run:
        text = run.header.config
    try:
        own = msgspec.json.decode(text, type=Config)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        own = None
    if own is None:
        raise InputFileError(
            f"The configuration in {path.name} was written by another version of gaitpi and"
            " cannot be read.",
            "Name one with --config, then it is used for every run.",
        )
    return apply(own, given.sets), own


def gait_params(given: dict[str, float]) -> "GaitParams | None":
    """The estimator's parameters with ``given`` laid over them; None where nothing is.

    Raises ConfigError for a name that is none, and for a value too far from the usual one.
    """
    if not given:
        return None
    from dataclasses import fields, replace
    from difflib import get_close_matches

    from gaitpi.gait import GaitParams

    usual = {f.name: (float(f.default), f.metadata["unit"]) for f in fields(GaitParams)}  # type: ignore[arg-type]
    for name, value in given.items():
        if name not in usual:
            near = get_close_matches(name, usual, n=1)
            hint = f"Did you mean {GAIT}{near[0]}?" if near else ""
            hint = hint or "docs/algorithms.md and gaitpi/gait/params.py name them."
            raise ConfigError(f"There is no parameter {GAIT}{name}.", hint)
        default, unit = usual[name]
        low, high = (factor * default for factor in GAIT_RANGE)
        if not low <= value <= high:
            raise ConfigError(
                f"{GAIT}{name} is {value:g}, expected {low:.6g} to {high:.6g} ({unit}).",
                "Half to twice the usual value: beyond it the kernels were not looked at.",
            )
    return replace(GaitParams(), **given)


def _computed(path: Path, config: "Config", params: "GaitParams | None") -> "Rows":
    """The recording through today's code. Raises GaitpiError where it is damaged."""
    import numpy as np

    from gaitpi.coach.types import Cue, Withheld
    from gaitpi.device.replay import open_recording, pipeline_for
    from gaitpi.gait.types import STEP_DTYPE
    from gaitpi.reanalysis.compare import SECOND, STEP, Rows, table

    recording: Recording = open_recording(path)
    pipeline = pipeline_for(recording, config, params=params)
    steps = [np.empty(0, STEP_DTYPE)]
    seconds, cues, withheld = [], [], []
    for time_s, acc, gyr in recording.blocks:
        out = pipeline.update(acc, gyr, time_s)
        steps.append(out.trace.steps)
        seconds += out.seconds
        cues += [d for d in out.decisions if isinstance(d, Cue)]
        withheld += [d for d in out.decisions if isinstance(d, Withheld)]
    seconds += pipeline.finish()
    rows = np.concatenate(steps)
    columns = [rows[name].astype(np.float64) for name in STEP]
    return Rows(np.stack(columns, axis=1), table(seconds, SECOND), cues, withheld)


def _recorded(
    path: Path, about: dict[str, Any]
) -> "tuple[Rows, dict[str, Any], frozenset[str], list[str], bool]":
    """The rows in a run file; what is to be said of it; columns it lacks; notes; whether cut off.

    Raises RunFileError where a table of it is damaged.
    """
    from gaitpi.coach.types import Cue, Withheld, decided
    from gaitpi.reanalysis.compare import SECOND, STEP, Rows, table
    from gaitpi.runs.reader import RunReader
    from gaitpi.runs.schema import ADDED

    with RunReader(path) as run:
        rows = Rows(
            table(run.steps(), STEP),
            table(run.seconds(), SECOND),
            [
                Cue(
                    *(r.time_s, r.cue, r.metric, r.value, (r.low, r.high)),  # type: ignore[arg-type]
                    *(r.rule, r.reason, r.beat_s, r.first_s, r.from_s),
                )
                for r in run.cues()
                if decided(r.cue, r.metric)
            ],
            [
                Withheld(
                    *(r.time_s, r.cue, r.metric, r.value, (r.low, r.high), r.rule, r.reason)  # type: ignore[arg-type]
                )
                for r in run.withheld()
            ],
        )
        about = about | {
            "id": run.run_id,
            "start": run.started.isoformat(timespec="seconds"),
            "recorded_by": run.header.gaitpi,
            "format": run.version,
        }
        lacks = frozenset().union(*ADDED.get(run.version, {}).values())
        lost = sum(event.kind == "dropout" for event in run.events())
        finished = run.finished
    notes = []
    if lacks:
        notes.append(f"format {about['format']}: columns it does not have are not compared")
    if lost:
        notes.append(f"the card did not take everything ({lost} times): the run had more samples")
    if not finished:
        notes.append("cut off: what came after its last rows is not compared")
    return rows, about, lacks, notes, not finished


def _until(new: "Rows", old: "Rows") -> "Rows":
    """The rows of ``new`` up to the last ones of ``old``: a cut took those after."""
    from gaitpi.reanalysis.compare import SECOND, STEP, Rows

    def last(values: Any) -> float:
        return max(values, default=float("-inf"))

    known, time = STEP.index("known_s"), SECOND.index("time_s")
    steps = new.steps[new.steps[:, known] <= last(old.steps[:, known].tolist())]
    seconds = new.seconds[new.seconds[:, time] <= last(old.seconds[:, time].tolist())]
    until_s = last(old.seconds[:, time].tolist()) + 1.0
    ends = [max(until_s, last([c.time_s for c in rows])) for rows in (old.cues, old.withheld)]
    return Rows(
        steps,
        seconds,
        [cue for cue in new.cues if cue.time_s <= ends[0]],
        [one for one in new.withheld if one.time_s <= ends[1]],
    )
