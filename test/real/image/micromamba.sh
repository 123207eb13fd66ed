#!/bin/sh
# Stands in for micromamba on a base image: knows the options that our Dockerfiles use and no others, and unpacks what a
# channel has under the name and version asked for, without solving anything.
set -eu
refuse() {
  echo "The following arguments were not expected: $*" >&2
  exit 109
}
verb=$1
shift
case $verb in
clean)
  [ "$*" = '--all --yes --quiet' ] || refuse "$@"
  exit 0
  ;;
create) ;;
*) refuse "$verb" "$@" ;;
esac
prefix='' channels='' packages='' override=''
while [ $# -gt 0 ]; do
  case $1 in
  --yes | --quiet) ;;
  --override-channels) override=yes ;;
  --prefix)
    prefix=$2
    shift
    ;;
  --channel)
    channels="$channels $2"
    shift
    ;;
  -*) refuse "$1" ;;
  *) packages="$packages $1" ;;
  esac
  shift
done
[ -n "$prefix" ] && [ -n "$override" ] && [ -d "${MAMBA_ROOT_PREFIX%/*}" ]
mkdir -p "$prefix"
for package in $packages; do
  found=''
  for channel in $channels; do
    file=$(wget -q -O - "$channel/linux-64/repodata.json" | grep -o "\"${package%%=*}-${package#*=}[-.][^\"]*\"" | tr -d '"')
    if [ -n "$file" ] && [ -z "$found" ]; then
      wget -q -O - "$channel/linux-64/$file" | tar -x -C "$prefix"
      found=yes
    fi
  done
  if [ -z "$found" ]; then
    echo "error    libmamba Could not solve for environment specs: $package does not exist" >&2
    exit 1
  fi
done
