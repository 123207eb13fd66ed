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

# So early in the boot the timer cannot start yet, and waiting for it could wait for ever; systemd 219 never waits and
# may not know the flag.
if ! arm --no-block && ! arm; then
  echo 'bootstrap: cannot set the deadline of this boot; powering off' >/dev/console
  systemctl --no-block poweroff
fi
