# Two commands: 'make run' starts the main job, 'make test' runs every check. Both set up what they need in .venv.
# While writing: 'make check', all but the tests that open a window or are marked slow.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
# the checks start many processes; without this each of them may compile everything anew
export PYTHONDONTWRITEBYTECODE :=

SYSTEM_PACKAGES := xvfb xauth xdotool libegl1 libgl1 libgl1-mesa-dri libdbus-1-3 libfontconfig1 libglib2.0-0 \
	libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 \
	libxcb-shape0 libxcb-xinerama0 fonts-dejavu-core

.PHONY: run test check search lint types formats words speed system clean

run: $(STAMP)
	@if [ "$$(uname)" = Linux ] && [ -z "$$DISPLAY$$WAYLAND_DISPLAY" ]; then \
		echo "No display: running the loop without a window."; \
		$(BIN)/medseg demo --headless --out demo-output; \
	else \
		$(BIN)/medseg app --sample-project; \
	fi

# real windows; on Linux each process of the tests starts a virtual screen of its own
test: $(STAMP) system lint types
	LIBGL_ALWAYS_SOFTWARE=1 $(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

check: $(STAMP) lint types
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow and not gui" --no-xvfb --durations 5 $(PYTEST_ARGS)

# new inputs for all properties: what fails becomes an @example of its test
search: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --no-xvfb --hypothesis-profile=search -m "not gui" $(PYTEST_ARGS) \
		$$(grep -rl --include="test_*.py" "from hypothesis" tests)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --config setup.cfg

types: $(STAMP)
	$(BIN)/mypy --config-file setup.cfg

# what follows from the table of formats: the manifest, and a table in the docs
formats: $(STAMP)
	$(BIN)/python docs/formats.py

# the page on speed from what was measured; MEASURE=missing, MEASURE=all or names first measure, with DATA=folder of sets
speed: $(STAMP)
	$(BIN)/python benchmarks/speed_page.py $(if $(MEASURE),--measure $(filter-out missing,$(MEASURE))) \
		$(if $(DATA),--data $(DATA))

# all texts of the window in one file, to be read and translated
words: $(STAMP)
	$(BIN)/python docs/words.py

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11, which napari needs. Install a newer one, or name it: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[all]"
	@$(BIN)/python -c "import torch; torch.version.cuda is None or torch.cuda.is_available() or print( \
		'Note: torch came with CUDA, though there is no GPU here. It works; 2.7 GB smaller is the CPU build: ' \
		'$(BIN)/pip install --index-url https://download.pytorch.org/whl/cpu torch==' + torch.__version__.partition('+')[0])"
	@touch $@

# installs what the system lacks where it may; otherwise says what to install
system:
	@if [ "$$(uname)" = Linux ]; then \
		missing=""; for tool in xvfb-run xdotool; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
		for lib in libEGL.so.1 libxcb-icccm.so.4 libxcb-keysyms.so.1 libxcb-cursor.so.0 libxkbcommon-x11.so.0; do \
			ldconfig -p | grep -q "$$lib" || missing="$$missing $$lib"; done; \
		if [ -n "$$missing" ]; then \
			if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
				apt-get update -qq && apt-get install -y -qq --no-install-recommends $(SYSTEM_PACKAGES) >/dev/null; \
			else echo "Missing:$$missing. Install: sudo apt-get install $(SYSTEM_PACKAGES)"; exit 1; fi; \
		fi; \
	fi

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-output
