#!/bin/bash
# Turns a builder that runs an ECS-optimized AMI into what the image is made of. Safe to run again, and it does: status
# 194 has the SSM agent reboot the builder and start over.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

os={{sh os}}
packages=({{sh packages}})
modules=({{sh modules}})
tools=({{sh tools}})
node_files=({{sh nodeFiles}})
log_tail_lines={{sh logTailLines}}
log=/run/bootstrap-provision.log
rebooted=/var/lib/bootstrap-provision.rebooted

say() {
  echo "bootstrap: $*"
}

fail() {
  trap - ERR
  say "provision failed: $*"
  exit 1
}

# Package mirrors have bad minutes.
thrice() {
  "$@" || { sleep 10 && "$@"; } || { sleep 30 && "$@"; } || fail "$*: status $?"
}

# The oldest kernel of each series that the Lustre client fits.
oldest_kernel() {
  case $os/$1 in
    al2023/6.1.*) echo 6.1.79-99.167 ;;
    al2/5.10.*) echo 5.10.144-127.601 ;;
    al2/5.4.*) echo 5.4.214-120.368 ;;
    al2/4.14.*) echo 4.14.294-220.533 ;;
    *) echo 0 ;;
  esac
}

fit_kernel() {
  local running oldest
  running=$(uname -r)
  oldest=$(oldest_kernel "$running")
  if [[ $(printf '%s\n' "$oldest" "$running" | sort -V | head -n 1) == "$oldest" ]]; then return; fi
  if [[ -e $rebooted ]]; then fail "kernel $running is older than $oldest even after an update and a reboot"; fi
  say "kernel $running is older than $oldest, which the Lustre client needs: updating it and rebooting"
  case $os in
    al2023) thrice dnf -y --releasever=latest update kernel ;;
    al2) thrice yum -y update kernel ;;
  esac
  touch "$rebooted"
  exit 194
}

# A repository that cannot be reached is the reason, not the packages that are not found without it.
install_packages() {
  case $os in
    al2023) thrice dnf -y --setopt=skip_if_unavailable=False install lustre-client "${packages[@]}" ;;
    al2)
      thrice amazon-linux-extras install -y lustre
      thrice yum -y install "${packages[@]}"
      ;;
    *) fail "unknown operating system: $os" ;;
  esac
}

check() {
  local name
  for name in "${modules[@]+"${modules[@]}"}"; do
    modprobe "$name" || fail "kernel $(uname -r) cannot load the module $name"
  done
  for name in "${tools[@]+"${tools[@]}"}"; do
    command -v "$name" >/dev/null || fail "there is no $name"
  done
  say "checked: modules ${modules[*]-}; tools ${tools[*]-}"
}

# A node that did not boot our user data, or could not mount its disks, must not join a cluster. What sees to that is in
# the image, so that nothing it needs can be missing; each is MODE PATH BASE64.
install_node_files() {
  local file mode path content
  for file in "${node_files[@]}"; do
    read -r mode path content <<<"$file"
    mkdir -p "${path%/*}"
    base64 -d <<<"$content" >"$path"
    chmod "$mode" "$path"
  done
  systemctl daemon-reload
  systemctl enable bootstrap-storage.service bootstrap-deadline.timer
  [[ $(systemctl show --property=DropInPaths ecs.service) == *10-bootstrap.conf* ]] ||
    fail 'systemd does not see the drop-in of ecs.service'
}

# Stopped, never disabled: that would be in the image and no node would join.
forget_ecs_state() {
  systemctl stop ecs.service
  rm -rf /var/lib/ecs/data/*
  if [[ -e /etc/ecs/ecs.config ]]; then
    sed -i -E '/^(ECS_CLUSTER|ECS_INSTANCE_ATTRIBUTES)=/d' /etc/ecs/ecs.config
  fi
  [[ $(systemctl is-enabled ecs.service) == enabled ]] || fail 'ecs.service is not enabled'
}

forget_packages() {
  case $os in
    al2023) dnf clean all ;;
    al2) yum clean all ;;
  esac
}

# The SSM agent's own folder stays: this script runs from it. Its vault goes: from there every node would take the builder's
# registration key for its own.
forget_machine() {
  rm -rf /var/cache/dnf/* /var/cache/yum/* /var/lib/amazon/ssm/Vault /var/lib/cloud/* /var/lib/dhclient/* /var/tmp/*
  rm -f /etc/ssh/ssh_host_* /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
  rm -f /root/.bash_history /home/*/.bash_history
  rm -f /etc/hostname /var/lib/rsyslog/imjournal.state /var/lib/systemd/random-seed "$rebooted"
  rm -rf /var/log/journal/* /var/log/amazon/ssm/* /var/log/ecs/*
  find /var/log -type f -exec truncate --size=0 {} + || true
  truncate --size=0 /etc/machine-id
}

# Services write once more when they are stopped, as they are before the image is made. So the same is done when the last of
# them has ended, by a unit that is not on the disk itself. Then the SSM agent needs nothing any more.
forget_at_shutdown() {
  local work=/run/bootstrap/forget
  mkdir -p "${work%/*}" /run/systemd/system
  {
    echo '#!/bin/bash'
    declare -p rebooted
    declare -f forget_machine
    printf '%s\n' forget_machine 'rm -rf /var/lib/ecs/data/* /var/lib/amazon/ssm/*' 'sync'
  } >"$work"
  chmod 0700 "$work"
  cat >/run/systemd/system/bootstrap-forget.service <<UNIT
[Unit]
DefaultDependencies=no
After=local-fs.target
Before=sysinit.target systemd-journal-flush.service systemd-random-seed.service systemd-update-utmp.service auditd.service
Conflicts=shutdown.target
Before=shutdown.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=$work
UNIT
  systemctl daemon-reload
  systemctl start bootstrap-forget.service
}

# The last look, at what would make two nodes one.
require_forgotten() {
  local found
  found=$(ls -d /var/lib/amazon/ssm/Vault /var/lib/ecs/data/* /var/lib/cloud/* /etc/ssh/ssh_host_* \
    /var/lib/systemd/random-seed 2>/dev/null || true)
  [[ -z $found && ! -s /etc/machine-id ]] || fail "the builder's own would be in the image: ${found//$'\n'/ }"
}

# The builder's fuse is a transient timer; on the disk it would power off every node.
require_no_fuse() {
  local found
  found=$(grep -rls bootstrap-fuse /etc /usr/lib/systemd /var/lib/cloud /var/spool/cron || true)
  [[ -z $found ]] || fail "the builder's fuse would be in the image: ${found//$'\n'/ }"
}

main() {
  trap 'fail "line $LINENO: status $?"' ERR
  # The first boot must not write again what is cleaned here.
  timeout 600 cloud-init status --wait || true
  fit_kernel
  install_packages
  check
  install_node_files
  forget_ecs_state
  forget_packages
  forget_at_shutdown
  forget_machine
  require_forgotten
  require_no_fuse
  sync
  say "provisioned on kernel $(uname -r)"
}

exec 9>/run/bootstrap-provision.lock
flock -w 3000 9 || {
  echo 'bootstrap: provision failed: another run holds the lock' >&2
  exit 1
}

# Run Command keeps the first 24,000 characters of stdout and 8,000 of stderr: the reason of a failure is told in the
# few lines of stderr.
set +e
(
  set -Ee
  main
) 2>&1 9>&- | tee "$log" 9>&-
status=${PIPESTATUS[0]}
if [[ $status -ne 0 && $status -ne 194 ]]; then tail -n "$log_tail_lines" "$log" | tail -c 7000 >&2; fi
exit "$status"
