"""Many recordings, each with its answer: known already, the same as another's, or asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from gaitpi.errors import GaitpiError
from gaitpi.reanalysis.backends import Done
from gaitpi.reanalysis.sources import Source, task_of
from gaitpi.reanalysis.store import Key, Record, Store
from gaitpi.reanalysis.task import Answer, Kind, Parameters, Task, code_name

Backend = Callable[[Iterable[Task]], Iterator[Done]]
"""Who does the work: one of :mod:`gaitpi.reanalysis.backends`."""


class Batch:
    """The recordings ``sources``, to be computed with the ``parameters`` for their kind.

    What is in ``store`` is taken from there, what is computed is kept in it.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        parameters: Callable[[Kind], Parameters],
        store: Store | None = None,
    ) -> None:
        self._sources = sources
        self._parameters = parameters
        self._store = store
        self._answers: dict[int, Answer] = {}
        self._asked: dict[Key, list[int]] = {}
        self._done: dict[Key, Answer] = {}

    def answers(self, backend: Backend) -> Iterator[tuple[Source, Answer]]:
        """Each source with its answer, in the order of the sources, as soon as it is there."""
        told = 0
        done = backend(self._tasks())
        try:
            while True:
                while told in self._answers:
                    yield self._sources[told], self._answers.pop(told)
                    told += 1
                if told == len(self._sources):
                    return
                found = next(done, None)
                if found is not None:
                    self._take(*found)
                elif told not in self._answers:
                    raise AssertionError(f"{self._sources[told].path} was forgotten")
        finally:
            if hasattr(done, "close"):
                done.close()  # workers end now, not when somebody collects garbage

    def _tasks(self) -> Iterator[Task]:
        """What is to be asked for; what needs no asking is answered on the way."""
        for number, source in enumerate(self._sources):
            try:
                task = task_of(source.path, self._parameters, code_name())
            except GaitpiError as error:
                self._answers[number] = Answer(problem=str(error))
                continue
            if (known := self._known(task)) is not None:
                self._answers[number] = known
            elif task.key in self._asked:  # a copy of one that is in work
                self._asked[task.key].append(number)
            else:
                self._asked[task.key] = [number]
                yield task

    def _known(self, task: Task) -> Answer | None:
        if self._store is not None and (result := self._store.get(task.key)) is not None:
            return Answer(result=result)
        return self._done.get(task.key)

    def _take(self, task: Task, answer: Answer) -> None:
        """Keep an answer, and give it to all that asked."""
        if answer.result is not None and self._store is not None:
            sha256, code, parameters = task.key
            record = Record(
                sha256=sha256,
                code=code,
                parameters=parameters,
                file=task.file,
                result=answer.result,
            )
            self._store.add(record)
        self._done[task.key] = answer
        for number in self._asked.pop(task.key):
            self._answers[number] = answer
