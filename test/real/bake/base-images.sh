#!/bin/bash
# Makes FOLDER/al2023 and FOLDER/al2: layers that turn this machine's own root into a builder that has been at work, with
# Amazon's package names in repositories of its own. usage: base-images.sh FOLDER WORD; WORD stands in every trace.
set -euo pipefail
shopt -s nullglob

folder=$1
builder=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kernel=$(uname -r)

# package REPOSITORY NAME VERSION RELEASE [PROVIDES]: what stands in $work/files, which is empty again afterwards.
package() {
  local spec=$work/$2.spec
  mkdir -p "$1" "$work/files"
  {
    printf '%s\n' "Name: $2" "Version: $3" "Release: $4" "Summary: $2" 'License: none' 'BuildArch: noarch' 'AutoReqProv: no'
    if [[ -n ${5-} ]]; then echo "Provides: $5"; fi
    printf '%s\n' %description "$2" %install 'cp -a %{tree}/. %{buildroot}' %files
    find "$work/files" ! -type d -printf '/%P\n'
  } >"$spec"
  rpmbuild -bb --quiet -D "tree $work/files" -D "_topdir $work" -D "_rpmdir $1" -D '_build_id_links none' \
    -D "__os_install_post %{nil}" "$spec"
  rm -rf "$work/files"
}

# file PATH MODE: from standard input.
file() {
  install -D -m "$2" /dev/stdin "$work/files/$1"
}

programs() {
  local name
  for name in "$@"; do printf '#!/bin/sh\n' | file "usr/sbin/$name" 755; done
}

repository() {
  createrepo_c --quiet "$1"
}

ecs_init() {
  file usr/libexec/amazon-ecs-init 755 <<'AGENT'
#!/bin/sh
# Keeps its state on the disk as long as it lives, and once more when it is told to end.
save() { mkdir -p /var/lib/ecs/data && echo mine >/var/lib/ecs/data/agent.db; }
trap 'save; exit 0' TERM
while save; do /usr/bin/sleep 0.05 & wait; done
AGENT
  file usr/lib/systemd/system/ecs.service 644 <<'UNIT'
[Service]
ExecStart=/usr/libexec/amazon-ecs-init start
Restart=on-failure
[Install]
WantedBy=multi-user.target
UNIT
  package "$1" ecs-init 1.106.0 1
}

# Programs that Debian does not have, or whose answer a test must choose, come first on the script's path.
stand_in() {
  install -D -m 755 /dev/stdin "$base/usr/local/bin/$1"
}

traces() {
  local path
  for path in etc/hostname var/lib/cloud/data/instance-id "var/lib/cloud/instances/$builder/user-data.txt" \
    var/log/{cloud-init.log,cloud-init-output.log,messages,messages-20260101,secure,cron,boot.log,dmesg,wtmp,dnf.log} \
    var/log/{audit/audit.log,sa/sa01,amazon/ssm/amazon-ssm-agent.log,ecs/ecs-agent.log,ecs/ecs-init.log} \
    "var/log/journal/$builder/system.journal" etc/ssh/ssh_host_{rsa,ecdsa,ed25519}_key{,.pub} \
    {root,home/ec2-user}/.ssh/authorized_keys {root,home/ec2-user}/.bash_history var/lib/systemd/random-seed \
    var/lib/amazon/ssm/Vault/{Manifest,Store/EC2RegistrationKey} var/lib/dhclient/dhclient--eth0.lease \
    var/lib/rsyslog/imjournal.state var/cache/{dnf,yum}/x86_64/metadata var/tmp/left-behind; do
    install -D -m 600 /dev/stdin "$base/$path" <<<"$builder"
  done
  echo 0123456789abcdef0123456789abcdef >"$base/etc/machine-id"
  install -D -m 644 /dev/stdin "$base/etc/ecs/ecs.config" <<CONFIG
ECS_CLUSTER=$builder
ECS_LOGLEVEL=info
ECS_INSTANCE_ATTRIBUTES={"stack":"$builder"}
CONFIG
  : >"$base/etc/fstab"
}

