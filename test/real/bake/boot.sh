#!/bin/bash
# Boots a machine whose disk is LAYER over this machine's own root, in namespaces of its own and without a network, and
# says the process id of its systemd. It ends with standard input, and leaves nothing. usage: boot.sh LAYER MOUNT-POINT
set -euo pipefail
exec 3<&0

group=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET)/builder-$$
mkdir "$group"
trap 'until find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.02; done' EXIT

# shellcheck disable=SC2016
(
  echo "$BASHPID" >"$group/cgroup.procs"
  exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child bash -euc '
    mount --make-rprivate /
    mount -t tmpfs disk "$2"
    mkdir "$2"/{written,work,root}
    mount -t overlay -o "lowerdir=/,upperdir=$2/written,workdir=$2/work" disk "$2/root"
    cp -a "$1/." "$2/root"
    cd "$2/root"
    mount -t proc proc proc
    mount -t sysfs -o ro sys sys
    mount -t cgroup2 cgroup sys/fs/cgroup
    mount --bind -o ro proc/sys proc/sys
    mount -t tmpfs run run
    mount -t tmpfs tmp tmp
    mount -t tmpfs dev dev
    for name in null zero full random urandom tty; do
      touch "dev/$name"
      mount --bind "/dev/$name" "dev/$name"
    done
    ln -s /proc/self/fd dev/fd
    ln -s null dev/console
    # None of the services of the machine below.
    rm -rf etc/systemd/system usr/lib/systemd/system/*.wants
    systemctl --root=. --quiet enable ecs.service
    container=builder exec chroot . /lib/systemd/systemd --unit=multi-user.target --show-status=no
  ' - "$1" "$2"
) &
machine=$!

until inside=$(pgrep --parent "$machine") && nsenter --target "$inside" --all --root systemctl --quiet is-active multi-user.target; do
  kill -0 "$machine"
  sleep 0.05
done 2>/dev/null
echo "$inside"
cat <&3 >&2 &
wait -n
kill -KILL "$machine" 2>/dev/null || true
