#!/usr/bin/env bash
# SLURM with accounting on one node, this machine, to try `--on slurm` and its tests: Debian 12, as
# root, without systemd. What is there is left as it is, and what is not running is started.
#
# Two queues: `debug`, the usual one, and `urgent`, which takes its nodes from `debug` and gives
# the jobs there a minute to end.
set -euo pipefail

apt-get install -y --no-install-recommends \
    slurmctld slurmd slurm-client munge slurmdbd mariadb-server

host=$(hostname -s)
port=33307 # a port of its own for the accounting's database
mkdir -p /etc/slurm /run/munge /run/mysqld /var/log/slurm /var/spool/slurmctld /var/spool/slurmd
chown munge: /run/munge
chown mysql: /run/mysqld

[ -e /etc/slurm/slurm.conf ] || cat >/etc/slurm/slurm.conf <<END
ClusterName=loop
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SwitchType=switch/none
MpiDefault=none
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(free -m | awk '/^Mem:/ {print int($2 * 0.7)}') State=UNKNOWN
PartitionName=debug Nodes=$host Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes=$host MaxTime=INFINITE State=UP PriorityTier=2 PreemptMode=OFF
END
[ -e /etc/slurm/slurmdbd.conf ] || cat >/etc/slurm/slurmdbd.conf <<END
AuthType=auth/munge
DbdHost=$host
DbdAddr=127.0.0.1
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$port
StorageUser=slurm
StoragePass=slurm
LogFile=/var/log/slurm/slurmdbd.log
PidFile=/var/run/slurmdbd.pid
END
chmod 600 /etc/slurm/slurmdbd.conf # or slurmdbd refuses it

pgrep -x munged >/dev/null || su -s /bin/bash munge -c /usr/sbin/munged
if ! pgrep -x mariadbd >/dev/null; then
    setsid mariadbd --user=mysql --port=$port --bind-address=127.0.0.1 \
        >/var/log/slurm/mariadb.log 2>&1 </dev/null &
    until mariadb-admin ping >/dev/null 2>&1; do sleep 1; done
fi
mariadb -e "CREATE DATABASE IF NOT EXISTS slurm_acct_db;
    CREATE USER IF NOT EXISTS slurm@'127.0.0.1' IDENTIFIED BY 'slurm';
    CREATE USER IF NOT EXISTS slurm@localhost IDENTIFIED BY 'slurm';
    GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1';
    GRANT ALL ON slurm_acct_db.* TO slurm@localhost;"

pgrep -x slurmdbd >/dev/null || slurmdbd
until sacctmgr -n show cluster >/dev/null 2>&1; do sleep 1; done
# each says "nothing new" of what there is, with an exit code of 1
sacctmgr -i add cluster loop || true
sacctmgr -i add account sweeps || true
sacctmgr -i add user root account=sweeps || true
pgrep -x slurmctld >/dev/null || slurmctld
pgrep -x slurmd >/dev/null || slurmd
until sinfo -h -t idle,mix,alloc | grep -q .; do sleep 1; done
sinfo
