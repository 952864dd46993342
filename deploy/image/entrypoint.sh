#!/bin/sh
# What a container does before it serves: a scratch folder of its own on the volume, workers for the cores it may use,
# a word about a missing GPU; then the server takes this process's place, and the signals that `docker stop` sends.
#
# With arguments it runs those instead; the command `model-store` is model_store_scripts run that way.
set -eu

# The framework wipes its home at each start, and two containers may share the volume.  A lock that the kernel gives
# back with the process says whose scratch is left over.
scratch=$LENS_HOME/scratch
mkdir -p "$scratch" 2>/dev/null || { echo "Lens cannot start. The user $(id -u) may not write to $LENS_HOME." >&2; exit 1; }
for lock in "$scratch"/*.lock; do
    # Held: another container's, or the server's that a command runs beside.
    [ ! -e "$lock" ] || flock --nonblock "$lock" rm -rf "${lock%.lock}" "$lock" || true
done
mine=$scratch/$(cat /proc/sys/kernel/random/uuid)
exec 9>"$mine.lock"
flock 9
mkdir -p "$mine/tmp" "$mine/bentoml"
export TMPDIR="$mine/tmp" BENTOML_HOME="${BENTOML_HOME:-$mine/bentoml}" HOME="$mine"

[ "$#" -eq 0 ] || exec "$@"

# Cores by the container's quota: the kernel goes on showing all of the machine's.
if [ -z "${LENS_WORKERS:-}" ]; then
    quota=max period=100000
    if [ -r /sys/fs/cgroup/cpu.max ]; then
        read -r quota period </sys/fs/cgroup/cpu.max
    elif [ -r /sys/fs/cgroup/cpu/cpu.cfs_quota_us ]; then
        quota=$(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us) period=$(cat /sys/fs/cgroup/cpu/cpu.cfs_period_us)
    fi
    case $quota in
    max | -1) ;;
    *)
        allowed=$(((quota + period - 1) / period))
        [ "$allowed" -ge "$(nproc)" ] || export LENS_WORKERS="$allowed"
        ;;
    esac
fi

if [ "${LENS_RUNTIME:-cpu}" = gpu ]; then
    libraries=$(find /app/.venv/lib -path '*/nvidia/*/lib' -type d | paste -sd:)
    if obstacle=$(python -I -S /opt/lens/gpu.py "$libraries" 2>&1); then
        export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
        export LENS_PROVIDERS="${LENS_PROVIDERS:-CUDAExecutionProvider,CPUExecutionProvider}"
    else
        echo "Lens: $obstacle; models run on the CPU." >&2
        export LENS_PROVIDERS=CPUExecutionProvider
    fi
fi

exec bentoml serve /opt/lens/bento
