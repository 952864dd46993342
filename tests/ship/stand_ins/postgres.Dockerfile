# A stand-in for postgres where no image registry can be reached: Debian's package, 15, with the same variables.
FROM python:3.11-slim
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql-15 >/dev/null \
 && install -d -o postgres -g postgres /var/lib/postgresql/data
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
COPY postgres-entrypoint.sh /
USER postgres
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["/postgres-entrypoint.sh"]
