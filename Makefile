# `make help` lists the targets. Every target sets up what it needs under .venv and .cache of this checkout.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export PYTHON

# What `make test` runs, each a target of its own, as check-NAME, several at the same time, in this order, the longest first.
# These measure traffic: one at a time, and all others give way to it.
TRAFFIC_CHECKS := integration molecule
# These need a lab or its programs, and wait until those are built; each with a lab starts its own.
LAB_CHECKS := objects fault installation ansible-range lab secrecy
# These need none, and run beside them.
STATIC_CHECKS := sanity ansible-lint unit importer docs-site mypy docs ruff yamllint shellcheck changelog
# One lab, a mesh on it and requests between its clusters, from nothing: with the static checks the inner loop.
SMOKE_CHECK := smoke
CHECKS := $(TRAFFIC_CHECKS) $(LAB_CHECKS) $(STATIC_CHECKS)
# Folders of integration tests that measure no traffic and start API servers of their own: the check objects.
OBJECTS := analysis canary canary_routes charts discovery engine helm identity replicate traffic_split trust workloads writer
# Folders that install and remove what is tested, on labs that are bare before: the check installation.
INSTALLATION := examples models roles wipe

RUN := source tools/common.sh && use_checkout &&

.PHONY: help setup demo test check-quick build findings changelog clean clean-lab $(addprefix check-,$(CHECKS) lab-build $(SMOKE_CHECK))

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22
	@echo "Checks one by one:"
	@printf '  make check-%s\n' $(CHECKS)

setup: ## Python packages, collections and system packages, under .venv and .cache
	@tools/setup.sh

demo: setup ## Two clusters on two networks become one mesh on this machine, shown with requests both ways
	@tools/demo.sh

test: setup ## Every check, also after one failed; ends with a summary
	@$(RUN) python tools/run_checks.py --traffic $(TRAFFIC_CHECKS) --lab $(LAB_CHECKS) --static $(STATIC_CHECKS)

check-quick: setup ## All that needs no cluster, and one mesh from nothing, within six minutes: the inner loop
	@$(RUN) python tools/run_checks.py --lab $(SMOKE_CHECK) --static $(STATIC_CHECKS)

build: setup ## The collection's artifact, installed into .cache/installed
	@tools/artifact.sh .cache/installed

findings: setup ## docs/findings.md, from the kinds of findings that the engine declares
	@$(RUN) python tools/findings.py

changelog: setup ## Move the fragments into CHANGELOG.md, under the version of galaxy.yml
	@$(RUN) antsibull-changelog release --update-existing --reload-plugins

check-ruff: setup
	@$(RUN) ruff check . && ruff format --check .

check-mypy: setup
	@$(RUN) mypy $$(tools/mypy_packages.sh)

check-yamllint: setup
	@$(RUN) yamllint --strict . && echo "yamllint: $$(yamllint --list-files . | wc -l) files, 0 problems"

check-shellcheck: setup
	@$(RUN) tools/shell_scripts.sh | xargs shellcheck -x && echo "shellcheck: $$(tools/shell_scripts.sh | wc -l) scripts, 0 problems"

check-changelog: setup
	@$(RUN) antsibull-changelog lint && echo "antsibull-changelog: $$(ls changelogs/fragments | wc -l) fragments, 0 problems"

check-ansible-lint: setup
	@$(RUN) ansible-lint --profile production --offline --nocolor

check-docs: setup
	@tools/docs.sh lint

check-docs-site: setup
	@tools/docs.sh site

check-unit: setup
	@$(RUN) python -m pytest -n 2 -m "not lab" -q tests/unit tests/secrecy lab/tests

check-sanity: setup
	@tools/sanity.sh

check-importer: setup
	@tools/importer.sh

check-lab-build: setup
	@$(RUN) meshlab build

check-ansible-range: setup
	@MESHLAB_NAME=$${MESHLAB_NAME:-test}range tools/with-lab.sh tools/ansible-range.sh

check-lab: setup
	@$(RUN) python -m pytest -m lab -v lab/tests

check-objects: setup
	@$(RUN) tools/each-folder.sh tests/integration $(OBJECTS)

check-installation: setup
	@MESHLAB_NAME=$${MESHLAB_NAME:-test}bare tools/with-lab.sh tools/each-folder.sh tests/integration $(INSTALLATION)

check-integration: setup
	@tools/with-mesh.sh tools/each-folder.sh tests/integration --except $(OBJECTS) $(INSTALLATION)

check-molecule: setup
	@$(RUN) tools/run_scenarios.py

check-smoke: setup
	@$(RUN) molecule test --scenario-name default

check-fault: setup
	@MESHLAB_NAME=$${MESHLAB_NAME:-test}fault tools/with-lab.sh python -m pytest -v tests/fault

check-secrecy: setup
	@MESHLAB_NAME=$${MESHLAB_NAME:-test}secret tools/with-lab.sh python -m pytest -m lab -v tests/secrecy

clean-lab: ## End the demo's lab, and forget its mesh
	@tools/demo.sh clean

clean: ## Remove .venv and .cache; the lab's binaries stay in the user's cache folder
	rm -rf .venv .cache
