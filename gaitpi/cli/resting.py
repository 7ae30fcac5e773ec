"""That cues rest because of a pain: said wherever a next run is spoken of."""

from pathlib import Path

from gaitpi.errors import GaitpiError
from gaitpi.journal import NAME


def resting(directory: Path) -> tuple[str, str]:
    """That cues rest in a run of now, and when to see a clinician; "" where they do not.

    The journal takes long to load: only where there is one beside the runs of ``directory``.
    """
    path = directory / NAME
    try:
        if not path.exists():
            return "", ""
    except OSError as error:  # in a folder that may not be looked into it may be there
        from gaitpi.journal import texts

        return texts.resting_not_known(f"{path} cannot be read: {error.strerror}."), texts.SEE
    from gaitpi.journal import days, rest, store, texts

    # the belt does as much: where it cannot be known it is silent
    now = store.stamp()
    try:
        journal = store.load(path)
    except GaitpiError as error:
        return texts.resting_not_known(str(error)), texts.SEE
    if rest.unknown(journal, now.wall_s):
        return texts.resting_not_known(f"A row of {NAME} is damaged."), texts.SEE
    found = rest.resting(journal, days.today(now))
    return ("", "") if found is None else (texts.resting(*found), texts.SEE)
