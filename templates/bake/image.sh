#!/bin/bash
# Builds the container image on an instance in the region and pushes it; the last line of output is the digest.
set -euo pipefail

registry={{sh registry}}
region={{sh region}}
repository={{sh repository}}
image={{sh image}}
platform={{sh platform}}
build_arguments=(--pull --platform "$platform"{{#each buildArgs}} --build-arg {{sh name}}"="{{sh value}}{{/each}})
context={{sh contextBase64}}
package={{sh packageUri}}
log_tail_lines=40

work=$(mktemp -d)
log=$work/log
mkdir "$work/context"
trap 'rm -rf "$work"' EXIT
# Credentials go with the folder.
export DOCKER_CONFIG=$work/docker
# An index with an attestation beside the image would be one more thing in the repository.
export BUILDX_NO_DEFAULT_ATTESTATIONS=1

say() {
  echo "bootstrap: $*"
}

fail() {
  trap - ERR
  say "image failed: $*"
  exit 1
}

require_aws_cli() {
  if command -v aws >/dev/null; then return; fi
  # Amazon Linux 2023 has version 2 under a name of its own.
  dnf -y install awscli-2 || yum -y install awscli || fail 'cannot install the AWS CLI'
}

# Tags are immutable; an earlier run of the same command may have pushed already.
digest_in_registry() {
  aws ecr describe-images --region "$region" --repository-name "$repository" \
    --image-ids "imageTag=${image##*:}" --query 'imageDetails[0].imageDigest' --output text 2>/dev/null
}

# Docker Hub counts anonymous pulls by address, and behind a NAT gateway there is one for everybody.
too_often='toomanyrequests|pull rate limit'
passing="$too_often|TLS handshake timeout|i/o timeout|connection reset|unexpected EOF|503 Service Unavailable"

build_once() {
  status=0
  docker build "${build_arguments[@]}" --tag "$image" "$work/context" 2>&1 | tee "$work/build" || status=$?
  return "$status"
}

build_again_in() {
  grep -Eqi "$passing" "$work/build" || return
  say "docker build ended with status $status: trying again in $1 seconds"
  sleep "$1"
  build_once
}

tell_why() {
  if grep -Eqi "$too_often" "$work/build"; then
    fail 'Docker Hub lets this address pull no more for now: name a mirror as container.mirrors.baseImage, or try later'
  fi
  fail "docker build ended with status $status"
}

build_and_push() {
  printf '%s' "$context" | base64 --decode | tar -xz -C "$work/context" || fail 'cannot unpack the build context'
  if [[ -n $package ]]; then
    aws s3 cp --only-show-errors --region "$region" "$package" "$work/context/package/${package##*/}" ||
      fail "cannot fetch $package"
  fi
  aws ecr get-login-password --region "$region" | docker login --username AWS --password-stdin "$registry" ||
    fail "cannot log in to $registry"
  build_once || build_again_in 20 || build_again_in 90 || tell_why
  local built
  built=$(docker image inspect --format '\{{.Os}}/\{{.Architecture}}' "$image")
  [[ $built == "$platform" ]] || fail "the image is for $built, not for $platform"
  docker push "$image" || fail "cannot push $image"
}

main() {
  trap 'fail "line $LINENO: status $?"' ERR
  local digest
  require_aws_cli
  digest=$(digest_in_registry || true)
  if [[ $digest == sha256:* ]]; then
    say "$image is in the registry already"
  else
    build_and_push
    digest=$(docker image inspect --format '\{{range .RepoDigests}}\{{println .}}\{{end}}' "$image" |
      sed -n "s|^${image%:*}@\(sha256:[0-9a-f]\{64\}\)\$|\1|p" | tail -n 1)
    [[ -n $digest ]] || fail "the registry gave no digest for $image"
  fi
  echo "digest: $digest"
}

exec 9>/run/bootstrap-image.lock
flock -w 3000 9 || {
  echo 'bootstrap: image failed: another run holds the lock' >&2
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
if [[ $status -ne 0 ]]; then tail -n "$log_tail_lines" "$log" | tail -c 7000 >&2; fi
exit "$status"
