#!/bin/bash
# Builds the guest in a new folder: root.img (Debian with systemd, cloud-init and what a baked node has), its kernel,
# and cloud-init's own modules for a look from outside.
set -euo pipefail

folder=$1
here=$(cd "$(dirname "$0")" && pwd)
packages=systemd-sysv,dbus,udev,kmod,xfsprogs,mdadm,nvme-cli,iproute2,iptables,lvm2,procps,cloud-init
superfluous=(getty.target {apt-daily,apt-daily-upgrade,dpkg-db-backup,e2scrub_all,fstrim,systemd-tmpfiles-clean}.timer
  {e2scrub_reap,systemd-logind,systemd-pstore,systemd-random-seed,systemd-sysctl,systemd-update-utmp,systemd-update-utmp-runlevel}.service
  {dev-hugepages,dev-mqueue,sys-fs-fuse-connections,sys-kernel-config,sys-kernel-debug,sys-kernel-tracing}.mount
  modprobe@{configfs,dm_mod,drm,efi_pstore,fuse,loop}.service nvmefc-boot-connections.service nvmf-autoconnect.service
  lvm2-monitor.service lvm2-lvmpolld.socket blk-availability.service
  cloud-config.service cloud-init-hotplugd.socket uuidd.socket remote-fs.target systemd-ask-password-{console,wall}.path)
modules=(xfs raid0 dm-mod nvmet-tcp nvme-tcp qemu_fw_cfg veth nf_tables nft_compat)

work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
cd "$work"

kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
apt-get download -qq -o APT::Sandbox::User=root "$kernel"
dpkg -x linux-image-*.deb kernel
mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  bookworm root

version=${kernel#linux-image-}
depmod -b kernel "$version"
modprobe -d "$PWD/kernel" -S "$version" --show-depends -a "${modules[@]}" | awk '{ print $2 }' | sort -u |
  while read -r file; do install -D -m 0644 "$file" "root/usr/lib/${file#"$PWD"/kernel/lib/}"; done
depmod -b root "$version"

# Nothing of the machine that built it, nothing that only slows the boot.
rm -f root/etc/resolv.conf root/etc/hostname
rm -rf root/var/cache/apt/* root/var/lib/apt/lists/*
cp -a --no-preserve=ownership "$here/guest/." root/
systemctl --quiet --root=root enable shell-server.service ecs.service docker.service
systemctl --quiet --root=root mask "${superfluous[@]}"
# Debian alone puts its last stage after multi-user.target, and with that in a circle with the ECS agent.
sed '/^After=multi-user.target$/d' root/lib/systemd/system/cloud-final.service >root/etc/systemd/system/cloud-final.service

mkdir guest
cp -r root/usr/lib/python3/dist-packages guest/python
mv kernel/boot/vmlinuz-* guest/vmlinuz
mke2fs -q -t ext4 -O ^has_journal -d root guest/root.img 2G
mv guest "$folder"
