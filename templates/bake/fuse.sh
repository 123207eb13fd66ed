#!/bin/bash
# Ends a builder that was forgotten. The timer is transient, so the image cannot inherit it.
set -u

hours={{sh hours}}

# Only nodes are ended by what the bake puts onto the disk.
mkdir -p /run/bootstrap
touch /run/bootstrap/builder

arm() {
  systemd-run "$@" --unit=bootstrap-fuse --on-active="${hours}h" systemctl poweroff
}

# cloud-init may be run again by hand, on a builder at work.
if systemctl is-active --quiet bootstrap-fuse.timer; then exit; fi

# So early in the boot a usual timer waits for sysinit.target, which waits for this script, and systemd-run waits for the
# timer, with --no-block too. systemd 219 never waits and may not know the property.
if ! arm --property=DefaultDependencies=no --timer-property=DefaultDependencies=no && ! arm; then
  echo 'bootstrap: cannot set the fuse of this builder; powering off' >/dev/console
  systemctl --no-block poweroff
fi
