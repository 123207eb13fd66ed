#!/bin/bash
# A node that is not fit for jobs takes none, says why on its console and in the environment's log group, and powers off.
set -u

region={{sh region}}
log_group={{sh logGroup}}
reason=/run/bootstrap/reason

say() {
  echo "bootstrap: $*" >&2
  { echo "bootstrap: $*" >/dev/console; } 2>/dev/null || true
}

metadata() {
  curl --silent --fail --max-time 5 --retry 2 --retry-connrefused "$@"
}

# Read there by `bootstrap status` and `bootstrap up`. A node that cannot say it goes all the same.
tell() {
  local at=http://169.254.169.254/latest token id message
  token=$(metadata --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' $at/api/token) || return
  id=$(metadata --header "X-aws-ec2-metadata-token: $token" $at/meta-data/instance-id) || return
  message=$(printf '%s' "$1" | tr '\n\t' '  ' | LC_ALL=C tr -cd '[:print:]' | sed 's/[\\"]/\\&/g; s/ *$//')
  export AWS_DEFAULT_REGION=$region AWS_PAGER=
  set -- --log-group-name "$log_group" --log-stream-name "node/$id"
  # The first start of the AWS CLI reads it from the image's snapshot, which may take longer than its 20 seconds.
  for _ in 1 2; do
    timeout --kill-after=5 20 aws logs create-log-stream "$@"
    timeout --kill-after=5 20 aws logs put-log-events "$@" \
      --log-events "[{\"timestamp\": $(date +%s%3N), \"message\": \"$message\"}]" && return
  done
}

systemctl --no-block stop ecs.service bootstrap-storage.service
systemctl --no-block start bootstrap-power-off.timer || shutdown -P +1
rm -f /run/bootstrap/ready
why=$(cat "$reason" 2>/dev/null)
if [[ -z $why ]]; then
  waiting=$(systemctl list-jobs --no-legend --no-pager | awk '$4 == "running" { print $2 }' | tr '\n' ' ')
  why="its disks were not begun with; still starting: ${waiting:-nothing}"
fi
say "$why"
say 'this node takes no job and powers off in a minute'
tell "$why" >/dev/null
