# The images of inference, tracking and training: `make images`, docs/operations/images.md.
# CI pins the base: --build-arg BASE=python:3.11-slim-bookworm@sha256:…
ARG BASE=python:3.11-slim-bookworm

# What all builds start from: an environment without pip, which the base's own pip fills.
FROM ${BASE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /venv
WORKDIR /app

# Bytecode is compiled here, since nothing can be written to the image's file system. It is used
# unchecked: times of files differ between builders.
FROM builder AS inference-dependencies
COPY requirements/inference.txt ./
RUN pip --python /venv/bin/python install --no-cache-dir --no-compile --require-hashes -r inference.txt \
 && python -m compileall -q --invalidation-mode unchecked-hash /venv

# With `--root`, only what is missing is installed, and elsewhere: images that need it share the rest.
FROM inference-dependencies AS records-dependencies
COPY requirements/records.txt ./
RUN pip --python /venv/bin/python install --no-cache-dir --no-compile --require-hashes --root /added -r records.txt \
 && python -m compileall -q --invalidation-mode unchecked-hash -s /added /added

FROM builder AS training-dependencies
COPY requirements/training.txt ./
RUN pip --python /venv/bin/python install --no-cache-dir --no-compile --require-hashes -r training.txt \
 && python -m compileall -q --invalidation-mode unchecked-hash /venv

FROM training-dependencies AS tracking-dependencies
COPY requirements/tracking.txt ./
RUN pip --python /venv/bin/python install --no-cache-dir --no-compile --require-hashes --root /added -r tracking.txt \
 && python -m compileall -q --invalidation-mode unchecked-hash -s /added /added

# MLflow finds the server's application by the entry point in the project's metadata.
FROM builder AS metadata
COPY requirements/build.txt ./
RUN pip --python /venv/bin/python install --no-cache-dir --require-hashes -r build.txt
COPY LICENSE README.md pyproject.toml ./
RUN mkdir /metadata && /venv/bin/python -c "from setuptools.build_meta import prepare_metadata_for_build_wheel as write; write('/metadata')"

# The file REVISION names the commit, as there is no checkout in an image.
FROM builder AS inference-code
COPY features features
COPY inference inference
COPY registry/*.py registry/
COPY registry/ledger registry/ledger
COPY registry/model registry/model
COPY registry/storage registry/storage
COPY registry/tracking registry/tracking
ARG REVISION=unknown
RUN python -m compileall -q --invalidation-mode unchecked-hash . && echo "${REVISION}" > REVISION

FROM builder AS tracking-code
COPY deploy/*.py deploy/
COPY deploy/local/__init__.py deploy/local/processes.py deploy/local/
COPY deploy/tracking deploy/tracking
COPY registry registry
COPY --from=metadata /metadata ./
ARG REVISION=unknown
RUN python -m compileall -q --invalidation-mode unchecked-hash . && echo "${REVISION}" > REVISION

# All that an attestation's digest of the code covers (registry/provenance/repository.py). What
# commands keep in .local, such as simulated data, lasts as long as /tmp.
FROM builder AS training-code
COPY MLproject conda.yaml pyproject.toml ./
COPY requirements requirements
COPY features features
COPY batch batch
COPY monitoring monitoring
COPY registry registry
COPY training training
ARG REVISION=unknown
RUN python -m compileall -q --invalidation-mode unchecked-hash . && echo "${REVISION}" > REVISION \
 && ln -s /tmp .local

# What all images are: the base without its installers, and a user without rights.
FROM ${BASE} AS runtime
RUN find / -xdev -depth -path '*python*' \
      \( -name 'pip' -o -name 'pip-*' -o -name 'setuptools*' -o -name 'pkg_resources*' \
      -o -name 'wheel' -o -name 'wheel-*' -o -name '_distutils_hack' -o -name 'distutils-precedence.pth' \
      -o -name 'ensurepip' \) -exec rm -rf {} + \
 && rm -f /usr/bin/pip* /usr/bin/wheel /usr/local/bin/pip* /usr/local/bin/wheel \
 && groupadd --gid 10001 fraud \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin fraud \
 && install --directory --owner 10001 --group 10001 /var/lib/fraud /var/lib/fraud/cache /var/lib/fraud/records \
 && install --directory /etc/fraud /mnt/secrets
ENV PATH=/venv/bin:$PATH HOME=/tmp \
    PYTHONPATH=/app PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    FRAUD_LEDGER_CONFIG=/etc/fraud/ledger.yaml
WORKDIR /app
USER 10001:10001

FROM runtime AS inference
COPY --from=inference-dependencies /venv /venv
COPY --from=inference-code /app /app
# A path, no secret:
# hadolint ignore=DL3064
ENV FRAUD_HOST=0.0.0.0 FRAUD_PORT=8000 FRAUD_TOKENS=/mnt/secrets/tokens \
    FRAUD_CACHE=/var/lib/fraud/cache FRAUD_RECORDS_SPOOL=/var/lib/fraud/records
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["python", "-c", "\
import os, sys; from http.client import HTTPConnection; \
service = HTTPConnection('127.0.0.1', int(os.environ['FRAUD_PORT']), timeout=3); \
service.request('GET', '/livez'); sys.exit(service.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "inference"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED
LABEL org.opencontainers.image.title="fraud-inference" \
      org.opencontainers.image.description="Serves the fraud model that is in Production" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

# Prediction records as Parquet (FRAUD_RECORDS_TO) need pyarrow, half the size of a pod's image.
FROM inference AS inference-records
COPY --from=records-dependencies /added /
LABEL org.opencontainers.image.title="fraud-inference-records"

FROM runtime AS training-environment
COPY --from=training-dependencies /venv /venv

FROM training-environment AS tracking
COPY --from=tracking-dependencies /added /
COPY --from=tracking-code /app /app
# A path, no secret:
# hadolint ignore=DL3064
ENV MLFLOW_HOST=0.0.0.0 MLFLOW_PORT=5000 FRAUD_TRACKING_SECRETS=/mnt/secrets
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "\
import os, sys; from http.client import HTTPConnection; \
server = HTTPConnection('127.0.0.1', int(os.environ['MLFLOW_PORT']), timeout=3); \
server.request('GET', '/health'); sys.exit(server.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "deploy.tracking"]
CMD ["serve"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED
LABEL org.opencontainers.image.title="fraud-tracking" \
      org.opencontainers.image.description="MLflow's tracking server as a fraud team runs it" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

FROM training-environment AS training
COPY --from=training-code /app /app
# Jobs: nothing listens.
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m"]
CMD ["registry", "--help"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED
LABEL org.opencontainers.image.title="fraud-training" \
      org.opencontainers.image.description="Trains, evaluates and promotes fraud models" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
