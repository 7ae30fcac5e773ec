"""What a folder can look like on storage after a cut, given what was done to it.

Of a killed process everything is there that it had done: the kernel has it. Of power that fails
only what was synced is sure: the content and size of a file by fsync or fdatasync of the file, a
name (a new file, a rename, an unlink) by a sync of the folder it is in. Of everything since, any
part may have reached the card: any sector of any write or an earlier state of it, any of the
sizes the file had, any of the names. Sectors are 512 bytes. ext4 with its usual options is kinder:
there a file's sync takes its name along, and names arrive in order.

Sectors that are *torn* hold anything, in the bytes that were being written; a card that spoils the
*neighbours* spoils the whole 4096 bytes around them, which nobody can promise anything about.
"""

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from calibration.powercut.operations import Operation

SECTOR: Final = 512
NEIGHBOURS: Final = 4096
"""What a card may spoil around a sector that it was writing, bytes."""

State = dict[str, bytes | None]
"""Path, from the folder on, to content; None = a folder."""


@dataclass(slots=True, eq=False)
class File:
    """``durable`` is on the card; ``current`` what a reader sees now."""

    folder: bool = False
    durable: bytes = b""
    current: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A change that a cut may undo: of the ``file``'s content, or (file None) of ``names``."""

    operation: Operation
    file: File | None = None
    offset: int = 0
    names: tuple[tuple[str, File | None], ...] = ()

    @property
    def data(self) -> bytes:
        """What is written."""
        return self.operation.data

    @property
    def truncates(self) -> bool:
        """Whether it sets the size instead of writing."""
        return self.operation.kind == "truncate"

    def onto(self, content: bytearray) -> None:
        """Do it to ``content``."""
        if self.truncates:
            size = self.operation.size
            del content[size:]
            content.extend(bytes(size - len(content)))
        else:
            content.extend(bytes(max(0, self.offset - len(content))))
            content[self.offset : self.offset + len(self.data)] = self.data


