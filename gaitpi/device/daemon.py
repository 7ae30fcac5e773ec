"""The main job: sensor to cue and run file, sample by sample.

One loop reads, estimates, decides and hands on; sounds and the run file have threads of their
own behind it, so neither a beat nor a slow card can hold it up. The same loop runs on a real
clock and, faster than real time, on a virtual one.
"""

import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from gaitpi import __version__
from gaitpi.calibrationfile import Vector
from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Beats, Cue, decided
from gaitpi.config import Config
from gaitpi.cues.button import Button, Press
from gaitpi.cues.outputs import Outputs
from gaitpi.cues.player import ALIVE_S, Played, Player, system_cue
from gaitpi.cues.vocabulary import METRONOME, fault
from gaitpi.device.autostart import Pause, Waiting, joined
from gaitpi.device.calibrating import Calibrating, Stands
from gaitpi.device.controls import Controls, Situation
from gaitpi.device.correction import corrected
from gaitpi.device.heat import LOOK_S, QUIET_S, Heat, Thermometer
from gaitpi.device.notify import Notifier
from gaitpi.device.pipeline import RATE_SAMPLES, Output, Pipeline, design_rate
from gaitpi.device.programme import Desk
from gaitpi.device.start import GRAVITY_S, Known, at_run, encode, worn_otherwise
from gaitpi.device.status import SensorStatus, Status, StatusFile, boot_id
from gaitpi.device.warmup import warm_up
from gaitpi.device.worn import words as worn_words
from gaitpi.errors import GaitpiError
from gaitpi.gait import Mount, Start, is_cached
from gaitpi.hostclock import HostClock, VirtualClock
from gaitpi.imu.batch import Batch
from gaitpi.imu.reader import Reader
from gaitpi.runs.header import RunHeader, utc_offset_s
from gaitpi.runs.recorder import Recorder

