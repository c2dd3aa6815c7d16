# The lab and its workers. The base image needs Python with venv and Debian's useradd; python:3.13-slim has both.
ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE}

ENV PATH=/opt/lab/bin:$PATH PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/lab && useradd --uid 10001 --user-group --create-home lab

# Dependencies change rarely, so they have a layer of their own.
WORKDIR /opt/lab/source
COPY pyproject.toml LICENSE ./
RUN touch README.md && pip install --quiet '.[lab]'
COPY . .
RUN pip install --quiet --no-deps . && install --directory --owner lab --group lab --mode 700 /keys /data

USER lab
WORKDIR /home/lab
ENTRYPOINT ["lab"]
