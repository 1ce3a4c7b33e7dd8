# docker build -t gapfill .
# docker run --gpus all -it -v $PWD:/workspace -p 127.0.0.1:8888:8888 gapfill
FROM python:3.11-slim-bookworm
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

RUN apt-get update \
 && apt-get install -y --no-install-recommends curl=7.88.* git=1:2.39.* make=4.3-* \
 && rm -rf /var/lib/apt/lists/*

# Another version, or linux-arm64, needs the checksum of its own release package.
ARG QUARTO=1.8.27
ARG QUARTO_ARCH=linux-amd64
ARG QUARTO_SHA256=bdf689b5589789a1f21d89c3b83d78ed02a97914dd702e617294f2cc1ea7387d
RUN curl -fsSL -o /tmp/quarto.tar.gz "https://github.com/quarto-dev/quarto-cli/releases/download/v$QUARTO/quarto-$QUARTO-$QUARTO_ARCH.tar.gz" \
 && echo "$QUARTO_SHA256  /tmp/quarto.tar.gz" | sha256sum -c - \
 && mkdir /opt/quarto \
 && tar -xzf /tmp/quarto.tar.gz -C /opt/quarto --strip-components 1 \
 && ln -s /opt/quarto/bin/quarto /usr/local/bin/quarto \
 && rm /tmp/quarto.tar.gz

# UID: yours, so that files written to the mounted folder are your own
ARG UID=1000
RUN useradd --create-home --uid "$UID" gapfill \
 && install -d -o gapfill -g gapfill /workspace

# The package alone first: an edited notebook does not install everything again.
WORKDIR /opt/gapfill_baseline
COPY constraints.txt settings.ini setup.py pyproject.toml ./
COPY gapfill_baseline gapfill_baseline
RUN pip install --no-cache-dir -c constraints.txt -e '.[dev,scale,stac]'
COPY . .

# Nothing in /workspace is imported, for it may hold a stranger's data.
# docker run -e PYTHONPATH=/workspace imports a checkout that is mounted there.
USER $UID
WORKDIR /workspace
EXPOSE 8888
HEALTHCHECK --start-period=30s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8888/api', timeout=5)"]
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"]
