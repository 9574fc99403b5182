# One door: "make" lists what there is, CI calls "make ci" and nothing else.
.DEFAULT_GOAL := help
.PHONY: help venv lint format test test-root lab lab-vm golden diagram bench deb rpm deb-snapshot ci install-hooks clean

# Every file that starts with "#!/bin/sh", whatever its name; templates are checked as rendered, by tests/shell.
SHELL_FILES = $(shell grep --recursive --files-with-matches --max-count=1 '^\#!/bin/sh' \
	run .ci tests --include='*' --exclude='*.py' --exclude='*.md' --exclude='*.j2' --exclude-dir=golden \
	--exclude-dir=__pycache__)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## .venv with everything that development needs
	./run --with dev true

lint: venv ## ruff, mypy --strict, shellcheck
	./run --with dev ruff check .
	./run --with dev ruff format --check .
	./run --with dev mypy
	@# SC2317: functions that a short golden file defines and does not call
	shellcheck --exclude=SC2317 $(SHELL_FILES)
	shellcheck --shell=sh --exclude=SC2153 tests/cases/prelude.sh tests/cases/*/host.sh

format: venv ## let ruff format and sort
	./run --with dev ruff check --fix-only .
	./run --with dev ruff format .

test: ## the fast tests: no root, no network namespaces
	./run pytest -n 2 -m "not netns and not slow"

test-root: ## the tests that ask a real kernel, as root
	./run pytest -n 2 -m netns

lab: ## boot every system of the lab and write docs/proof.md, as root (about 20 minutes)
	rm -f build/lab-results && mkdir -p build
	CI=true ASYMGEN_LAB=all ASYMGEN_LAB_RESULTS=build/lab-results ./run pytest -n 6 --dist worksteal \
		tests/lab tests/packages/test_lives.py
	./run python -m tests.lab.journal build/lab-results docs/proof.md

lab-vm: ## boot a machine in QEMU for what needs udev, and write its part of docs/proof.md, as root (qemu-system-x86)
	rm -f build/lab-vm-results && mkdir -p build
	CI=true ASYMGEN_LAB=vm ASYMGEN_LAB_RESULTS=build/lab-vm-results ./run pytest tests/lab/test_virtual_machine.py
	./run python -m tests.lab.journal build/lab-vm-results docs/proof.md

golden: ## write the golden files of tests/cases anew; read the diff before you commit it
	ASYMGEN_WRITE_GOLDEN=1 ./run pytest -q tests/golden

diagram: ## draw the example host of README.md anew
	./run asymgen diagram --snapshot tests/cases/two-subnets/snapshot.json -o docs/two-subnets.svg

bench: ## measure what asymgen costs, as root, and write docs/benchmarks.md; takes about ten minutes
	./run python -m bench -o docs/benchmarks.md

# The distribution's own Python, whatever is first in PATH; a copy, since these tools write into the tree and beside it.
SYSTEM_PATH = /usr/sbin:/usr/bin:/sbin:/bin
TRACKED = git ls-files -co --exclude-standard
define copy
	rm -rf build/$@ && mkdir -p build/$@/src dist
	$(TRACKED) | tar -cf - -T - | tar -xf - -C build/$@/src
endef

deb: ## dist/asymgen_*.deb by debian/ (Debian: debhelper, pybuild-plugin-pyproject and what debian/control lists)
	$(copy)
	cd build/$@/src && PATH=$(SYSTEM_PATH) dpkg-buildpackage --build=binary --no-sign
	cp build/$@/asymgen_*.deb dist/

deb-snapshot: ## the same quickly by stdeb, for a try (Debian: python3-stdeb, dh-python)
	$(copy)
	rm -rf build/$@/src/debian
	cd build/$@/src && PATH=$(SYSTEM_PATH) python3 setup.py --command-packages=stdeb.command bdist_deb
	cp build/$@/src/deb_dist/*.deb dist/

rpm: ## dist/asymgen-*.rpm by rpm/asymgen.spec (rpm-build; Debian: rpm, python3-jinja2, python3-pip, python3-wheel)
	$(copy)
	mv build/$@/src build/$@/asymgen-$$(sed -n 's/^Version: *//p' rpm/asymgen.spec)
	cd build/$@ && tar -czf source.tar.gz asymgen-* && mv source.tar.gz "$$(echo asymgen-*).tar.gz"
	cd build/$@ && PATH=$(SYSTEM_PATH) rpmbuild -bb --quiet --define "_topdir $$PWD/work" --define "_sourcedir $$PWD" \
		--define "_rpmdir $$PWD/out" --define "__python3 /usr/bin/python3" asymgen-*/rpm/asymgen.spec
	cp build/$@/out/noarch/asymgen-*.rpm dist/

ci: lint ## everything, nothing skipped; what CI runs
	CI=true ./run pytest -n 4 --dist worksteal

install-hooks: venv ## run the lint before every commit
	./run --with dev pre-commit install

clean: ## remove what builds and tools left behind
	rm -rf .venv build dist asymgen.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
