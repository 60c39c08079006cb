# One image for every part of Framesift; the command in docker-compose.yml decides which part it is.
# TORCH_INDEX chooses the build: https://download.pytorch.org/whl/cpu (default) or .../whl/cu130 for NVIDIA GPUs.
FROM python:3.12-slim-bookworm

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1

# With a GPU scoring is compiled, for which Triton takes a C compiler.
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap curl \
 && case "$TORCH_INDEX" in */cu*) apt-get install -y --no-install-recommends gcc libc6-dev ;; esac \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt .
RUN pip install --extra-index-url "$TORCH_INDEX" -r requirements.txt

COPY . .
RUN useradd --create-home --uid 10001 framesift \
 && mkdir -p /data && chown framesift /data \
 && SECRET_KEY=only-for-collectstatic STATIC_ROOT=/app/staticfiles python manage.py collectstatic --noinput
ENV FRAMESIFT_DATA=/data STATIC_ROOT=/app/staticfiles SCRATCH_DIR=/data/scratch

USER framesift
EXPOSE 8000
CMD ["gunicorn", "curation.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--keep-alive", "75"]
