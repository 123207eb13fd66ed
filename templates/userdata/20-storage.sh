#!/bin/bash
# Makes this node fit for jobs at every boot: scratch disk, file system and, last, the file that ecs.service waits for.
# Whatever fails leaves the node without that file: it takes no job, says why on the console and powers off.
set -Eeuo pipefail

environment={{sh environment}}
image={{sh image}}
source={{sh filesystem.source}}
lustre={{sh filesystem.mountPoint}}
directories=({{sh filesystem.directories}})
scratch_kind={{sh scratch.kind}}
scratch={{sh scratch.mountPoint}}
scratch_device={{sh scratch.device}}
ready=/run/bootstrap/ready
tries=10

# Boothooks run before the network is up. The last stage of cloud-init runs per-boot scripts, and ecs.service comes
# after that stage.
if [[ $0 == */boothooks/* ]]; then
  install -D -m 0700 "$0" /var/lib/cloud/scripts/per-boot/20-bootstrap-storage
  exit
fi

reason=
failed_line=
trap 'failed_line=$LINENO' ERR
trap 'reason="stopped by a signal"; exit 1' HUP INT TERM
trap finish EXIT

say() {
  echo "bootstrap: $*" >&2
  { echo "bootstrap: $*" >/dev/console; } 2>/dev/null || true
}

fail() {
  reason=$*
  exit 1
}

finish() {
  local status=$?
  trap - EXIT ERR HUP INT TERM
  set +e
  if [[ $status -eq 0 ]]; then return; fi
  rm -f "$ready"
  systemctl --no-block stop ecs.service
  say "${reason:-line ${failed_line:-?} failed with status $status}"
  say 'this node takes no job and powers off in 10 minutes'
  systemd-run --unit=bootstrap-power-off --on-active=10min systemctl poweroff || shutdown -P +10
  exit 1
}

is_mounted() {
  mountpoint -q "$1" && [[ $(findmnt -n -o FSTYPE --mountpoint "$1" | tail -n 1) == "$2" ]]
}

# Root squash is off and job containers run under any user.
open_to_all() {
  mkdir -p "$@" && chmod 1777 "$@"
}

# Every disk has two links, and every partition more.
instance_store_disks() {
  local link
  for link in /dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_*; do
    if [[ -e $link && $link != *-part[0-9]* ]]; then readlink -f "$link"; fi
  done | sort -u
}

# One disk as it is, several as one RAID 0. After a reboot udev may have put the array together, under a name of its own.
assemble() {
  if (($# == 1)); then
    device=$1
    return
  fi
  local type
  device=$(lsblk -nrpo NAME,TYPE "$1" | awk '$2 == "raid0" && !found++ { print $1 }')
  [[ -z $device ]] || return 0
  device=/dev/md0
  type=$(blkid -p -s TYPE -o value "$1" || true)
  if [[ $type == linux_raid_member ]]; then
    mdadm --assemble "$device" "$@" || fail "cannot assemble the RAID 0 of $*"
  else
    mdadm --create "$device" --level=0 --raid-devices=$# "$@" </dev/null || fail "cannot make a RAID 0 of $*"
  fi
}

# A disk that carries our label keeps its files; mkfs.xfs itself refuses a disk that carries anything else.
mount_scratch() {
  local mounts label
  mounts=$(lsblk -nro MOUNTPOINT "$device") || fail "cannot look at $device"
  if [[ $mounts =~ [^[:space:]] ]]; then fail "$device is in use at ${mounts//[[:space:]]/ }"; fi
  label=$(blkid -p -s LABEL -o value "$device" || true)
  if [[ $label != bootstrap ]]; then
    mkfs.xfs -q -K -L bootstrap "$device" || fail "cannot make a file system on $device"
  fi
  mkdir -p "$scratch"
  mount -t xfs -o noatime "$device" "$scratch" || fail "cannot mount $device at $scratch"
}

bring_scratch() {
  if mountpoint -q "$scratch"; then return; fi
  udevadm settle --timeout=60 || true
  local disks try
  case $scratch_kind in
    instance-store)
      mapfile -t disks < <(instance_store_disks)
      if ((${#disks[@]} == 0)); then fail 'this instance has no NVMe instance-store disk'; fi
      assemble "${disks[@]}"
      ;;
    ebs)
      for ((try = 1; try <= tries; try++)); do
        if [[ -e $scratch_device ]]; then break; fi
        sleep 6
      done
      [[ -e $scratch_device ]] || fail "there is no disk $scratch_device"
      device=$(readlink -f "$scratch_device")
      ;;
    *) fail "unknown kind of scratch disk: $scratch_kind" ;;
  esac
  mount_scratch
}

# Names, security group rules and the file system itself may be younger than this node.
bring_lustre() {
  local try said=
  mkdir -p "$lustre"
  for ((try = 1; try <= tries; try++)); do
    if mountpoint -q "$lustre"; then return; fi
    if said=$(mount -t lustre -o noatime,flock,_netdev "$source" "$lustre" 2>&1); then return; fi
    say "try $try of $tries to mount $source at $lustre: ${said//$'\n'/ }"
    if ((try < tries)); then sleep $((5 * try)); fi
  done
  fail "cannot mount $source at $lustre: ${said//$'\n'/ }"
}

rm -f "$ready"

if [[ $scratch_kind != none ]]; then
  bring_scratch
  is_mounted "$scratch" xfs || fail "there is no xfs at $scratch"
  open_to_all "$scratch" || fail "cannot write to $scratch"
fi

if [[ -n $source ]]; then
  bring_lustre
  is_mounted "$lustre" lustre || fail "there is no lustre at $lustre"
  for directory in "${directories[@]+"${directories[@]}"}"; do
    open_to_all "$lustre/$directory" || fail "cannot write to $lustre/$directory"
  done
fi

mkdir -p "${ready%/*}"
printf 'environment=%s\nimage=%s\n' "$environment" "$image" >"$ready.new"
mv "$ready.new" "$ready"
say "ready for jobs in $environment"
