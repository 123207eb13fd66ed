#!/bin/bash
# A node that is not ready in time goes, whatever became of the parts after this one.
set -u

# shellcheck disable=SC2016
watch='[ -e /run/bootstrap/ready ] && exit 0
echo "bootstrap: not ready 45 minutes after boot; powering off" >/dev/console
exec systemctl poweroff'

arm() {
  systemd-run "$@" --unit=bootstrap-deadline --on-active=45min /bin/sh -c "$watch"
}

# cloud-init may be run again by hand, on a node at work.
if systemctl is-active --quiet bootstrap-deadline.timer; then exit; fi

# So early in the boot a usual timer waits for sysinit.target, which waits for this script, and systemd-run waits for the
# timer, with --no-block too. systemd 219 never waits and may not know the property.
if ! arm --property=DefaultDependencies=no --timer-property=DefaultDependencies=no && ! arm; then
  echo 'bootstrap: cannot set the deadline of this boot; powering off' >/dev/console
  systemctl --no-block poweroff
fi
