"""The main job: sensor to cue and run file, sample by sample.

One loop reads, estimates, decides and hands on; sounds and the run file have threads of their
own behind it, so neither a beat nor a slow card can hold it up. The same loop runs on a real
clock and, faster than real time, on a virtual one.
"""

import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from gaitpi import __version__
from gaitpi.calibrationfile import Vector
from gaitpi.coach.policy import CEILING_S, SETTLE_S, Coach
from gaitpi.coach.types import Beats, Cue, decided
from gaitpi.config import Config
from gaitpi.cues.button import Button, Press
from gaitpi.cues.outputs import Outputs
from gaitpi.cues.player import ALIVE_S, Played, Player, system_cue
from gaitpi.cues.vocabulary import METRONOME, fault
from gaitpi.device.autostart import Pause, Waiting, joined
from gaitpi.device.calibrating import Calibrating, Stands
from gaitpi.device.ceiling import Ceilings
from gaitpi.device.control import Board, Command, Outcome
from gaitpi.device.controls import JOURNAL, SETTLE, Answer, Controls, Situation, span
from gaitpi.device.correction import corrected
from gaitpi.device.heat import LOOK_S, QUIET_S, Heat, Thermometer
from gaitpi.device.live import LIVE_S, Live, Seen
from gaitpi.device.notify import Notifier, Watcher
from gaitpi.device.pipeline import RATE_SAMPLES, Output, Pipeline, design_rate
from gaitpi.device.programme import Desk
from gaitpi.device.radio import LinkChange, Radio, Taken, row
from gaitpi.device.resting import Resting
from gaitpi.device.resume import ENDED, LastCue, Resumed, Unfinished, find, take_up
from gaitpi.device.start import GRAVITY_S, Known, at_run, encode, worn_otherwise
from gaitpi.device.status import SensorStatus, Status, StatusFile, boot_id
from gaitpi.device.supply import LOOK_S as SUPPLY_S
from gaitpi.device.supply import Sag, Supply
from gaitpi.device.warmup import COMPILING, warm_up
from gaitpi.device.worn import words as worn_words
from gaitpi.errors import GaitpiError
from gaitpi.faults import RESUMED
from gaitpi.gait import RUNNING, Mount, Start, is_cached
from gaitpi.hostclock import HostClock, VirtualClock, day_second
from gaitpi.imu.batch import Batch
from gaitpi.imu.bus import FaultCounters
from gaitpi.imu.reader import Reader
from gaitpi.priority import preferred
from gaitpi.runs.header import RunHeader, utc_offset_s
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.room import Room

