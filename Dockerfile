# The command line with all that it needs; a container uses no network but that of its own clients.
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*
ENV HOME=/app TF_CPP_MIN_LOG_LEVEL=3
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY pyproject.toml README.md ./
COPY dance_tf dance_tf
# the weights of the pose networks are in HOME
RUN pip install --no-cache-dir --no-deps -e . && python -m dance_tf.pose.weights && chmod -R a+rX /app
USER 1000
EXPOSE 8000
ENTRYPOINT ["python", "-m", "dance_tf"]
