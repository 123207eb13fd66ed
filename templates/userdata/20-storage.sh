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
scratch_disks={{sh scratch.disks}}
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
disks_of() {
  local link
  for link in /dev/disk/by-id/nvme-"$1"_*; do
    if [[ -e $link && $link != *-part[0-9]* ]]; then readlink -f "$link"; fi
  done | sort -u
}

used_at() {
  lsblk -nro MOUNTPOINT "$1" | sed '/^[[:space:]]*$/d'
}

# "nothing", "ours" (our label), "array" (a part of one), or in words what somebody else left. wipefs sees also what is
# damaged, blkid only what is whole.
content_of() {
  local said status=0 type label
  said=$(blkid -p -o export "$1") || status=$?
  type=$(sed -n 's/^TYPE=//p' <<<"$said")
  label=$(sed -n 's/^LABEL=//p' <<<"$said")
  if ((status == 2)) && said=$(wipefs -n "$1" 2>&1) && [[ -z $said ]]; then
    echo nothing
  elif ((status != 0)); then
    echo 'more than one thing, or something damaged'
  elif [[ $type == xfs && $label == bootstrap ]]; then
    echo ours
  elif [[ $type == linux_raid_member ]]; then
    echo array
  else
    echo "${type:-partitions}${label:+ with the label $label}"
  fi
}

# One disk as it is, several as one RAID 0. Only blank disks are made into something; what carries our label or is an
# array keeps its files.
assemble() {
  local disk used content blank=() ours=() parts=()
  for disk; do
    used=$(used_at "$disk") || fail "cannot look at $disk"
    if [[ -n $used ]]; then fail "$disk is in use at ${used//$'\n'/ }"; fi
    content=$(content_of "$disk")
    case $content in
      nothing) blank+=("$disk") ;;
      ours) ours+=("$disk") ;;
      array) parts+=("$disk") ;;
      *) fail "$disk holds $content, which is not ours" ;;
    esac
  done
  if ((${#ours[@]} + (${#parts[@]} > 0) > 1)); then fail "more than one of $* holds files of ours"; fi
  if ((${#ours[@]} == 1)); then
    # Its siblings were late at an earlier boot.
    device=${ours[0]}
  elif ((${#parts[@]} > 0)); then
    # After a reboot udev may have put the array together, under a name of its own.
    device=$(lsblk -nrpo NAME,TYPE "${parts[0]}" | awk '$2 == "raid0" && !found++ { print $1 }')
    if [[ -n $device ]]; then return; fi
    device=/dev/md0
    mdadm --assemble "$device" "${parts[@]}" || fail "cannot assemble the RAID 0 of ${parts[*]}"
  elif (($# == 1)); then
    device=$1
  else
    device=/dev/md0
    mdadm --create "$device" --level=0 --raid-devices=$# "$@" </dev/null || fail "cannot make a RAID 0 of $*"
  fi
}

make_scratch() {
  mkfs.xfs -q -K "$@" -L bootstrap "$device" || fail "cannot make a file system on $device"
}

mount_scratch() {
  local content
  content=$(content_of "$device")
  case $content in
    nothing) make_scratch ;;
    ours) ;;
    array) fail "$device holds a part of an array, which is not ours" ;;
    *) fail "$device holds $content, which is not ours" ;;
  esac
  mkdir -p "$scratch"
  if mount -t xfs -o noatime "$device" "$scratch"; then return; fi
  if [[ $content == ours ]]; then
    say "the file system on $device was never finished, and is made again"
    make_scratch -f
    if mount -t xfs -o noatime "$device" "$scratch"; then return; fi
  fi
  fail "cannot mount $device at $scratch"
}

# EBS volumes have no name of their own where Amazon's udev rule is not: then it is the one that nothing is mounted from.
ebs_disks() {
  local disk
  if [[ -e $scratch_device ]]; then
    readlink -f "$scratch_device"
    return
  fi
  for disk in $(disks_of Amazon_Elastic_Block_Store); do
    if [[ -z $(used_at "$disk") ]]; then echo "$disk"; fi
  done
}

# Disks may be late.
bring_scratch() {
  if mountpoint -q "$scratch"; then return; fi
  local disks=() try wanted=1 what
  case $scratch_kind in
    instance-store)
      what='NVMe instance-store disk'
      wanted=$scratch_disks
      ;;
    ebs) what="EBS disk for $scratch_device" ;;
    *) fail "unknown kind of scratch disk: $scratch_kind" ;;
  esac
  for ((try = 1; try <= tries; try++)); do
    udevadm settle --timeout=10 || true
    if [[ $scratch_kind == ebs ]]; then
      mapfile -t disks < <(ebs_disks)
    else
      mapfile -t disks < <(disks_of Amazon_EC2_NVMe_Instance_Storage)
    fi
    if ((${#disks[@]} >= wanted)); then break; fi
    if ((try < tries)); then sleep 6; fi
  done
  if ((${#disks[@]} == 0)); then fail "this instance has no $what"; fi
  if ((${#disks[@]} < wanted)); then fail "this instance has ${#disks[@]} of $wanted ${what}s: ${disks[*]}"; fi
  if [[ $scratch_kind == ebs ]] && ((${#disks[@]} > 1)); then fail "each of ${disks[*]} may be the $what"; fi
  assemble "${disks[@]}"
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
