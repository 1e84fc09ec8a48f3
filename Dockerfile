# CPU:   docker build -t zfnet-explorer .
# CUDA:  docker build -t zfnet-explorer:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .
# All packages are pinned. The base image is by its tag, and gets its security updates so; who wants it pinned as well
# writes its digest behind both: python:3.11-slim-bookworm@sha256:….
FROM python:3.11-slim-bookworm AS build

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_PYTHON=/opt/venv/bin/python
WORKDIR /build
COPY requirements.txt requirements-lock.txt ./
# PyTorch alone from its own index, then the rest, for which it counts as installed, from PyPI. Left behind are pip, the
# packages' own tests and C headers.
RUN python -m venv --without-pip /opt/venv \
    && grep -E '^torch(vision)?==' requirements.txt > torch.txt \
    && python -m pip install --no-deps --index-url "$TORCH_INDEX" -r torch.txt \
    && python -m pip install -r requirements.txt -c requirements-lock.txt \
    && python -m pip check \
    && cd /opt/venv/lib/python*/site-packages \
    && find . -type d -name tests -prune -exec rm -rf {} + \
    && rm -rf torch/include torch/share pyarrow/include nvidia/*/include


FROM python:3.11-slim-bookworm

# Nothing but /tmp is written, so that the root can be mounted read-only.
RUN useradd --uid 10001 --no-create-home --home-dir /tmp zfnet
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    STREAMLIT_SERVER_PORT=8501 STREAMLIT_SERVER_ADDRESS=0.0.0.0
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY .streamlit .streamlit
COPY assets assets
COPY zfnet zfnet
COPY pages pages
COPY app.py .docker/health.py ./
RUN python -m compileall -q .
USER 10001

EXPOSE 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["python", "/app/health.py"]
CMD ["streamlit", "run", "app.py"]
