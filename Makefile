# gaitpi. Every target works alone on a fresh clone: it makes .venv and installs what it needs.
# PYTHON=/path/to/python3 chooses the Python, ARGS='...' is passed on.

PYTHON ?=
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
BASE := $(VENV)/.installed-base
DEV := $(VENV)/.installed-dev
PEERS := $(VENV)/.installed-peers
FUZZ := $(VENV)/.installed-fuzz
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input

.PHONY: help venv run test hil arm lint types validate bench install update rollback uninstall powercut soak fuzz reliability
.NOTPARALLEL:

help:
	@echo 'make run       measure and coach; without a sensor, a simulated runner (ARGS=...)'
	@echo 'make test      all tests; with ARGS=... only what pytest selects by them'
	@echo 'make hil       the daemon on a real Linux kernel with real I2C and GPIO (Linux, root)'
	@echo 'make arm       the wheels and the numbers on emulated 64-bit ARM (Linux on a PC, root)'
	@echo 'make lint      style of the code (ruff)'
	@echo 'make types     types of the code (mypy)'
	@echo 'make validate  accuracy against recordings with truth, else a simulation (ARGS=--data FOLDER)'
	@echo 'make bench     speed beside the peers, in one run'
	@echo 'make install   the service into /opt/gaitpi (on a Pi, with sudo); docs/install.md'
	@echo 'make update    to the version in FILE=... (sudo); make rollback: back to the one before'
	@echo 'make uninstall the service out again; runs and configuration stay (sudo)'
	@echo 'make reliability  every fault injected, every promise judged (ARGS="F3 F17 --few")'
	@echo 'make powercut  what a cut at any instant leaves of the runs (Linux, strace)'
	@echo 'make soak      a day of the daemon, faster than real time (ARGS="--hours 24 --factor 20")'
	@echo 'make fuzz      hostile input for the readers of CSV, run, FIT, configuration and journal'
	@echo '               files and the control socket (ARGS="--seconds 600 csv run")'
	@echo 'make venv      only .venv with gaitpi in it'

venv: $(BASE)

run: $(BASE)
	@$(PY) -m gaitpi.cli.makerun $(ARGS)

# What failed is run once more where it is little: much of this runs in real time, on machines shared
# with others. The second pass runs the compiled kernels as plain Python; a narrowed run leaves it out,
# and the processes side by side (tests/conftest.py says how many).
test: $(DEV)
	@rm -f .pytest_cache/v/cache/lastfailed
	$(PY) -m pytest $(or $(ARGS),-n auto --dist loadfile) || $(PY) -m tests.again $$? $(ARGS)
	$(if $(ARGS),,NUMBA_DISABLE_JIT=1 $(PY) -m pytest -n auto --dist loadfile -m nojit)

# Guest and scenarios: docs/hil.md. The first time builds a kernel (about ten minutes).
hil: $(DEV)
	@$(PY) -m tests.hil.build
	$(PY) -m pytest -m hil tests/hil $(ARGS) || { \
	    echo 'Once more, what failed: the guest shares this machine with others.'; \
	    $(PY) -m pytest -m hil tests/hil --last-failed --last-failed-no-failures none $(ARGS); }

# docs/arm.md. The first time builds two systems and compiles in them: most of an hour.
arm: $(BASE)
	@$(PY) -m tests.arm $(ARGS)

# The system's own Python, not .venv: it needs nothing that is not there.
INSTALL = PYTHONDONTWRITEBYTECODE=1 $(or $(PYTHON),python3) -m gaitpi.device.install

install:
	@$(INSTALL) install $(ARGS)

update:
	@$(INSTALL) update $(FILE) $(ARGS)

rollback uninstall:
	@$(INSTALL) $@ $(ARGS)

lint: $(DEV)
	$(PY) -m ruff check
	$(PY) -m ruff format --check

types: $(DEV)
	$(PY) -m mypy

validate: $(PEERS)
	@$(PY) -m calibration.validation $(ARGS)

bench: $(PEERS)
	@$(PY) -m calibration.validation.speed $(ARGS)

# docs/reliability.md. All of it takes most of an hour; ARGS names rows: ARGS='F3 F17 --write'.
reliability: $(DEV)
	@$(PY) -m calibration.reliability $(ARGS)

# docs/powercut.md. About five minutes.
powercut: $(BASE)
	@$(PY) -m calibration.powercut $(ARGS)

# docs/soak.md. A day at 20 times real time takes 72 minutes.
soak: $(BASE)
	@$(PY) -m calibration.soak $(ARGS)

# docs/security.md. One minute for each reader, unless ARGS says otherwise.
fuzz: $(FUZZ)
	@$(PY) -m tests.fuzz $(ARGS)

$(BASE): pyproject.toml $(PY)
	@echo 'Installing gaitpi into $(VENV) (the first time takes a few minutes on a Pi) ...'
	@$(PIP) --editable . </dev/null
	@touch $@

$(DEV): pyproject.toml $(PY)
	@echo 'Installing gaitpi and its test tools into $(VENV) ...'
	@$(PIP) --editable '.[dev]' </dev/null
	@touch $(BASE) $@

# One by one: what has no wheel for this machine is left out, and the tables say so.
$(PEERS): pyproject.toml $(BASE)
	@$(PY) -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	    print(*project["optional-dependencies"]["peers"], sep="\n")' | \
	while read -r peer; do \
	    echo "Installing the peer $$peer ..."; \
	    $(PIP) --only-binary :all: "$$peer" </dev/null || \
	        echo "$$peer cannot be installed here: its column stays empty." >&2; \
	done
	@touch $@

$(FUZZ): pyproject.toml $(DEV)
	@echo 'Installing atheris, which guides the fuzzing ...'
	@$(PIP) --only-binary :all: --editable '.[dev,fuzz]' </dev/null || \
	    echo 'atheris cannot be installed here: our own engine does without.' >&2
	@touch $@

# The first of the candidates that is new enough, 64-bit and able to make an environment.
# lgpio has no wheel for Python 3.13: there a Pi's own python3-lgpio is made visible.
$(PY):
	@found=; why='found none'; \
	for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	    command -v "$$python" >/dev/null 2>&1 || continue; \
	    if ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        why="$$python is older than 3.11"; \
	    elif ! "$$python" -c 'import sys; sys.exit(sys.maxsize < 2**32)'; then \
	        echo 'gaitpi needs 64-bit Raspberry Pi OS: numba has no wheels for 32-bit systems.' >&2; \
	        exit 1; \
	    elif ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	        lacking=$$python; \
	    else \
	        found=$$python; break; \
	    fi; \
	done; \
	if [ -z "$$found" ] && [ -n "$$lacking" ]; then \
	    echo "$$lacking cannot make environments: sudo apt install python3-venv" >&2; exit 1; \
	elif [ -z "$$found" ]; then \
	    echo "gaitpi needs Python 3.11 or newer, but $$why: install it, or name one with" \
	        "make PYTHON=/path/to/python3 (Raspberry Pi OS has it from 12, bookworm, on)." >&2; \
	    exit 1; \
	fi; \
	site=; \
	if grep -qs 'Raspberry Pi' /proc/device-tree/model && \
	    "$$found" -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then \
	    site=--system-site-packages; \
	    "$$found" -c 'import lgpio' 2>/dev/null || \
	        echo 'For buzzer and LED: sudo apt install python3-lgpio (the coach runs without).' >&2; \
	fi; \
	echo "Making $(VENV) with $$found ..."; \
	"$$found" -m venv --clear $$site $(VENV) || { rm -rf $(VENV); exit 1; }