class Storage:
    """A folder while the operations are done to it, one after the other."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is there and empty, safely so."""
        self._folder = str(folder)
        root = File(folder=True)
        self._names: dict[str, File] = {self._folder: root}
        self._durable: dict[str, File] = {self._folder: root}
        self.pending: list[Change] = []

    def changes(self, operation: Operation) -> list[Change]:
        """What ``operation`` would change now; nothing for a sync."""
        file = self._names.get(operation.path)
        match operation.kind:
            case "create" if file is None:
                return [Change(operation, names=((operation.path, File()),))]
            case "mkdir":
                return [Change(operation, names=((operation.path, File(folder=True)),))]
            case "unlink":
                return [Change(operation, names=((operation.path, None),))]
            case "rename":
                moved = ((operation.path, None), (operation.target, file))
                return [Change(operation, names=moved)]
            case "truncate" if file is not None and len(file.current) != operation.size:
                return [Change(operation, file)]
            case "write" if file is not None:
                at = len(file.current) if operation.offset is None else operation.offset
                return [Change(operation, file, at)]
        return []

    def do(self, operation: Operation) -> None:
        """Do it: from now on it is pending, or, a sync, nothing before it is."""
        if operation.kind == "sync":
            self._sync(operation)
        for change in self.changes(operation):
            self.pending.append(change)
            if change.file is not None:
                change.onto(change.file.current)
            _rename(self._names, change)

    def _sync(self, operation: Operation) -> None:
        synced = self._names.get(operation.path)
        if synced is None:
            return
        left = []
        for change in self.pending:
            within = change.file is synced or (
                change.file is None and str(Path(change.operation.path).parent) == operation.path
            )
            if not within or change.operation.end > operation.start:
                left.append(change)
            elif change.file is None:
                _rename(self._durable, change)
            else:
                content = bytearray(synced.durable)
                change.onto(content)
                synced.durable = bytes(content)
        self.pending = left

    # ------------------------------------------------------------------ the states

    def killed(self, done: Sequence[Change] = ()) -> State:
        """Everything that was done, and ``done`` of what was being done."""
        return self._state(self._names, done, lambda file: bytes(file.current))

    def applied(self, chosen: Sequence[Change]) -> State:
        """Everything synced, and ``chosen`` of what was not, in order."""
        return self._state(self._durable, chosen, lambda file: file.durable)

    def _state(
        self,
        names: dict[str, File],
        chosen: Sequence[Change],
        content_of: Callable[[File], bytes],
    ) -> State:
        names = dict(names)
        contents: dict[File, bytearray] = {}
        for change in chosen:
            _rename(names, change)
            if change.file is not None:
                content = contents.setdefault(change.file, bytearray(content_of(change.file)))
                change.onto(content)
        return self._shown(
            names, lambda file: bytes(contents[file]) if file in contents else content_of(file)
        )

    def sectors(self, changes: Sequence[Change], rng: random.Random, share: float) -> State:
        """Each sector, size and name by itself: the newest with probability ``share``, or any."""
        names = dict(self._durable)
        for change in changes:
            if change.file is None and rng.random() < share:
                _rename(names, change)
        contents = {
            file: _Sectors(file.durable, [c for c in changes if c.file is file])
            for file in {c.file for c in changes if c.file is not None}
        }
        drawn = {file: sectors.draw(rng, share) for file, sectors in contents.items()}
        return self._shown(names, lambda file: drawn.get(file, file.durable))

    def spoilt(
        self, state: State, changes: Sequence[Change], rng: random.Random, *, neighbours: bool
    ) -> State:
        """``state`` with up to eight sectors in a row of one write that hold anything.

        With ``neighbours`` everything that lies within the same 4096 bytes too.
        """
        writes = [c for c in changes if c.file is not None and not c.truncates and c.data]
        if not writes:
            return state
        change = rng.choice(writes)
        where = {file: path for path, file in self._names.items()}
        path = self._relative(where.get(change.file, "")) if change.file in where else ""
        content = bytearray(state.get(path) or b"")
        first = change.offset // SECTOR
        last = (change.offset + len(change.data) - 1) // SECTOR
        begin = rng.randint(first, last)
        end = min(begin + rng.choice((1, 1, 2, 8)), last + 1)
        low, high = begin * SECTOR, end * SECTOR
        if neighbours:
            low = low // NEIGHBOURS * NEIGHBOURS
            high = -(-high // NEIGHBOURS) * NEIGHBOURS
        else:
            low = max(low, change.offset)
            high = min(high, change.offset + len(change.data))
        high = min(high, len(content))
        if low >= high or path not in state:
            return state
        content[low:high] = rng.randbytes(high - low)
        return state | {path: bytes(content)}

    def _shown(self, names: dict[str, File], content: Callable[[File], bytes]) -> State:
        shown: State = {}
        for path in sorted(names):
            parent = str(Path(path).parent)
            if path == self._folder or (
                parent != self._folder and self._relative(parent) not in shown
            ):
                continue  # the folder itself; what lies in a folder that is not there
            file = names[path]
            shown[self._relative(path)] = None if file.folder else content(file)
        return shown

    def _relative(self, path: str) -> str:
        return path.removeprefix(self._folder).lstrip("/")


def _rename(names: dict[str, File], change: Change) -> None:
    """Do the change to the names."""
    for path, file in change.names:
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file


class _Sectors:
    """Every state that each sector of a file, and its size, went through since the sync.

    A size that reached the card frees what lay beyond it at once: then nothing older is read
    there. While it has not, what lay there is as it was, for cutting off writes no data.
    """

    def __init__(self, durable: bytes, changes: Sequence[Change]) -> None:
        self._durable = durable
        self._sizes = [len(durable)]
        self._cut_at: list[tuple[int, int]] = []  # after how many changes, to which size
        self._versions: dict[int, list[tuple[int, bytes]]] = {}  # after how many changes, what
        content = bytearray(durable)
        for n, change in enumerate(changes, 1):
            written = range(0)
            if change.truncates:
                self._cut_at.append((n, change.operation.size))
            else:
                after = change.offset + len(change.data)
                written = range(change.offset // SECTOR, -(-after // SECTOR))
            change.onto(content)
            for sector in written:
                self._versions.setdefault(sector, []).append((n, _padded(content, sector)))
            self._sizes.append(len(content))

    def draw(self, rng: random.Random, share: float) -> bytes:
        newest = len(self._sizes) - 1
        metadata = newest if rng.random() < share else rng.randint(0, newest)
        size = self._sizes[metadata]
        content = bytearray(self._durable)
        cuts = [(n, to) for n, to in self._cut_at if n <= metadata]
        for _, to in cuts:
            del content[to:]
        del content[size:]
        content.extend(bytes(size - len(content)))
        for sector, versions in self._versions.items():
            low = sector * SECTOR
            freed = max((n for n, to in cuts if to <= low), default=0)
            alive = [found for n, found in versions if n > freed]
            if low >= size or not alive:
                continue
            alive.insert(0, _padded(content, sector))
            chosen = alive[-1] if rng.random() < share else rng.choice(alive)
            content[low : low + SECTOR] = chosen[: size - low]
        return bytes(content)


def _padded(content: bytearray, sector: int) -> bytes:
    return bytes(content[sector * SECTOR : (sector + 1) * SECTOR]).ljust(SECTOR, b"\0")


# ---------------------------------------------------------------------- cuts


@dataclass(frozen=True, slots=True)
class Cut:
    """A state left by a cut at ``instant`` (CLOCK_MONOTONIC, s), and in words what was going on."""

    kind: str
    instant: float
    state: State
    during: str


KILLED: Final = "process killed"
SYNCED: Final = "power: only what was synced"
REORDERED: Final = "power: any of the rest, any order"
TORN: Final = "power: and torn sectors"
SPOILT: Final = "card spoils 4096 bytes around"
KINDS: Final = (KILLED, SYNCED, REORDERED, TORN, SPOILT)
PROMISED: Final = KINDS[:4]


def instants(operations: Sequence[Operation], n: int, rng: random.Random) -> list[float]:
    """``n`` instants between the first and half a second after the last operation, sorted.

    Two of five are spread over the time, the rest over the operations: within or just after one.
    """
    first, last = operations[0].start, operations[-1].end
    found = []
    for k in range(n):
        operation = rng.choice(operations)
        if k % 5 < 2:
            found.append(rng.uniform(first, last + 0.5))
        elif k % 5 == 2:
            found.append(operation.end)
        else:
            found.append(rng.uniform(operation.start, operation.end))
    return sorted(found)


def cuts(
    folder: Path, operations: Sequence[Operation], at: Sequence[float], seed: int, drawn: int = 4
) -> Iterator[Cut]:
    """The states after a cut at each of the sorted instants ``at``; ``drawn`` of a kind by chance.

    What is drawn at an instant depends on ``seed`` and the instant alone.
    """
    storage = Storage(folder)
    starts = [operation.start for operation in operations]
    going: list[Operation] = []
    next_one = 0
    for instant in at:
        begun = bisect_left(starts, instant)
        going += operations[next_one:begun]
        next_one = begun
        for operation in sorted(going, key=lambda o: o.end):
            if operation.end <= instant:
                storage.do(operation)
        going = [operation for operation in going if operation.end > instant]
        during = "; ".join(o.told(str(folder)) for o in going) or "between two operations"
        rng = random.Random(f"{seed} {instant!r}")
        seen: set[tuple[str, int]] = set()
        for kind, state in _states(storage, going, rng, drawn):
            key = kind, hash(tuple(state.items()))
            if key not in seen:
                seen.add(key)
                yield Cut(kind, instant, state, during)


def _states(
    storage: Storage, going: Sequence[Operation], rng: random.Random, drawn: int
) -> Iterator[tuple[str, State]]:
    doing = [change for operation in going for change in storage.changes(operation)]
    yield KILLED, storage.killed()
    for part in _parts(doing, rng):
        yield KILLED, storage.killed(part)
    yield SYNCED, storage.applied([])
    loose = [*storage.pending, *doing]
    if not loose:
        return
    missing = rng.choice(loose)
    subsets = [
        loose,
        loose[: rng.randint(0, len(loose))],
        [rng.choice(loose)],
        [change for change in loose if change is not missing],
        [change for change in loose if change.file is not None],
        [change for change in loose if change.file is None],
    ]
    for subset in subsets:
        yield REORDERED, storage.applied(subset)
    for _ in range(drawn):
        yield REORDERED, storage.sectors(loose, rng, rng.choice((0.0, 0.5, 0.9)))
    for neighbours in (False, True):
        for _ in range(drawn):
            state = storage.sectors(loose, rng, rng.choice((0.0, 0.5, 0.9, 1.0)))
            kind = SPOILT if neighbours else TORN
            yield kind, storage.spoilt(state, loose, rng, neighbours=neighbours)


def _parts(doing: Sequence[Change], rng: random.Random) -> Iterator[list[Change]]:
    """What a killed process may have done of its last call: all, or a write's beginning."""
    if not doing:
        return
    yield list(doing)
    for change in doing:
        if change.file is not None and len(change.data) > 1:
            kept = rng.randint(1, len(change.data) - 1)
            operation = change.operation
            part = Operation(
                *(operation.kind, operation.path, operation.start, operation.end),
                *(change.offset, operation.data[:kept]),
            )
            yield [Change(part, change.file, change.offset)]


def write(state: State, folder: Path) -> None:
    """Make ``folder``, which is empty, look like ``state``."""
    for path, content in state.items():
        if content is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(content)
