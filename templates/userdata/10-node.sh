#!/bin/bash
# What this node mounts, handed at every boot to the script in its image that mounts it.
set -eu

environment={{sh environment}}
image={{sh image}}
source={{sh filesystem.source}}
lustre={{sh filesystem.mountPoint}}
directories=({{sh filesystem.directories}})
scratch_kind={{sh scratch.kind}}
scratch={{sh scratch.mountPoint}}
scratch_device={{sh scratch.device}}
scratch_disks={{sh scratch.disks}}

parameters=/run/bootstrap/parameters
mkdir -p "${parameters%/*}"
declare -p environment image source lustre directories scratch_kind scratch scratch_device scratch_disks >"$parameters.new"
mv "$parameters.new" "$parameters"