LOST_S = 2.0
"""Without a sample for this long the sensor is said to be lost, s."""
STALE_S = 0.5
"""Samples older than this say nothing of now: no number is shown, s."""
NO_SAMPLES = "no samples from the sensor"
LATE_S = 0.1
"""A turn of the loop that begins so long after its time is counted, s: two polls."""
ANCHOR_S = 10.0
"""How often the wall clock is compared with the monotonic one, s."""
REST_S = 1.0
"""How often it is looked whether the journal has changed, s."""
GOODBYE_S = 1.3
"""Time for the sound of the end, s."""
SWITCH_S = 0.0005
"""How long a thread may keep the interpreter from another (default 5 ms): the rhythm of a cue must
not wait for a calculation, s. Measured: ``python -m calibration.jitter``."""
WAITING = "waiting for a run"
SAME_S = 0.05
"""The same cue: nearer to each other than this, s; the next is 60 s away."""
BEAT_S = 0.2
"""How often whoever watches over the daemon is told that it lives, s."""
REMIND_S = (20.0, 40.0, 60.0)
"""After the end of a run, when to remind of the belt before it goes into the wash, s."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is, once a second of run time, for a live line. Unknown numbers are NaN."""

    time_s: float
    activity: int
    cadence_spm: float
    lean_deg: float
    steps: int
    cues: int
    coach: str
    belt: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last run ended: id and file ("" when nothing was recorded), and what went wrong.

    ``power_off``: the runner asked by the button that the machine be switched off.
    """

    run_id: str
    path: Path | None
    steps: int
    cues: int
    problems: tuple[str, ...]
    power_off: bool = False


class Daemon:
    """A run from the first sample to the last, and another each time the button starts one.

    ``record(header)`` opens the recorder of a run and gives it with the path of its file; a
    GaitpiError from it is told and the coach goes on without. ``outputs`` show the cues; in
    virtual time (``realtime`` False) at once, without letting the sensor's time pass.
    ``has_gyro`` False ignores the gyroscope.
    ``source`` and ``recording`` name what is played (for the header). ``told`` gets Progress
    each second, ``said`` a sentence whenever there is something to say. ``button`` answers the
    runner's presses; None = none fitted. It is closed at the end, as ``outputs`` are. With
    ``auto`` runs begin and end by themselves (``config.runs``), else one begins with the first
    sample. ``stands`` are the kept ones of the sensor, None = none. ``thermometer`` of the
    machine, None = not watched: hot, it is quiet, and too hot, it closes the run. ``supply`` of the
    machine, None = not watched: while it sags the vibration motor rests. ``coach`` is the
    policy: what decides the cues of a run. ``programme`` says at the start of a run what that is in
    a faded programme; None = nothing. ``resting`` says by the journal whether cues rest; None =
    they do not. ``sound_clock`` is what sounds are played on: by default
    ``clock``, in virtual time one of their own. ``unfinished_in`` is the folder of the runs: one of
    this boot that was cut off just now goes on; None = none does; ``heard`` remembers the last cue
    beyond a crash. ``board`` is where commands come
    from, and where those who give them look; whoever serves it lives as long as the daemon.
    ``radio`` is the socket on which a strap's and a foot pod's readings come, None = none do.
    """

    def __init__(
        self,
        config: Config,
        reader: Reader,
        clock: HostClock,
        outputs: Outputs,
        record: Callable[[RunHeader], tuple[Recorder, Path]],
        *,
        realtime: bool = True,
        has_gyro: bool = True,
        source: str = "sensor",
        recording: str = "",
        status: StatusFile | None = None,
        notifier: Watcher | None = None,
        told: Callable[[Progress], None] | None = None,
        said: Callable[[str], None] | None = None,
        button: Button | None = None,
        programme: Desk | None = None,
        ceilings: Ceilings | None = None,
        resting: Resting | None = None,
        auto: bool = False,
        stands: Stands | None = None,
        thermometer: Thermometer | None = None,
        supply: Supply | None = None,
        coach: type[Coach] = Coach,
        sound_clock: HostClock | None = None,
        unfinished_in: Path | None = None,
        heard: LastCue | None = None,
        board: Board | None = None,
        radio: socket.socket | None = None,
    ) -> None:
        self._config = config
        self._reader = reader
        self._clock = clock
        self._outputs = outputs
        self._player = Player(
            outputs,
            sound_clock or (clock if realtime else VirtualClock()),
            self._played,
            threaded=realtime,
        )
        self._record = record
        self._realtime = realtime
        self._has_gyro = has_gyro
        self._source = source
        self._recording = recording
        self._status = status
        self._notifier: Watcher = notifier or Notifier("")
        self._told = told
        self._said = said or (lambda _text: None)
        self._button = button
        self._programme = programme
        self._ceilings = ceilings
        self._resting = resting or Resting(None, clock.wall)
        self._coach = coach
        self._controls = Controls()
        self._unfinished_in = unfinished_in
        self._resumed: Resumed | None = None
        self._left_open = False
        self._heard = heard or LastCue(None)
        self._board = board or Board()
        self._starting: Command | None = None
        self._control_told = False
        self._seen = Seen()
        self._seen_coach = config.coach
        self._next_live_s = 0.0
        self._stopped_by = "the button"
        self._auto = auto
        self._waiting: Waiting | None = None
        self._pause = Pause()
        self._pause_n = 0
        self._held = False
        self._wanted = False
        self._next_told_s = 0.0
        self._stands = stands or Stands(None, "")
        self._stands_told = ""
        self._calibrating = Calibrating(
            self._stands,
            sound=self._sound,
            light=self._show,
            said=self._said,
            threaded=realtime,
        )
        self._thermometer = thermometer
        self._heat = Heat()
        self._next_heat_s = 0.0
        self._supply = supply
        self._sag = Sag()
        self._next_supply_s = 0.0
        self._next_rest_s = 0.0
        self._own = FaultCounters()
        self._radio = Radio(radio, self._own.add)
        self._quiet_until_s = 0.0
        self._muted_until_s = -np.inf
        self._cued_s = -np.inf
        self._stopped = False
        self._power_off = False
        self._worn = ""
        self._front_told = False
        self._last_mount: Mount | None = None
        self._reminders: list[float] = []
        self._closers: list[threading.Thread] = []
        self._switch_s = sys.getswitchinterval()
        self._pipeline: Pipeline | None = None
        self._recorder: Recorder | None = None
        self._run_id = ""
        self._path: Path | None = None
        self._run0 = 0.0
        self._time_s = 0.0
        self._steps = 0
        self._cues = 0
        self._last_host_s = 0.0
        self._lost = False
        self._recorder_told = False
        self._player_told = False
        self._progress = Progress(0.0, 0, np.nan, np.nan, 0, 0, "")
        self._problems: list[str] = []
        self._since_s = time.monotonic()
        self._next_status_s = 0.0
        self._next_beat_s = 0.0
        self._next_anchor_s = 0.0

    def run(self, until: Callable[[], bool]) -> Ended:
        """Run until ``until()`` is true. Raises SensorError when the sensor cannot be started."""
        if self._realtime:
            self._player.light("boot")
        compiles = not is_cached()
        if compiles:
            self._said(f"{COMPILING[0].upper()}{COMPILING[1:]} ...")
        self._board.starting = COMPILING if compiles else "loading the estimator"
        if self._status is not None:
            self._status.starting(self._board.starting)
        warm_up()
        if self._realtime:
            # what exists now stays: the collector need not walk it again. Before the sensor
            # starts: it takes longer than a FIFO holds
            gc.collect()
            gc.freeze()
            gc.disable()
        try:
            self._reader.start()
            found = self._unfinished()
            self._ready(anew=found is None)
            if found is not None:
                self._go_on(found)
            with preferred() if self._realtime else nullcontext():
                self._loop(until)
            self._say_goodbye()
        except Exception:
            # whoever begins anew takes the run up: it is left without an end
            self._left_open = self._unfinished_in is not None
            raise
        finally:
            self._notifier.send("STOPPING=1")
            self._finish()
        problems = tuple(self._problems)
        return Ended(self._run_id, self._path, self._steps, self._cues, problems, self._power_off)

    # -------------------------------------------------------------------- the loop

    def _ready(self, *, anew: bool) -> None:
        """Tell that it begins; not ``anew``: a run goes on, and the runner is not greeted again."""
        self._last_host_s = self._clock.monotonic()
        info = self._reader.info
        note = "" if info.identity == "tested" else f" ({info.identity} id 0x{info.who_am_i:02X})"
        self._said(f"{info.chip} at 0x{info.address:02X} on {info.bus}{note}, {info.rate_hz:g} Hz.")
        if self._auto and anew:
            runs = self._config.runs
            self._said(
                f"Waiting for a run: it begins by itself after {runs.start_s:g} s of running at "
                f"{runs.start_spm:g} steps a minute, or by the button."
            )
        self._notifier.send("READY=1")
        if self._realtime:
            self._player.light("healthy")
            self._run0 = self._last_host_s  # until there is a run, sounds are dated from here
            if anew:
                self._sound("hello")
            self._switch_s = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_S)

    def _loop(self, until: Callable[[], bool]) -> None:
        self._board.open = True
        due = self._clock.monotonic()
        late = False
        while not (self._power_off or until()):
            due += self._config.imu.poll_s
            now = self._clock.monotonic()
            if due < now - 1.0:
                due = now  # the machine slept: do not chase it
            self._clock.sleep(due - now)
            was, late = late, self._clock.monotonic() - due > LATE_S
            if late and not was:
                self._own.add("late")  # once a stall, whatever it takes to catch up
            self._tick()

    def _tick(self) -> None:
        batches = self._reader.poll()
        for batch in batches:
            self._batch(batch)
        now = self._clock.monotonic()
        if batches:
            self._last_host_s = now
            if self._lost:
                self._lost = False
                self._event("sensor-back", "the sensor answers again")
                self._said("The sensor answers again.")
                self._rest_light()
        elif now - self._last_host_s > LOST_S and not self._lost:
            self._lose()
        recorder = self._recorder
        if recorder is not None and recorder.problem and not self._recorder_told:
            self._trouble(2, recorder.problem)
            self._recorder_told = True
        elif recorder is not None and not recorder.problem and self._recorder_told:
            self._recorder_told = False
            self._said("Recording goes on.")
        for press in self._button.presses() if self._button is not None else ():
            self._pressed(press)
        command = self._board.take()
        if command is not None:
            self._ordered(command)
        for taken in self._radio.take(now):
            self._sensed(taken, now)
        if self._board.watched and now >= self._next_live_s:
            self._next_live_s = now + LIVE_S
            self._board.live = self._look(now)
        self._calibrating.tick(now)
        if self._thermometer is not None and now >= self._next_heat_s:
            self._next_heat_s = now + LOOK_S
            self._feel(self._thermometer.celsius(), now)
        if now >= self._next_rest_s:
            self._next_rest_s = now + REST_S
            self._rest_cues()
        if self._supply is not None and now >= self._next_supply_s:
            self._next_supply_s = now + SUPPLY_S
            self._sense(self._supply.flags(), now)
        if self._reminders and now >= self._reminders[0]:
            del self._reminders[0]
            self._sound("reminder")
        if now >= self._next_anchor_s:
            self._next_anchor_s = now + ANCHOR_S
            if recorder is not None:
                recorder.anchor(now, self._clock.wall())
        self._beat()
        if self._realtime and now >= self._next_status_s:
            self._next_status_s = now + 1.0
            self._second()

    def _beat(self) -> None:
        """Show that the daemon lives: samples are fresh, sounds on time.

        One that looks for its lost sensor lives too: a restart would only split the run.
        """
        now = self._clock.monotonic()
        if not self._realtime or now < self._next_beat_s:
            return
        fresh = now - self._last_host_s <= LOST_S + 1.0 or self._lost
        if fresh and not self._player.stuck:
            self._next_beat_s = now + BEAT_S
            self._notifier.send("WATCHDOG=1")

    def _second(self) -> None:
        """Once a second of real time: status file, garbage."""
        gc.collect()  # what existed at the start is frozen, so this is short
        if self._player.error is not None and not self._player_told:
            self._player_told = True
            self._problems.append(f"The sounds have stopped: {self._player.error}")
            self._said(self._problems[-1])
        if self._board.problem and not self._control_told:
            self._control_told = True
            self._said(self._board.problem)
        self._board.status = status = self._now()
        if self._status is None:
            return
        try:
            self._status.write(status)
        except OSError as error:
            self._status = None  # the coach goes on without; said once
            self._said(f"The status file cannot be written ({error.strerror}).")

    def _now(self) -> Status:
        """What is said of this second."""
        info = self._reader.info
        p = self._progress_now(self._clock.monotonic())
        recorder = self._recorder
        return Status(
            pid=os.getpid(),
            version=__version__,
            boot_id=boot_id(),
            since_s=self._since_s,
            updated_s=time.monotonic(),
            state=self._state(),
            sensor=SensorStatus(
                chip=info.chip,
                address=info.address,
                bus=info.bus,
                identity=info.identity,
                rate_hz=info.rate_hz,
                virtual=info.virtual,
            ),
            rate_hz=self._reader.rate_hz,
            activity=p.activity,
            cadence_spm=None if np.isnan(p.cadence_spm) else p.cadence_spm,
            lean_deg=None if np.isnan(p.lean_deg) else p.lean_deg,
            counters=self.counters,
            run_id=self._run_id if recorder else None,
            recorder_problem=self._recorder_problem(),
            coach=p.coach,
            waiting=self._is_waiting,
            belt=p.belt,
            worn=self._worn,
            muted_s=self._muted_s(),
            resting=self._controls.resting if self._pipeline else "",
            recorder=dict(recorder.counters) if recorder else {},
            control=self._board.problem,
            radio=self._radio.status(now_s=self._clock.monotonic()),
        )

    def _look(self, now_s: float) -> Live:
        """What is seen this moment, for those who watch."""
        p, pipeline = self._progress_now(now_s), self._pipeline
        radio = self._radio.status(now_s)
        if pipeline is None:
            return Live(
                state=self._state(),
                activity=p.activity,
                cadence_spm=p.cadence_spm,
                reason=p.coach,
                counters=self.counters,
                recorder_problem=self._recorder_problem(),
                radio=radio,
            )
        return self._seen.look(
            now_s,
            pipeline,
            self._seen_coach,
            state=self._state(),
            run_id=self._run_id if self._recorder else None,
            muted_s=self._muted_s(),
            resting=self._controls.resting,
            belt=p.belt,
            steps=self._steps,
            cues=self._cues,
            counters=self.counters,
            recorder=self._recorder,
            recorder_problem=self._recorder_problem(),
            radio=radio,
            unknown=NO_SAMPLES if self._stale(now_s) else "",
        )

    def _run_s(self) -> float:
        """Run time of the last moment judged, s; while the sensor is lost, as the clock has it."""
        moment_s = self._pipeline.moment_s if self._pipeline is not None else 0.0
        now_s = self._clock.monotonic() - self._run0
        return max(moment_s, now_s) if self._lost and self._pipeline is not None else moment_s

    def _muted_s(self) -> float:
        """How long the runner's own mute still lasts, s: in the run, or from one to the next."""
        if self._pipeline is None:
            return max(0.0, self._muted_until_s - self._clock.monotonic())
        return max(0.0, self._controls.muted_until_s - max(0.0, self._run_s()))

    def _stale(self, now_s: float) -> bool:
        """Whether the last samples are of another time: what they said is not known any more."""
        return now_s - self._last_host_s > STALE_S

    def _progress_now(self, now_s: float) -> Progress:
        """Where the run is as of host time ``now_s``; unknown where no samples come."""
        p = self._progress
        if not self._stale(now_s):
            return p
        coach = NO_SAMPLES if self._pipeline is not None else p.coach
        return replace(p, activity=0, cadence_spm=np.nan, lean_deg=np.nan, belt=0, coach=coach)

    def _state(self) -> str:
        if self._lost:
            return "sensor lost"
        if self._is_waiting:
            return WAITING
        return f"stopped by {self._stopped_by}" if self._stopped else "recording"

    @property
    def _is_waiting(self) -> bool:
        """Whether there is no run, and one begins by itself."""
        return self._auto and self._pipeline is None

    @property
    def counters(self) -> dict[str, int]:
        """Faults by name: the sensor's and the daemon's own."""
        return self._reader.counters | self._own.snapshot()

    def _recorder_problem(self) -> str:
        if self._recorder is not None:
            return self._recorder.problem or ""
        return "" if self._is_waiting else "not recording"

    def _rest_light(self) -> None:
        """The light between sounds while all is well."""
        self._show("recording" if self._recorder is not None else "healthy")

    def _show(self, light: str) -> None:
        """A light from the vocabulary; "" = the one while all is well."""
        if light == "":
            self._rest_light()
        elif self._realtime:
            self._player.light(light)

    # -------------------------------------------------------------------- heat

    def _feel(self, celsius: float, now_s: float) -> None:
        """The machine is so warm: quiet when hot, the run closed when too hot."""
        change = self._heat.update(celsius, now_s)
        if change == "hot":
            self._said(f"The machine has {celsius:.0f} degrees: no cues until it is cooler.")
            self._quiet_until_s = 0.0
        elif change == "cool":
            self._said(f"The machine has {celsius:.0f} degrees: cues again.")
            self._event("cooler", f"{celsius:.0f} degrees")
        pipeline = self._pipeline
        if self._heat.hot and pipeline is not None and now_s >= self._quiet_until_s - QUIET_S / 2:
            self._quiet_until_s = now_s + QUIET_S
            at = pipeline.moment_s
            # a mute of the runner's own that lasts longer stays
            until = max(at + QUIET_S, self._controls.muted_until_s)
            pipeline.mute(at, until)
            self._event("heat", f"quiet at {celsius:.0f} degrees", from_s=at, until_s=until)
        if change == "stop" and pipeline is not None:
            self._event("heat", f"closed at {celsius:.0f} degrees")
            self._trouble(
                4, f"The machine has {celsius:.0f} degrees: the run is closed. Let it cool."
            )
            self._stop_run()

    def _sense(self, flags: int | None, now_s: float) -> None:
        """The firmware's flags: what a sagging supply cannot bear is left out, and it is said."""
        change = self._sag.update(flags, now_s)
        if change == "sags":
            self._own.add("supply")
            self._outputs.spare(True)
            text = f"the supply sags (flags 0x{flags or 0:X})"
            self._event("supply", text, flags=flags)
            self._trouble(
                4,
                f"T{text[1:]}: the vibration motor rests, beeps go on. "
                "Use a 5 V supply of 2.5 A and a short, thick lead.",
            )
        elif change == "slow":
            self._event("supply", f"the firmware slows the machine (0x{flags or 0:X})", flags=flags)
        elif change == "over":
            self._outputs.spare(False)
            self._event("supply-back", "the supply holds again")
            self._said("The supply holds again.")
            self._rest_light()

    # -------------------------------------------------------------------- strap and foot pod

    def _sensed(self, taken: Taken, now_s: float) -> None:
        """A reading counts from the coach's next moment on; a link is told where it changes."""
        pipeline, recorder = self._pipeline, self._recorder
        if isinstance(taken, LinkChange):
            self._said(f"{taken.text[0].upper()}{taken.text[1:]}.")
            if recorder is not None:
                self._note_link(recorder, now_s - self._run0, taken)
            # dark while running; no sound in any case: a strap is nothing to stop for
            dark = self._progress.activity == RUNNING or not self._realtime or self._lost
            if (taken.gained or taken.lost) and not dark:
                self._player.light("link-gained" if taken.gained else "link-lost")
        elif pipeline is not None:
            reading = row(taken, self._run0, pipeline.moment_s)
            pipeline.reading(reading)
            if recorder is not None:
                recorder.reading(reading)

    def _note_link(self, recorder: Recorder, time_s: float, change: LinkChange) -> None:
        link = change.link
        recorder.event(
            *(time_s, "link", change.text),
            role=link.role,
            state=link.state,
            name=link.name,
            address=link.address,
            battery=link.battery,
        )

    # -------------------------------------------------------------------- button and commands

    def _pressed(self, press: Press) -> None:
        """Every gesture is answered, recorded where there is a run, and acted on."""
        answer = self._controls.answer(press, self._situation())
        # when it was pressed, not when the grammar was sure of it
        self._do(answer, press.time_s, "Button", {"gesture": press.gesture})

    def _ordered(self, command: Command) -> None:
        """A command is obeyed as a press of the button is, and answered."""
        order, peer = command.order, command.peer
        if order.do == "unmute" and self._pipeline is None and self._muted_s() > 0.0:
            self._muted_until_s = -np.inf
            said = "cues on again from the next run on"
            command.outcome = Outcome(True, said, more={"run_id": None})
            return
        answer = self._controls.obey(order, self._situation())
        detail: dict[str, object] = {"command": order.do, "uid": peer.uid, "pid": peer.pid}
        self._do(answer, self._clock.monotonic(), "Command", detail)
        if answer.action == "start":
            self._starting = command  # with the next samples
            return
        more: dict[str, object] = {"run_id": self._run_id or None}
        if answer.refused:
            command.outcome = Outcome(False, answer.text)
        elif order.do == "mute":
            until_s = self._clock.wall() + order.seconds
            at = time.strftime("%H:%M", time.localtime(until_s))
            said = f"muted until {at}, {span(order.seconds)}"
            command.outcome = Outcome(True, said, more=more | {"until_wall_s": until_s})
        elif order.do == "unmute":
            said = "cues on again" if answer.kind else "cues were on already"
            command.outcome = Outcome(True, said, more=more)
        elif order.do == "mark":
            time_s = max(self._time_s, self._run_s())
            minutes, seconds = divmod(int(time_s), 60)
            said = f"marked at {minutes}:{seconds:02d} of the run"
            command.outcome = Outcome(True, said, more=more | {"time_s": time_s})
        else:
            command.outcome = Outcome(True, "stopped", more=more)

    def _rest_cues(self) -> None:
        """Cues rest for the run that is open, where a pain in the journal asks for it."""
        self._resting.look()
        pipeline, recorder = self._pipeline, self._recorder
        why = "" if pipeline is None or self._controls.resting else self._resting.why()
        if not why or pipeline is None:
            return
        at = max(pipeline.moment_s, -1.0)  # before the first moment, where there was none
        until = self._controls.rest(why, at)
        pipeline.mute(at, until)
        self._player.hush()
        if recorder is not None:
            recorder.event(max(at, 0.0), JOURNAL, why, from_s=at, until_s=until)
        if self._resting.problem:
            self._trouble(6, self._resting.problem)
        else:
            self._said(f"No cues in this run: {why}.")

    def _situation(self) -> Situation:
        recorder = self._recorder
        return Situation(
            time_s=self._run_s(),
            coaching=self._pipeline is not None,
            recording=recorder is not None and not recorder.problem,
            ready=(self._stopped or self._is_waiting) and not self._lost,
            sensing=self._has_gyro and not self._lost,
        )

    def _do(self, answer: Answer, at_s: float, who: str, detail: dict[str, object]) -> None:
        """What a press or a command of host time ``at_s`` leads to."""
        pipeline, recorder = self._pipeline, self._recorder
        self._quiet_until_s = 0.0  # what was just unmuted is muted again where it is hot
        for sound in answer.sounds:
            self._sound(sound)
        if answer.mute_until_s is not None and pipeline is not None:
            detail |= {"from_s": pipeline.moment_s, "until_s": answer.mute_until_s}
            pipeline.mute(pipeline.moment_s, answer.mute_until_s)
            if answer.mute_until_s > pipeline.moment_s:
                self._player.hush()  # the coach comes to it with the next samples
        if answer.kind:
            text = f"not done: {answer.text}" if answer.refused else answer.text
            self._said(f"{who}: {text}.")
            if recorder is not None:
                recorder.asked(at_s - self._run0, answer.kind, text, **detail)
        if answer.action == "stop":
            self._stop_run(f"the {who.lower()}")
        elif answer.action == "start":
            self._stopped = False
            self._wanted = True
        elif answer.action == "calibrate":
            now = self._clock.monotonic()
            info = self._reader.info
            self._calibrating.begin(info, info.rate_hz, now, self._front())
        elif answer.action == "power-off":
            self._power_off = True

    def _stop_run(self, by: str = "the button") -> None:
        """Close the run and wait for the button: samples are read on, and left alone."""
        self._stopped = not self._auto
        self._stopped_by = by
        self._end_run(f"stopped by {by}")
        self._held = True
        self._said("Stopped. Hold the button for 1.5 s to start another run.")

    def _end_run(self, why: str) -> None:
        """Close the run, let it be heard, and remind of the belt."""
        if self._recorder is not None:
            self._recorder.event(self._time_s, ENDED, why)
        self._close_run()
        self._reminders = [self._clock.monotonic() + wait for wait in REMIND_S]
        self._progress = Progress(0.0, 0, np.nan, np.nan, 0, 0, why)
        self._rest_light()
        self._sound("stopped")

    # -------------------------------------------------------------------- samples

    def _batch(self, batch: Batch) -> None:
        if len(batch.counts) == 0:
            return
        if self._calibrating.measuring:
            self._measure(batch)
        if self._pipeline is not None:
            self._take([batch])
        elif self._auto:
            self._wait(batch)
        elif not self._stopped:
            self._begin([batch])

    def _wait(self, batch: Batch) -> None:
        """No run yet: keep the last seconds, and begin one when running has lasted."""
        if self._waiting is None:
            rate = design_rate(batch.line.times(batch.index, RATE_SAMPLES))
            self._waiting = Waiting(
                self._config.runs,
                rate,
                has_gyro=self._has_gyro,
                start=(known := self._kept(batch)).start,
                correction=known.correction,
                held=self._held,
            )
        waiting = self._waiting
        began = waiting.add(batch, *self._reader.info.si(batch.counts))
        if began or self._wanted:
            self._begin(waiting.take(), waiting.known)
            if self._recorder is not None and began:
                self._recorder.event(self._time_s, "auto", "began by itself: running has lasted")
            return
        now = waiting.now
        self._progress = Progress(0.0, now.activity, now.cadence_spm, np.nan, 0, 0, WAITING)
        if self._told is not None and self._clock.monotonic() >= self._next_told_s:
            self._next_told_s = self._clock.monotonic() + 1.0
            self._told(self._progress)

    def _begin(self, batches: list[Batch], learned: Start | None = None) -> None:
        """Begin a run with samples that were kept, or with the first ones."""
        self._waiting, self._wanted, self._held = None, False, False
        # what was lost before the first sample is not of this run
        batches = [replace(batches[0], gap_s=0.0), *batches[1:]]
        self._open(batches, learned)
        self._take(batches)

    def _take(self, batches: list[Batch]) -> None:
        """Samples of the run: one batch as it comes, or at its beginning all that were kept."""
        assert self._pipeline is not None
        if self._resumed is not None:
            batches = [self._placed(self._resumed, batch) for batch in batches]
        batches = [replace(batch, line=batch.line.shifted(self._run0)) for batch in batches]
        times, counts = joined(batches)
        self._time_s = float(times[-1])
        acc, gyr = self._reader.info.si(counts)
        out = self._pipeline.update(acc, gyr, times)
        self._seen.took(batches, out)
        self._radio.belt(self._run0 + self._time_s, float(out.trace.cadence_spm[-1]))
        self._decided(out)
        if self._recorder is not None:
            if len(batches) == 1:
                self._recorder.batch(batches[0])
            else:
                self._recorder.before(batches)
            self._recorder.steps(out.trace.steps)
            for decision in out.decisions:
                if not isinstance(decision, Cue):
                    self._recorder.withheld(decision)
            self._recorder.seconds([row._asdict() for row in out.seconds])
        self._steps += len(out.trace.steps)
        if out.seconds:
            self._tell(out)
        self._pause.add(out.trace.activity)
        if self._auto and self._pause.ran and self._pause.samples >= self._pause_n:
            self._stop_itself()

    def _stop_itself(self) -> None:
        """Nobody has run for long: close the run and wait for the next."""
        minutes = self._config.runs.stop_s / 60.0
        if self._recorder is not None:
            text = f"ended by itself: no running for {minutes:.3g} min"
            self._recorder.event(self._time_s, "auto", text)
        self._end_run(WAITING)
        self._said(f"Stopped: no running for {minutes:.3g} min. The next run begins by itself.")

    def _kept(self, batch: Batch) -> Known:
        """What was kept and may be used; why not is said once."""
        info, wall_s = self._reader.info, self._clock.wall()
        problem = self._stands.problem or self._stands.why_not(info, wall_s)
        if problem and problem != self._stands_told:
            self._said(problem)
        self._stands_told = problem
        return self._stands.known(info, wall_s, batch.temperature_c)

    def _front(self) -> Vector | None:
        """Where the front of the sensor's wearer lies, if the mounting or the last run says."""
        axes = self._config.mount.axes
        mount = Mount.from_axes(axes) if axes else self._last_mount
        if mount is None:
            return None
        x, y, z = mount.rotation[0].tolist()
        return x, y, z

    def _known(self, batches: list[Batch], learned: Start | None) -> Known:
        """What the estimator of a run may start from."""
        known = self._kept(batches[-1])
        if not self._has_gyro:
            return Known(Start(), correction=known.correction, six=known.six)
        kept_up = known.start.up
        if learned is not None and learned.gyro_bias is not None:
            known = replace(known, start=at_run(learned, self._run0), bias_from="")
        times, counts = joined(batches)
        if times[-1] - times[0] < GRAVITY_S:
            return known
        acc = corrected(self._reader.info.si(counts)[0], known.correction)
        tilt_deg = worn_otherwise(known.start, acc)
        if np.isnan(tilt_deg):
            return known
        if known.record is not None and known.start.up == kept_up:
            self._said(
                f"The pack hangs {tilt_deg:.0f} deg from where it was when you stood for it: that "
                "upright is not used. Stand again: hold the button for 5 s."
            )
        start = replace(known.start, up=None, fixed=False, front=None)
        return replace(known, start=start, bow=None)

    def _measure(self, batch: Batch) -> None:
        """Something is being measured: its samples, and what came of it."""
        acc, gyr = self._reader.info.si(batch.counts)
        results = self._calibrating.samples(
            acc,
            gyr,
            batch.times(),
            now_s=self._clock.monotonic(),
            wall_s=self._clock.wall(),
            temperature_c=batch.temperature_c,
        )
        for result in results:
            if result.kept:
                self._waiting = None  # waits anew, from this
            elif result.kind == "bow":
                self._last_mount = None  # perhaps worn anew since: asked again it is believed
            if self._recorder is not None:
                self._recorder.event(self._time_s, result.kind, result.text, **result.detail)

    def _open(self, batches: list[Batch], learned: Start | None) -> None:
        """A run begins with these samples: make the estimator for their rate, open the file."""
        batch = batches[0]
        times = batch.times()
        self._run0 = float(times[0])
        self._time_s, self._steps, self._cues = 0.0, 0, 0
        self._progress = replace(self._progress, coach="")  # that was said of the run before
        self._run_id, self._path, self._worn = "", None, ""
        self._front_told = False
        self._recorder_told = False
        self._controls = Controls()
        self._quiet_until_s = 0.0
        self._reminders.clear()
        now = self._clock.monotonic()
        wall0 = self._clock.wall() - (now - self._run0)
        span = batch.line.shifted(self._run0).times(batch.index, RATE_SAMPLES)
        rate = design_rate(span)
        self._pause, self._pause_n = Pause(), round(self._config.runs.stop_s * rate)
        day = day_second(wall0, utc_offset_s(wall0))
        laid = self._programme.prepare(self._config, wall0) if self._programme else None
        config = laid.config if laid else self._config
        ceiling = self._ceilings.lay(config, wall0) if self._ceilings else None
        config = ceiling.config if ceiling else config
        self._seen, self._seen_coach = Seen(), config.coach
        known = self._known(batches, learned)
        header = RunHeader.new(
            mono_s=self._run0,
            wall_s=wall0,
            sensor=self._reader.info,
            config=msgspec.json.encode(config).decode(),
            calibration=encode(known),
            segment=self._config.mount.segment,
            mount=self._config.mount.axes,
            design_rate_hz=rate,
            has_gyro=self._has_gyro,
            virtual=not self._realtime,
            source=self._source,
            recording=self._recording,
        )
        self._pipeline = Pipeline(
            config,
            rate,
            has_gyro=self._has_gyro,
            day_second=day,
            start=known.start,
            correction=known.correction,
            coach=self._coach,
        )
        if config.coach.metronome != "off" and config.coach.target_spm is None:
            self._said("The metronome is silent without a cadence target: gaitpi target set 172.")
        try:
            self._recorder, self._path = self._record(header)
        except GaitpiError as error:
            self._trouble(2, str(error))
        else:
            self._run_id = header.run_id
            for change in self._radio.links():
                self._note_link(self._recorder, now - self._run0, change)
            self._said(f"Recording {header.run_id}.")
            self._rest_light()
            if self._realtime or self._button is not None or self._auto:
                self._sound("record")
        for taken in self._radio.since(self._run0):
            self._sensed(taken, now)
        if self._starting is not None:
            said = f"recording {self._run_id}" if self._run_id else "a run begins, not recorded"
            more = {"run_id": self._run_id or None}
            self._starting.outcome = Outcome(True, said, more=more)
            self._starting = None
        if ceiling and ceiling.words:
            self._said(ceiling.words)
        self._stay_quiet()
        self._rest_cues()
        for problem in laid.problems if laid else ():
            self._trouble(6, problem)
        if laid and laid.next.part:
            self._said(f"Programme: {laid.next.why}.")

    def _stay_quiet(self) -> None:
        """What the run before has left: a mute that lasts, a cue less than a minute ago."""
        pipeline, recorder = self._pipeline, self._recorder
        if pipeline is None:
            return
        muted_s = self._muted_until_s - self._run0
        noted_s = self._heard.last_s()  # by a daemon that is no more
        cued_s = self._cued_s if noted_s is None else max(self._cued_s, noted_s)
        heard_s = cued_s + CEILING_S - SETTLE_S - self._run0
        until_s = max(muted_s, heard_s)
        if until_s <= 0.0:
            return
        kind, text = SETTLE, "a cue was heard just before this run: quiet for a minute after it"
        if muted_s >= heard_s:
            kind, text = "mute", f"still muted, for {span(muted_s)}"
            self._controls = Controls(muted_s)
            self._said(f"{text[0].upper()}{text[1:]}.")
        at = -1.0  # before the first moment
        pipeline.mute(at, until_s)
        if recorder is not None:
            recorder.event(0.0, kind, text, from_s=at, until_s=until_s)

    # -------------------------------------------------------------------- a run that was cut off

    def _unfinished(self) -> Unfinished | None:
        """The run that was being recorded until just now, if there is one."""
        if self._unfinished_in is None:
            return None
        now = self._clock.monotonic()
        return find(self._unfinished_in, self._reader.info, now, has_gyro=self._has_gyro)

    def _go_on(self, found: Unfinished) -> None:
        """Take up a run that was cut off; where that cannot be, it stays as it is."""
        came: list[Batch] = []

        def between() -> None:
            came.extend(self._reader.poll())
            self._last_host_s = self._clock.monotonic()  # that it gets on is the sign of life
            self._beat()

        run = None
        try:
            run = take_up(found, between, self._coach)
        except Exception as error:  # whatever is wrong with that run, the next one must begin
            self._said(f"{found.path.name} was cut off and does not go on: {error}")
        if run is not None:
            self._resume(run)
        for batch in came:
            self._batch(batch)
            self._beat()

    def _resume(self, run: Resumed) -> None:
        """Everything as it was when the run was cut off."""
        header = run.header
        self._resumed = run
        self._run_id, self._path, self._worn = header.run_id, run.path, run.worn
        self._run0, self._time_s = header.anchor.mono_s, run.end_s
        self._steps, self._cues = run.steps, run.cues
        self._controls, self._pipeline = run.controls, run.pipeline
        self._pause = run.pause
        self._seen, self._seen_coach = Seen(), run.config.coach
        for _ in range(run.times):
            self._own.add(RESUMED)
        self._pause_n = round(self._config.runs.stop_s * header.design_rate_hz)
        room = Room(run.path.parent, self._config.runs.keep_free_mb) if self._realtime else None
        self._recorder = Recorder(run.writer, synchronous=not self._realtime, room=room)
        noted_s = self._heard.last_s()
        if noted_s is not None:
            self._settle(run, noted_s - self._run0)
        self._rest_light()
        self._said(f"Recording {header.run_id} again, after it was cut off.")

    def _settle(self, run: Resumed, heard_s: float) -> None:
        """Was a cue heard (run time) that the cut kept from the file, the next comes no sooner."""
        from_s = run.pipeline.moment_s
        if heard_s <= run.last_cue_s + SAME_S or heard_s + CEILING_S <= from_s:
            return  # it is in the file, or long ago: of another run perhaps
        # whatever muted the run for longer stays
        until_s = max(heard_s + CEILING_S - SETTLE_S, run.muted_until_s)
        run.pipeline.mute(from_s, until_s)
        text = "a cue that is not in the run was heard just before: quiet for a minute after it"
        if self._recorder is not None:
            self._recorder.event(run.end_s, SETTLE, text, from_s=from_s, until_s=until_s)

    def _placed(self, run: Resumed, batch: Batch) -> Batch:
        """A batch of a run that was taken up; with the first of them it is known for how long."""
        if batch.index == 0:
            gap_s = run.gap_s(batch)
            text = f"{gap_s:.1f} s not recorded: gaitpi had stopped"
            if self._recorder is not None:
                self._recorder.event(run.end_s, "gap", text, gap_s=gap_s)
            self._sound("record")
        return run.placed(batch)

    def _decided(self, out: Output) -> None:
        """Hand on what a block led to, in the order of time; the metronome before the cues."""
        cues = [d for d in out.decisions if isinstance(d, Cue)]
        decided: list[Beats | Cue] = sorted([*out.beats, *cues], key=lambda d: d.time_s)
        for decision in decided:
            if not self._realtime:
                self._player.catch_up(self._run0 + decision.time_s)
            if isinstance(decision, Beats):
                self._keep_time(decision)
            else:
                self._cue(decision)
        self._player.alive(self._run0 + self._time_s + ALIVE_S)
        if not self._realtime:
            self._player.catch_up(self._run0 + self._time_s)

    def _cue(self, cue: Cue) -> None:
        self._cues += 1
        self._cued_s = self._run0 + cue.time_s
        if self._realtime:
            self._heard.note(self._run0 + cue.time_s)
        self._seen.cued(cue)
        if self._recorder is not None:
            self._recorder.cue(cue)
        if cue.cue == METRONOME.name:
            self._start_metronome(cue)
        elif self._realtime:
            first_s = self._run0 + cue.first_s
            self._player.submit(cue, self._run0 + cue.time_s, first_s)
        else:
            self._player.play_now(cue)

    def _keep_time(self, beats: Beats) -> None:
        """Begin, move or end the metronome."""
        if beats.rule == "metronome.follow":
            self._player.beats(self._run0 + beats.first_s, beats.beat_s)
            return
        if beats.ends:
            self._player.hush()
        else:
            # no correction of the coach's, so neither counted nor recorded as a cue
            cue = system_cue(METRONOME.name, beats.time_s, beats.reason)
            self._start_metronome(replace(cue, beat_s=beats.beat_s, first_s=beats.first_s))
        if self._recorder is not None:
            text = f"the metronome ends: {beats.reason}" if beats.ends else beats.reason
            self._recorder.event(beats.time_s, "metronome", text, rule=beats.rule)

    def _start_metronome(self, cue: Cue) -> None:
        alive_s = self._run0 + cue.time_s + ALIVE_S
        self._player.metronome(cue, self._run0 + cue.first_s, alive_s)

    def _played(self, played: Played) -> None:
        """Called by the player's thread once a sound is over."""
        recorder = self._recorder  # the main thread may close it meanwhile
        if recorder is not None and decided(played.cue.cue, played.cue.metric):
            # a metronome keeps the data's time in virtual time too
            on_time = self._realtime or played.ticks > 0
            start_s = played.start_s - self._run0 if on_time else played.cue.time_s
            recorder.played(played.cue, start_s, played.end_s - played.start_s)

    def _tell(self, out: Output) -> None:
        assert self._pipeline is not None
        trace = out.trace
        status = self._pipeline.status
        self._progress = Progress(
            time_s=self._time_s,
            activity=int(trace.activity[-1]),
            cadence_spm=float(trace.cadence_spm[-1]),
            lean_deg=out.seconds[-1].lean_deg,
            steps=self._steps,
            cues=self._cues,
            coach=status.reason,
            belt=out.seconds[-1].belt,
        )
        mount = self._pipeline.estimator.learned_mount
        if mount is not None and not self._worn:
            self._worn = worn_words(mount, given=bool(self._config.mount.axes))
            if self._recorder is not None:
                self._recorder.event(self._time_s, "worn", self._worn)
        if self._pipeline.estimator.front_differs and not self._front_told:
            self._front_told = True
            text = "forward by the bow is not forward by gait: no lean is told; bow again"
            self._said(f"Worn: {text}.")
            if self._recorder is not None:
                self._recorder.event(self._time_s, "worn", text)
        if self._told is not None:
            self._told(self._progress)

    # -------------------------------------------------------------------- trouble and end

    def _lose(self) -> None:
        self._lost = True
        self._player.hush()
        why = self._reader.reason
        self._event("sensor-lost", f"no samples for {LOST_S:g} s: {why}")
        self._trouble(
            1, f"No samples from the sensor for {LOST_S:g} s ({why}): check plug and wires."
        )

    def _trouble(self, blinks: int, sentence: str) -> None:
        """Say it once: a sound, the LED's code, the words."""
        self._problems.append(sentence)
        self._said(sentence)
        if self._realtime:
            self._player.light(fault(blinks))
            self._sound("trouble")

    def _sound(self, name: str) -> None:
        """A system sound, which is no cue of the coach."""
        cue = system_cue(name, self._clock.monotonic() - self._run0, name)
        if self._realtime:
            self._player.submit(cue)
        else:
            self._player.play_now(cue)

    def _event(self, kind: str, text: str, **detail: object) -> None:
        if self._recorder is not None:
            host_s = self._clock.monotonic() - self._run0
            self._recorder.event(host_s, kind, text, counters=self.counters, **detail)

    def _say_goodbye(self) -> None:
        """Let the runner hear that it has ended."""
        if self._realtime and self._outputs.names:
            if self._pipeline is not None and not self._power_off:
                self._sound("stopped")
            self._clock.sleep(GOODBYE_S)

    def _finish(self) -> None:
        if self._realtime:
            gc.enable()
            gc.unfreeze()
            sys.setswitchinterval(self._switch_s)
        self._player.close()  # before the recorder: what was played is part of the run
        if self._button is not None:
            self._button.close()
        self._close_run()
        for closer in self._closers:
            closer.join()
        self._calibrating.close()
        if self._status is not None:
            self._status.remove()
        self._reader.close()

    def _close_run(self) -> None:
        """End the run file; the next samples begin another. Waits for no card in real time."""
        self._player.hush()
        recorder, pipeline = self._recorder, self._pipeline
        self._recorder = self._pipeline = self._resumed = None
        if pipeline is not None:
            # cues that rest for a pain rest for that run
            own = 0.0 if self._controls.resting else self._controls.muted_until_s
            self._muted_until_s = self._run0 + own
            self._last_mount = pipeline.estimator.learned_mount
        run_id = self._run_id
        if recorder is None or pipeline is None:
            return
        if self._left_open:
            recorder.close(finished=False)
            return
        if self._lost:  # no sample comes after it that would tell of the gap
            gap_s = self._clock.monotonic() - self._run0 - self._time_s
            text = f"{gap_s:.1f} s without samples: the sensor was lost to the end"
            recorder.event(self._time_s, "gap", text, gap_s=gap_s, to_end=True)
        recorder.seconds([row._asdict() for row in pipeline.finish()])
        summary = {
            "steps": self._steps,
            "cues": self._cues,
            "counters": self.counters,
            "gyro_bias_rad_s": [round(float(b), 6) for b in pipeline.estimator.gyro_bias],
            "dropped_cues": self._player.dropped,
        }

        def close() -> None:
            if problem := recorder.close(summary):
                self._problems.append(problem)
            if self._programme is not None:
                self._programme.refresh()  # the next run is another session
            if self._ceilings is not None:
                self._ceilings.refresh()
            if not recorder.opened and self._run_id == run_id:
                self._run_id, self._path = "", None

        if not self._realtime:
            close()
            return
        closer = threading.Thread(target=close, name="gaitpi-closing", daemon=True)
        closer.start()
        self._closers.append(closer)
