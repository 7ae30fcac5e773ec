"""What the journal and the button say of one run."""

from datetime import timedelta

from gaitpi.errors import GaitpiError
from gaitpi.journal import store, tell, texts
from gaitpi.journal.entries import Pain
from gaitpi.runs.reader import RunReader, clock


def pains(journal: store.Journal, run_id: str, day: str) -> list[Pain]:
    """The pains entered for a run, and those surely of its day that no run was named for."""
    return [
        one
        for one in journal.pains
        if one.run == run_id or (one.day == day and one.sure and not one.run)
    ]


def next_step(run: RunReader) -> str:
    """What to enter next after a run in which something was felt; "" where nothing was.

    Raises RunFileError.
    """
    if not any(event.kind == "pain" for event in run.events()):
        return ""
    after = (run.began + timedelta(days=1)).date().isoformat()
    try:
        journal = store.load(store.path_in(run.path.absolute().parent))
    except GaitpiError:
        return ""
    known = any(one.moment == "morning" and one.day == after for one in journal.pains)
    return "" if known else texts.ASK_MORNING


def lines(run: RunReader) -> list[str]:
    """What was felt in a run and entered for it, a sentence or two; nothing where nothing was.

    Raises RunFileError. A journal that cannot be read is said.
    """
    said = []
    times = [event.time_s for event in run.events() if event.kind == "pain"]
    if times:
        said.append(f"felt it here at {', '.join(map(clock, times[:6]))}")
    try:
        journal = store.load(store.path_in(run.path.absolute().parent))
    except GaitpiError as error:
        said.append(str(error))
    else:
        day = run.began.date().isoformat()
        said += [tell.pain(one) for one in pains(journal, run.run_id, day)]
    return ["; ".join(said), *texts.marks(len(times))] if said else []
