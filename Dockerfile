# CPU:   docker build -t zfnet-explorer .
# CUDA:  docker build -t zfnet-explorer --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .
FROM python:3.11-slim-bookworm AS build

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PATH=/opt/venv/bin:$PATH
RUN python -m venv /opt/venv
WORKDIR /build
COPY requirements.txt requirements-lock.txt ./
# PyTorch alone from its own index, then the rest, for which it counts as installed, from PyPI.
RUN grep -E '^torch(vision)?==' requirements.txt > torch.txt \
    && pip install --no-deps --index-url "$TORCH_INDEX" -r torch.txt \
    && pip install -r requirements.txt -c requirements-lock.txt \
    && pip check


FROM python:3.11-slim-bookworm

RUN useradd --uid 10001 --create-home zfnet
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/home/zfnet
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY .streamlit .streamlit
COPY assets assets
COPY zfnet zfnet
COPY pages pages
COPY app.py .
USER 10001

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "app.py", "--server.port=8501", "--server.address=0.0.0.0"]
