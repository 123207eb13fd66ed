#!/bin/bash
# Makes this node fit for jobs at every boot: scratch disk, file system and, last, the file that ecs.service waits for. What
# to mount comes from the user data. Whatever fails leaves the node without that file, and says why in another.
set -Eeuo pipefail

parameters=/run/bootstrap/parameters
ready=/run/bootstrap/ready
reason=/run/bootstrap/reason
tries=10
# Batch ends a machine that has not joined after about 10 minutes; so long, of those, may all the mounting take.
patience=300
environment='' image='' source='' lustre='' scratch_kind='' scratch='' scratch_device='' scratch_disks=0
directories=()

failed_line=
trap 'failed_line=$LINENO' ERR
trap 'fail "stopped by a signal while $(doing)"' HUP INT TERM
trap finish EXIT

say() {
  echo "bootstrap: $*" >&2
  { echo "bootstrap: $*" >/dev/console; } 2>/dev/null || true
}

# What was being done is the reason of a node that is killed, or hangs.
begin() {
  echo "it did not end: $*" >"$reason"
}

doing() {
  sed 's/^it did not end: //' "$reason"
}

fail() {
  trap - ERR
  echo "$*" >"$reason"
  failed_line=
  exit 1
}

finish() {
  local status=$?
  trap - EXIT ERR HUP INT TERM
  if [[ $status -eq 0 ]]; then return; fi
  if [[ -n $failed_line ]]; then echo "line $failed_line failed with status $status while $(doing)" >"$reason"; fi
  rm -f "$ready"
  exit 1
}

require_parameters() {
  if [[ -e $parameters ]]; then return; fi
  # What ran meanwhile may have freed some of it.
  local free_kib
  free_kib=$(df --output=avail / | tail -n 1)
  fail "its user data did not run$(if ((free_kib < 1024)); then echo ': the root disk is full'; fi)"
}

# Where containers are on a network of Docker's, they get no further than this: what a node may do is not theirs to do.
close_metadata() {
  local rule=(DOCKER-USER --destination 169.254.169.254/32 --jump DROP)
  if iptables --wait 10 --check "${rule[@]}" 2>/dev/null; then return; fi
  iptables --wait 10 --insert "${rule[@]}" || fail 'cannot keep containers from the metadata: is docker up?'
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

# Until mkfs.xfs is done, byte 126 of what it makes says so: sb_inprogress in xfs_format.h of the kernel.
is_unfinished() {
  [[ $(od -An -tu1 -j126 -N1 "$1") == *" 1" ]]
}

mount_scratch() {
  local content
  content=$(content_of "$device")
  case $content in
    nothing) make_scratch ;;
    ours)
      if is_unfinished "$device"; then
        say "the file system on $device was never finished, and is made again"
        make_scratch -f
      fi
      ;;
    array) fail "$device holds a part of an array, which is not ours" ;;
    *) fail "$device holds $content, which is not ours" ;;
  esac
  mkdir -p "$scratch"
  mount -t xfs -o noatime "$device" "$scratch" || fail "cannot mount $device at $scratch"
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

# Names, security group rules and the file system itself may be younger than this node. A mount has no timeout of its own.
bring_lustre() {
  local try left said='no answer'
  local mounting=(mount -t lustre -o 'noatime,flock,_netdev' "$source" "$lustre")
  mkdir -p "$lustre"
  for ((try = 1; try <= tries; try++)); do
    if mountpoint -q "$lustre"; then return; fi
    left=$((patience - SECONDS))
    if ((left <= 0)); then break; fi
    if said=$(timeout --kill-after=5 $((left < 90 ? left : 90)) "${mounting[@]}" 2>&1); then return; fi
    said=${said//$'\n'/ }
    say "try $try of $tries to mount $source at $lustre: ${said:=no answer}"
    if ((try < tries)); then sleep $((5 * try)); fi
  done
  fail "cannot mount $source at $lustre: $said"
}

mkdir -p "${ready%/*}"
rm -f "$ready"
begin 'reading what to mount'
require_parameters
# Not in a function, where what is declared would be its own.
# shellcheck source=/dev/null
source "$parameters"
begin 'keeping containers from the metadata'
close_metadata

if [[ $scratch_kind != none ]]; then
  begin "making the scratch disk $scratch"
  bring_scratch
  is_mounted "$scratch" xfs || fail "there is no xfs at $scratch"
  open_to_all "$scratch" || fail "cannot write to $scratch"
fi

if [[ -n $source ]]; then
  begin "mounting $source at $lustre"
  bring_lustre
  is_mounted "$lustre" lustre || fail "there is no lustre at $lustre"
  for directory in "${directories[@]+"${directories[@]}"}"; do
    open_to_all "$lustre/$directory" || fail "cannot write to $lustre/$directory"
  done
fi

printf 'environment=%s\nimage=%s\n' "$environment" "$image" >"$ready.new"
mv "$ready.new" "$ready"
rm -f "$reason"
say "ready for jobs in $environment"