LOST_S = 2.0
"""Without a sample for this long the sensor is said to be lost, s."""
ANCHOR_S = 10.0
"""How often the wall clock is compared with the monotonic one, s."""
DAY_S = 86_400.0
GOODBYE_S = 1.3
"""Time for the sound of the end, s."""
SWITCH_S = 0.0005
"""How long a thread may keep the interpreter from another (default 5 ms): the rhythm of a cue must
not wait for a calculation, s. Measured: ``python -m calibration.jitter``."""
WAITING = "waiting for a run"
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
    machine, None = not watched: hot, it is quiet, and too hot, it closes the run. ``coach`` is the
    policy: what decides the cues of a run. ``programme`` says at the start of a run what that is in
    a faded programme; None = nothing. ``sound_clock`` is what sounds are played on: by default
    ``clock``, in virtual time one of their own.
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
        notifier: Notifier | None = None,
        told: Callable[[Progress], None] | None = None,
        said: Callable[[str], None] | None = None,
        button: Button | None = None,
        programme: Desk | None = None,
        auto: bool = False,
        stands: Stands | None = None,
        thermometer: Thermometer | None = None,
        coach: type[Coach] = Coach,
        sound_clock: HostClock | None = None,
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
        self._notifier = notifier or Notifier("")
        self._told = told
        self._said = said or (lambda _text: None)
        self._button = button
        self._programme = programme
        self._coach = coach
        self._controls = Controls()
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
        self._quiet_until_s = 0.0
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
        self._next_anchor_s = 0.0

    def run(self, until: Callable[[], bool]) -> Ended:
        """Run until ``until()`` is true. Raises SensorError when the sensor cannot be started."""
        if self._realtime:
            self._player.light("boot")
        if not is_cached():
            self._said(
                "Compiling the estimator, once after each update: a minute or so on a Pi ..."
            )
        warm_up()
        try:
            self._reader.start()
            self._ready()
            self._loop(until)
            self._say_goodbye()
        finally:
            self._notifier.send("STOPPING=1")
            self._finish()
        problems = tuple(self._problems)
        return Ended(self._run_id, self._path, self._steps, self._cues, problems, self._power_off)

    # -------------------------------------------------------------------- the loop

    def _ready(self) -> None:
        self._last_host_s = self._clock.monotonic()
        info = self._reader.info
        note = "" if info.identity == "tested" else f" ({info.identity} id 0x{info.who_am_i:02X})"
        self._said(f"{info.chip} at 0x{info.address:02X} on {info.bus}{note}, {info.rate_hz:g} Hz.")
        if self._auto:
            runs = self._config.runs
            self._said(
                f"Waiting for a run: it begins by itself after {runs.start_s:g} s of running at "
                f"{runs.start_spm:g} steps a minute, or by the button."
            )
        self._notifier.send("READY=1")
        if self._realtime:
            self._player.light("healthy")
            self._sound("hello")
            # what exists now stays: the collector need not walk it again
            gc.collect()
            gc.freeze()
            gc.disable()
            self._switch_s = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_S)

    def _loop(self, until: Callable[[], bool]) -> None:
        due = self._clock.monotonic()
        while not (self._power_off or until()):
            due += self._config.imu.poll_s
            now = self._clock.monotonic()
            if due < now - 1.0:
                due = now  # the machine slept: do not chase it
            self._clock.sleep(due - now)
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
        self._calibrating.tick(now)
        if self._thermometer is not None and now >= self._next_heat_s:
            self._next_heat_s = now + LOOK_S
            self._feel(self._thermometer.celsius(), now)
        if self._reminders and now >= self._reminders[0]:
            del self._reminders[0]
            self._sound("reminder")
        if now >= self._next_anchor_s:
            self._next_anchor_s = now + ANCHOR_S
            if recorder is not None:
                recorder.anchor(now, self._clock.wall())
        if self._realtime and now >= self._next_status_s:
            self._next_status_s = now + 1.0
            self._second(fresh=bool(batches))

    def _second(self, *, fresh: bool) -> None:
        """Once a second of real time: watchdog, status file, garbage."""
        # a daemon that looks for its lost sensor is alive: a restart would only split the run
        if fresh or self._lost:
            self._notifier.send("WATCHDOG=1")
        gc.collect()  # what existed at the start is frozen, so this is short
        if self._player.error is not None and not self._player_told:
            self._player_told = True
            self._problems.append(f"The sounds have stopped: {self._player.error}")
            self._said(self._problems[-1])
        if self._status is None:
            return
        info = self._reader.info
        p = self._progress
        recorder = self._recorder
        try:
            self._status.write(
                Status(
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
                    counters=self._reader.counters,
                    run_id=self._run_id if recorder else None,
                    recorder_problem=self._recorder_problem(),
                    coach=p.coach,
                    waiting=self._is_waiting,
                    belt=p.belt,
                    worn=self._worn,
                )
            )
        except OSError as error:
            self._status = None  # the coach goes on without; said once
            self._said(f"The status file cannot be written ({error.strerror}).")

    def _state(self) -> str:
        if self._lost:
            return "sensor lost"
        if self._is_waiting:
            return WAITING
        return "stopped by the button" if self._stopped else "recording"

    @property
    def _is_waiting(self) -> bool:
        """Whether there is no run, and one begins by itself."""
        return self._auto and self._pipeline is None

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

    # -------------------------------------------------------------------- the button

    def _pressed(self, press: Press) -> None:
        """Every gesture is answered, recorded where there is a run, and acted on."""
        pipeline, recorder = self._pipeline, self._recorder
        answer = self._controls.answer(
            press,
            Situation(
                time_s=pipeline.moment_s if pipeline else 0.0,
                coaching=pipeline is not None,
                recording=recorder is not None and not recorder.problem,
                ready=(self._stopped or self._is_waiting) and not self._lost,
                sensing=self._has_gyro and not self._lost,
            ),
        )
        self._quiet_until_s = 0.0  # what was just unmuted is muted again where it is hot
        for sound in answer.sounds:
            self._sound(sound)
        detail: dict[str, object] = {"gesture": press.gesture}
        if answer.mute_until_s is not None and pipeline is not None:
            detail |= {"from_s": pipeline.moment_s, "until_s": answer.mute_until_s}
            pipeline.mute(pipeline.moment_s, answer.mute_until_s)
            if answer.mute_until_s > pipeline.moment_s:
                self._player.hush()  # the coach comes to it with the next samples
        if answer.kind:
            self._said(f"Button: {answer.text}.")
            if recorder is not None:
                # when it was pressed, not when the grammar was sure of it
                recorder.event(press.time_s - self._run0, answer.kind, answer.text, **detail)
        if answer.action == "stop":
            self._stop_run()
        elif answer.action == "start":
            self._stopped = False
            self._wanted = True
        elif answer.action == "calibrate":
            now = self._clock.monotonic()
            info = self._reader.info
            self._calibrating.begin(info, info.rate_hz, now, self._front())
        elif answer.action == "power-off":
            self._power_off = True

    def _stop_run(self) -> None:
        """Close the run and wait for the button: samples are read on, and left alone."""
        self._stopped = not self._auto
        self._end_run("stopped by the button")
        self._held = True
        self._said("Stopped. Hold the button for two seconds to start another run.")

    def _end_run(self, why: str) -> None:
        """Close the run, let it be heard, and remind of the belt."""
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
        batches = [replace(batch, line=batch.line.shifted(self._run0)) for batch in batches]
        times, counts = joined(batches)
        self._time_s = float(times[-1])
        acc, gyr = self._reader.info.si(counts)
        out = self._pipeline.update(acc, gyr, times)
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
        self._run_id, self._path, self._worn = "", None, ""
        self._front_told = False
        self._recorder_told = False
        self._controls = Controls()
        self._reminders.clear()
        now = self._clock.monotonic()
        wall0 = self._clock.wall() - (now - self._run0)
        span = batch.line.shifted(self._run0).times(batch.index, RATE_SAMPLES)
        rate = design_rate(span)
        self._pause, self._pause_n = Pause(), round(self._config.runs.stop_s * rate)
        day = (wall0 + utc_offset_s(wall0)) % DAY_S
        laid = self._programme.prepare(self._config, wall0) if self._programme else None
        config = laid.config if laid else self._config
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
            self._said(f"Recording {header.run_id}.")
            self._rest_light()
            if self._realtime or self._button is not None or self._auto:
                self._sound("record")
        for problem in laid.problems if laid else ():
            self._trouble(6, problem)
        if laid and laid.next.part:
            self._said(f"Programme: {laid.next.why}.")

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
            self._recorder.event(host_s, kind, text, counters=self._reader.counters, **detail)

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
        self._recorder = self._pipeline = None
        if pipeline is not None:
            self._last_mount = pipeline.estimator.learned_mount
        run_id = self._run_id
        if recorder is None or pipeline is None:
            return
        recorder.seconds([row._asdict() for row in pipeline.finish()])
        summary = {
            "steps": self._steps,
            "cues": self._cues,
            "counters": self._reader.counters,
            "gyro_bias_rad_s": [round(float(b), 6) for b in pipeline.estimator.gyro_bias],
            "dropped_cues": self._player.dropped,
        }

        def close() -> None:
            if problem := recorder.close(summary):
                self._problems.append(problem)
            if self._programme is not None:
                self._programme.refresh()  # the next run is another session
            if not recorder.opened and self._run_id == run_id:
                self._run_id, self._path = "", None

        if not self._realtime:
            close()
            return
        closer = threading.Thread(target=close, name="gaitpi-closing", daemon=True)
        closer.start()
        self._closers.append(closer)
