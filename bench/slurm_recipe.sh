#!/usr/bin/env bash
# The Slurm recipe of docs/howto-cluster.md on a cluster of one machine: plan, an array of four tasks,
# collect. One task is killed, one is requeued, one runs twice; OUT must have the bytes of one worker.
#
#   sudo apt-get install slurm-wlm munge iproute2
#   sudo env "PATH=$PATH" bench/slurm_recipe.sh [CASES]
#
# The daemons run in a network namespace of their own, so nothing outside this machine sees them, and
# they are stopped at the end. What a cluster of one machine needs stands beside each line.
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  exec unshare --net -- "$0" --inside "$@" # not `ip netns exec`, which hides the cgroup mounts
fi
shift
cases=${1:-8}
address=10.99.0.1
work=$(mktemp -d)
chmod 755 "$work" # munged runs as its own user
ip link set lo up
ip address add "$address/32" dev lo # slurmd finds no host on 127.0.0.1 alone

mkdir "$work/munge" "$work/state" "$work/spool"
dd if=/dev/urandom bs=1 count=1024 of="$work/munge/key" status=none
chmod 600 "$work/munge/key"
chown -R munge: "$work/munge"
setpriv --reuid=munge --regid=munge --clear-groups munged --key-file="$work/munge/key" \
  --socket="$work/munge/socket" --pid-file="$work/munge/pid" --log-file="$work/munge/log" \
  --seed-file="$work/munge/seed"

host=$(hostname -s)
export SLURM_CONF=$work/slurm.conf
cat > "$SLURM_CONF" << END
ClusterName=one
SlurmctldHost=$host($address)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
MpiDefault=none
ReturnToService=2
NodeName=$host NodeAddr=$address CPUs=4 RealMemory=8000
PartitionName=all Nodes=$host Default=YES
END
echo CgroupPlugin=cgroup/v1 > "$work/cgroup.conf"
stop() {
  for name in slurmd.pid slurmctld.pid munge/pid; do
    [ -s "$work/$name" ] && kill "$(cat "$work/$name")" || true
  done
}
trap stop EXIT
slurmctld
slurmd
until sinfo --noheader --states=idle | grep -q .; do sleep 1; done
sinfo

cd "$work"
pleura phantom CHESTS --cases "$cases" --size 64 --slices 24 --quiet
pleura segment CHESTS/Images PLAIN --quiet
pleura segment CHESTS/Images LUNGS --plan --tasks 4
line=$(pleura segment CHESTS/Images LUNGS --plan --tasks 4 --json |
  python -c 'import json, sys; print(json.load(sys.stdin)["slurm"])')
echo "+ $line"
submitted=$(eval "$line")
job=${submitted##* }
until [ "$(ls LUNGS/.pleura/claims | wc -l)" -ge 3 ]; do sleep 0.2; done
echo "+ kill task 1, requeue task 2, start task 3 once more"
scancel --signal=KILL --full "${job}_1" || true
scontrol requeue "${job}_2" || true
eval "${line/--array=0-3/--array=3}"
until [ -z "$(squeue --noheader)" ]; do
  sleep 1
done
pleura status LUNGS || true
for log in slurm-*.out; do
  echo "$log: $(tail -n 1 "$log")"
done
echo "+ pleura segment CHESTS/Images LUNGS"
pleura segment CHESTS/Images LUNGS
diff --recursive --exclude=.pleura PLAIN LUNGS
echo "$cases cases by four tasks of Slurm $(slurmctld -V | cut -d' ' -f2): the bytes of one worker"
cd / && stop && trap - EXIT && rm -rf "$work"
