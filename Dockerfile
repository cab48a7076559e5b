# One image for migrate, api and worker: the packages of `requirements.lock` and the engine.
FROM python:3.14-slim AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# Packages at run time; without pip. For traces: --build-arg LOCK=requirements-tracing.lock
ARG LOCK=requirements.lock
COPY requirements.lock requirements-tracing.lock ./
RUN python -m venv --without-pip /opt/engine \
    && pip --python /opt/engine/bin/python install --require-hashes -r "$LOCK"

# Packages for the build.
COPY requirements-build.lock ./
RUN pip install --require-hashes -r requirements-build.lock

COPY pyproject.toml README.md ./
COPY app app
COPY worker worker
COPY migrations migrations
COPY deploy/wheel deploy/wheel
RUN pip wheel --no-build-isolation --no-deps --wheel-dir /wheels . \
    && pip --python /opt/engine/bin/python install --no-deps --no-index /wheels/*.whl

FROM python:3.14-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin engine
COPY --from=build /opt/engine /opt/engine
# Listens on every address of the container; docker decides which ports are published.
ENV PATH=/opt/engine/bin:$PATH HOST=0.0.0.0 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 3000
CMD ["engine", "api"]