base_image() {
  # As the kernel that really runs would have them built in: modprobe is real.
  install -D -m 644 /dev/stdin "$base/usr/lib/modules/$kernel/modules.builtin" <<<"kernel/fs/xfs/xfs.ko
kernel/drivers/md/raid0.ko
kernel/fs/lustre/lustre.ko"
  touch "$base/usr/lib/modules/$kernel"/modules.{order,builtin.modinfo}
  depmod -b "$base/usr" "$kernel"
  stand_in sleep </dev/null
  stand_in iptables </dev/null
  stand_in curl </dev/null
  stand_in cloud-init </dev/null
  # Debian's rpm keeps its database in the home folder otherwise.
  install -D -m 644 /dev/stdin "$base/etc/rpm/macros" <<<'%_dbpath /var/lib/rpm'
  rpm --root "$base" -D '_dbpath /var/lib/rpm' --force-debian --install \
    "$base"/srv/repos/*/noarch/{system-release-2,kernel-6.1.77,kernel-5,ecs-init}*.rpm
  traces
}

# Its repositories are those of one release, whatever has been published since.
al2023() {
  base=$folder/al2023
  local repos=$base/srv/repos
  package "$repos/2023.7" system-release 2023.7 1 'system-release(releasever) = 2023.7'
  package "$repos/2023.7" kernel 6.1.77 99.164.amzn2023
  programs mount.lustre lctl
  package "$repos/2023.7" lustre-client 2.15.6 1.amzn2023
  programs mkfs.xfs
  package "$repos/2023.7" xfsprogs 6.1.0 1.amzn2023
  programs mdadm
  package "$repos/2023.7" mdadm 4.2 1.amzn2023
  programs aws
  package "$repos/2023.7" awscli-2 2.25.0 1.amzn2023
  package "$repos/2023.7" htop 3.2.1 1.amzn2023
  ecs_init "$repos/2023.7"
  package "$repos/latest" kernel 6.1.147 172.266.amzn2023
  repository "$repos/2023.7"
  repository "$repos/latest"
  install -D -m 644 /dev/stdin "$base/etc/yum.repos.d/amazonlinux.repo" <<'REPOSITORY'
[amazonlinux]
name=Amazon Linux 2023 repository
baseurl=file:///srv/repos/$releasever
gpgcheck=0
REPOSITORY
  base_image
}

al2() {
  base=$folder/al2
  local repos=$base/srv/repos
  mkdir -p "$repos/core/noarch"
  cp "$folder"/al2023/srv/repos/2023.7/noarch/{xfsprogs,mdadm,htop,ecs-init}-*.rpm "$repos/core/noarch"
  package "$repos/core" system-release 2 1 'system-release(releasever) = 2'
  package "$repos/core" kernel 5.10.245 241.976.amzn2
  programs aws
  package "$repos/core" awscli 1.18.147 1.amzn2
  programs mount.lustre lctl
  package "$repos/extras/lustre" lustre-client 2.12.8 1.amzn2
  repository "$repos/core"
  repository "$repos/extras/lustre"
  install -D -m 644 /dev/stdin "$base/etc/yum.repos.d/amzn2-core.repo" <<'REPOSITORY'
[amzn2-core]
name=Amazon Linux 2 core repository
baseurl=file:///srv/repos/core
gpgcheck=0
REPOSITORY
  # As yum 3 has it where nothing is said.
  install -D -m 644 /dev/stdin "$base/etc/dnf/dnf.conf" <<<$'[main]\nskip_if_unavailable=False'
  stand_in yum <<'YUM'
#!/bin/sh
exec dnf "$@"
YUM
  stand_in amazon-linux-extras <<'EXTRAS'
#!/bin/sh
# amazon-linux-extras install -y TOPIC: a topic's repository, then its packages; its client package has another name.
[ "$1 $2 $3" = 'install -y lustre' ] || exit 2
printf '%s\n' '[amzn2extra-lustre]' name=lustre baseurl=file:///srv/repos/extras/lustre gpgcheck=0 \
  >/etc/yum.repos.d/amzn2-extras.repo
exec yum -y install lustre-client
EXTRAS
  base_image
}

al2023
al2
