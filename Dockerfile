# One image for every process: millpond api, millpond gateway, millpond worker, millpond migrate. See docker-compose.yml.

FROM python:3.12.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# Every file by the hash that the lock has for it, and from here on nothing from anywhere else.
COPY requirements.lock ./
RUN pip wheel --require-hashes --wheel-dir /wheels -r requirements.lock
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
COPY pyproject.toml README.md LICENSE ./
COPY millpond millpond
COPY console console
COPY live live
COPY orders orders
COPY inventory inventory
COPY accounts accounts
COPY keel keel
COPY migrations migrations
# What only developers need is among the wheels and is not installed: nothing asks for it.
RUN python -m venv /srv/millpond && /srv/millpond/bin/pip install .

FROM python:3.12.12-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin millpond \
    && install --directory --owner=10001 --mode=0700 /var/lib/millpond
COPY --from=build /srv/millpond /srv/millpond
ENV PATH=/srv/millpond/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MILLPOND_API_HOST=0.0.0.0 \
    MILLPOND_GATEWAY_HOST=0.0.0.0 \
    MILLPOND_DATA_DIR=/var/lib/millpond \
    MILLPOND_LOG_JSON=true
USER 10001
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
ENTRYPOINT ["millpond"]
CMD ["api"]
