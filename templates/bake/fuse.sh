#!/bin/bash
# Ends a builder that was forgotten. The timer is transient, so the image cannot inherit it.
set -u

hours={{sh hours}}

arm() {
  systemd-run "$@" --unit=bootstrap-fuse --on-active="${hours}h" systemctl poweroff
}

# So early in the boot the timer cannot start yet, and waiting for it could wait for ever; systemd 219 never waits and
# may not know the flag.
if ! arm --no-block && ! arm; then
  echo 'bootstrap: cannot set the fuse of this builder; powering off' >/dev/console
  systemctl --no-block poweroff
fi
