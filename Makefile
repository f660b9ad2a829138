# Every target is a command of the launcher, which needs Python 3.11 or newer and nothing else.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
LAUNCHER = $(if $(PYTHON),"$(PYTHON)",$(error Python is missing: install python3.11)) -m launcher
SESSIONS ?= 300
N ?= 100000
ARGS ?=
export SESSIONS

.PHONY: help demo up down test check bench bench-segments bench-hot bench-editors bench-privacy bench-models bench-experiments operating-characteristics faults parity mutants contract audit schema shell doctor requirements docker-check

help:
	@$(LAUNCHER) help

demo:
	@$(LAUNCHER) demo

up:
	@$(LAUNCHER) up

down:
	@$(LAUNCHER) down

test:
	@$(LAUNCHER) test $(ARGS)

check:
	@$(LAUNCHER) check $(ARGS)

bench:
	@$(LAUNCHER) bench $(ARGS)

bench-segments:
	@$(LAUNCHER) bench segments $(ARGS)

bench-hot:
	@$(LAUNCHER) bench hot $(ARGS)

bench-editors:
	@$(LAUNCHER) bench editors $(ARGS)

bench-privacy:
	@$(LAUNCHER) bench privacy $(ARGS)

bench-models:
	@$(LAUNCHER) bench models $(ARGS)

bench-experiments:
	@$(LAUNCHER) bench experiments $(ARGS)

operating-characteristics:
	@$(LAUNCHER) operating-characteristics

faults:
	@$(LAUNCHER) faults $(ARGS)

parity:
	@$(LAUNCHER) parity --checks $(N) $(ARGS)

mutants:
	@$(LAUNCHER) mutants $(ARGS)

contract:
	@$(LAUNCHER) contract $(ARGS)

audit:
	@$(LAUNCHER) audit $(ARGS)

schema:
	@$(LAUNCHER) schema

shell:
	@$(LAUNCHER) shell $(ARGS)

doctor:
	@$(LAUNCHER) doctor

docker-check:
	@docker/check.sh

# After a change of requirements/*.in. The compiled files hold hashes and no index address.
requirements:
	cd requirements && UV_CUSTOM_COMPILE_COMMAND="make requirements" \
	  ../.venv/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes dev.in -o dev.txt
	cd requirements && UV_CUSTOM_COMPILE_COMMAND="make requirements" \
	  ../.venv/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes -c dev.txt base.in -o base.txt
	cd requirements && UV_CUSTOM_COMPILE_COMMAND="make requirements" \
	  ../.venv/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes bench.in -o bench.txt
	cd requirements && UV_CUSTOM_COMPILE_COMMAND="make requirements" \
	  ../.venv/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes clients.in -o clients.txt
	cd requirements && UV_CUSTOM_COMPILE_COMMAND="make requirements" \
	  ../.venv/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes audit.in -o audit.txt
	cd requirements && UV_CUSTOM_COMPILE_COMMAND="make requirements" \
	  ../.venv/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes telemetry.in -o telemetry.txt
	cd requirements && UV_CUSTOM_COMPILE_COMMAND="make requirements" \
	  ../.venv/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes mlflow.in -o mlflow.txt
