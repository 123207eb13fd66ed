#!/usr/bin/env bash
# The manual guide, typed into the aws CLI against a sandbox: everything made in the guide's order, looked at, renewed
# and removed. Ends at the first answer that is not AWS's.
#   guide.sh ENDPOINT REGION
# The sandbox should run some 500 times as fast as we do.
set -euo pipefail

endpoint=$1
region=$2

# No profile of the user's is read: this can only ever reach a sandbox.
export AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox AWS_CONFIG_FILE=/dev/null AWS_PAGER=
export AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1
unset AWS_PROFILE AWS_SESSION_TOKEN

aws() { command aws --endpoint-url "$endpoint" --region "$region" --output text "$@"; }

fail() {
  printf 'guide.sh (%s): %s\n' "$region" "$*" >&2
  exit 1
}

# What fails on its own, and not in one of the checks below.
trap 'fail "line $LINENO failed with status $?"' ERR

chapter() { printf '%s: %s\n' "$region" "$*"; }

# same WHAT WANTED GOT; WANTED may be a pattern.
same() {
  # shellcheck disable=SC2053
  [[ $3 == "$2" || $3 == $2 ]] || fail "$1: expected '$2', got '$3'"
}

# refused CODE WORDS COMMAND...: the command fails with this code, and these words in the message.
refused() {
  local code=$1 words=$2 said
  shift 2
  if said=$("$@" 2>&1); then fail "expected $code, but it was done: $*: $said"; fi
  [[ $said == *"($code)"*"$words"* ]] || fail "expected '($code) ... $words' of: $*, got: $said"
}

# eventually WANTED COMMAND...: the command is asked until it answers WANTED.
eventually() {
  local wanted=$1 got='' tries
  shift
  for ((tries = 0; tries < 60; tries++)); do
    got=$("$@")
    # shellcheck disable=SC2053
    if [[ $got == $wanted ]]; then return; fi
    sleep 0.5
  done
  fail "expected '$wanted' in the end of: $*, got: '$got'"
}

# patiently WORDS COMMAND...: says the command again as long as it is refused with these words; prints its answer.
patiently() {
  local words=$1 said='' tries
  shift
  for ((tries = 0; tries < 60; tries++)); do
    if said=$("$@" 2>&1); then
      printf '%s\n' "$said"
      return
    fi
    [[ $said == *"$words"* ]] || fail "$*: $said"
    sleep 0.5
  done
  fail "$*: still $said"
}

case $region in
  cn-*) partition=aws-cn suffix=amazonaws.com.cn deployment=PERSISTENT_1 throughput=50 version=2.12 ;;
  *) partition=aws suffix=amazonaws.com deployment=PERSISTENT_2 throughput=125 version=2.12 ;;
esac
trust='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'

chapter 'who and where'
read -r account caller < <(aws sts get-caller-identity --query '[Account, Arn]')
same 'caller' "arn:$partition:iam::$account:*" "$caller"
vpc=$(aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[].VpcId')
same 'DNS of the VPC' True "$(aws ec2 describe-vpc-attribute --vpc-id "$vpc" --attribute enableDnsSupport \
  --query EnableDnsSupport.Value)"
zone=$(aws ec2 describe-instance-type-offerings --location-type availability-zone \
  --filters Name=instance-type,Values=c5d.9xlarge --query 'InstanceTypeOfferings[].Location | sort(@) | [0]')
subnet=$(aws ec2 describe-subnets --query 'Subnets[].SubnetId' \
  --filters "Name=vpc-id,Values=$vpc" Name=default-for-az,Values=true "Name=availability-zone,Values=$zone")
same 'subnet' 'subnet-*' "$subnet"
same 'disk of c5d.9xlarge' 900 "$(aws ec2 describe-instance-types --instance-types c5d.9xlarge \
  --query 'InstanceTypes[].InstanceStorageInfo.Disks[].SizeInGB')"
base=$(aws ssm get-parameter --query Parameter.Value \
  --name /aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id)
same 'base image' 'al2023-ami-ecs-hvm-*-x86_64' \
  "$(aws ec2 describe-images --image-ids "$base" --query 'Images[].Name')"

chapter 'FSx for Lustre'
group=$(aws ec2 create-security-group --group-name split --description split --vpc-id "$vpc" --query GroupId \
  --tag-specifications 'ResourceType=security-group,Tags=[{Key=lab,Value=split}]')
aws ec2 wait security-group-exists --group-ids "$group"
refused InvalidGroup.Duplicate "already exists for VPC '$vpc'" \
  aws ec2 create-security-group --group-name Split --description split --vpc-id "$vpc"
open() {
  aws ec2 authorize-security-group-ingress --group-id "$group" --query Return --ip-permissions \
    "IpProtocol=tcp,FromPort=$1,ToPort=$2,UserIdGroupPairs=[{GroupId=$group}]"
}
same 'port 988' True "$(open 988 988)"
same 'ports 1018-1023' True "$(open 1018 1023)"
refused InvalidPermission.Duplicate 'already exists' open 988 988
same 'port 22' True "$(open 22 22)"
same 'port 22 closed again' True "$(aws ec2 revoke-security-group-ingress --group-id "$group" --query Return \
  --ip-permissions "IpProtocol=tcp,FromPort=22,ToPort=22,UserIdGroupPairs=[{GroupId=$group}]")"
aws ec2 create-tags --resources "$group" --tags Key=fingerprint,Value=1
same 'ports of the tagged group' 988,1018 "$(aws ec2 describe-security-groups --query \
  "join(',', SecurityGroups[].IpPermissions[].to_string(FromPort) | reverse(sort(@)))" \
  --filters Name=tag:fingerprint,Values=1)"

make_lustre() {
  aws fsx create-file-system --file-system-type LUSTRE --storage-capacity 12000 --storage-type SSD \
    --file-system-type-version "$version" --subnet-ids "$subnet" --security-group-ids "$group" \
    --tags Key=Name,Value=split --query FileSystem.FileSystemId "$@"
}
lustre="DeploymentType=$deployment,PerUnitStorageThroughput=$throughput"
fs=$(patiently '(InvalidNetworkSettings)' make_lustre --client-request-token first --lustre-configuration "$lustre")
same 'file system' 'fs-*' "$fs"
same 'file system of the same token' "$fs" \
  "$(make_lustre --client-request-token first --lustre-configuration "$lustre")"
refused IncompatibleParameterError '' \
  make_lustre --client-request-token first --lustre-configuration "$lustre,DataCompressionType=LZ4"
if [[ $partition == aws-cn ]]; then
  refused BadRequest '' make_lustre --client-request-token second \
    --lustre-configuration DeploymentType=PERSISTENT_2,PerUnitStorageThroughput=125
fi
the_lustre() { aws fsx describe-file-systems --file-system-ids "$fs" --query "FileSystems[0].$1"; }
read -r dns mount_name fs_arn < <(the_lustre '[DNSName, LustreConfiguration.MountName, ResourceARN]')
# Also in China: no .cn.
same 'DNS name' "$fs.fsx.$region.amazonaws.com" "$dns"
same 'mount name' '????????' "$mount_name"
same 'ARN of the file system' "arn:$partition:fsx:$region:$account:file-system/$fs" "$fs_arn"
aws fsx tag-resource --resource-arn "$fs_arn" --tags Key=fingerprint,Value=1

chapter 'launch template'
user_data="MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=\"==BOUNDARY==\"

--==BOUNDARY==
Content-Type: text/x-shellscript; charset=\"us-ascii\"

#!/bin/bash
mkdir /fsx /data
mount -t lustre -o noatime,flock $dns@tcp:/$mount_name /fsx
mkfs -t xfs /dev/nvme1n1
mount /dev/nvme1n1 /data

--==BOUNDARY==--
"
encoded=$(printf '%s' "$user_data" | base64 -w 0)
make_template() {
  aws ec2 create-launch-template --launch-template-name split-simple \
    --launch-template-data "{\"UserData\":\"$encoded\",\"SecurityGroupIds\":[\"$group\"]}" \
    --query LaunchTemplate.LaunchTemplateId "$@"
}
template=$(make_template --client-token first)
same 'template of the same token' "$template" "$(make_template --client-token first)"
refused InvalidLaunchTemplateName.AlreadyExistsException 'already in use' make_template --client-token second
eventually "$template" aws ec2 describe-launch-templates --query 'LaunchTemplates[].LaunchTemplateId' \
  --filters Name=launch-template-name,Values=split-simple
the_template() { aws ec2 describe-launch-template-versions --launch-template-id "$template" --versions "$@"; }
eventually 1 the_template 1 --query 'LaunchTemplateVersions[].VersionNumber'
same 'user data' "$encoded" "$(the_template 1 --query 'LaunchTemplateVersions[].LaunchTemplateData.UserData')"

chapter 'roles'
make_batch_role() {
  aws iam create-service-linked-role --aws-service-name batch.amazonaws.com --query Role.RoleName
}
same 'role of Batch' AWSServiceRoleForBatch "$(make_batch_role)"
refused InvalidInput 'has been taken in this account' make_batch_role
make_role() {
  aws iam create-role --role-name "split-$1" --assume-role-policy-document "$trust" --query Role.Arn
}
same 'role' "arn:$partition:iam::$account:role/split-builder" "$(make_role builder)"
make_role node >/dev/null
aws iam wait role-exists --role-name split-builder
refused EntityAlreadyExists 'Role with name split-builder already exists.' make_role builder
attach() { aws iam attach-role-policy --role-name "split-$1" --policy-arn "arn:$partition:iam::aws:policy/$2"; }
attach builder AmazonSSMManagedInstanceCore
attach builder AmazonEC2ContainerRegistryPowerUser
attach node service-role/AmazonEC2ContainerServiceforEC2Role
refused NoSuchEntity '' attach node NoSuchPolicy
for role in builder node; do
  aws iam create-instance-profile --instance-profile-name "split-$role" >/dev/null
  aws iam wait instance-profile-exists --instance-profile-name "split-$role"
  aws iam add-role-to-instance-profile --instance-profile-name "split-$role" --role-name "split-$role"
done
refused LimitExceeded '' aws iam add-role-to-instance-profile --instance-profile-name split-node --role-name split-builder
aws iam put-role-policy --role-name split-builder --policy-name read-runs --policy-document \
  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:$partition:s3:::mybucket/*\"}]}"
same 'inline policy' "arn:$partition:s3:::mybucket/*" "$(aws iam get-role-policy --role-name split-builder \
  --policy-name read-runs --query 'PolicyDocument.Statement[0].Resource')"
same 'inline policies' read-runs "$(aws iam list-role-policies --role-name split-builder --query PolicyNames)"
aws iam put-role-permissions-boundary --role-name split-node \
  --permissions-boundary "arn:$partition:iam::aws:policy/AdministratorAccess"
aws iam delete-role-permissions-boundary --role-name split-node
aws iam update-assume-role-policy --role-name split-node --policy-document "$trust"
aws iam tag-role --role-name split-node --tags Key=fingerprint,Value=1
same 'tags of the role' 'fingerprint	1' "$(aws iam get-role --role-name split-node \
  --query 'Role.Tags[].[Key, Value]')"
aws iam tag-instance-profile --instance-profile-name split-node --tags Key=fingerprint,Value=1
same 'profiles of the role' split-node "$(aws iam list-instance-profiles-for-role --role-name split-node \
  --query 'InstanceProfiles[].InstanceProfileName')"
same 'attached policies' 2 "$(aws iam list-attached-role-policies --role-name split-builder \
  --query 'length(AttachedPolicies)')"

chapter 'AMI'
run_builder() {
  aws ec2 run-instances --image-id "$base" --instance-type m5.large --count 1 --client-token builder \
    --subnet-id "$subnet" --security-group-ids "$group" --iam-instance-profile Name=split-builder \
    --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=split-builder}]' \
    --query 'Instances[].InstanceId' "$@"
}
builder=$(patiently 'IAM Instance Profile' run_builder)
same 'instance of the same token' "$builder" "$(run_builder --no-dry-run)"
refused DryRunOperation 'Request would have succeeded, but DryRun flag is set.' run_builder --dry-run
aws ec2 wait instance-running --instance-ids "$builder"
aws ec2 wait instance-status-ok --instance-ids "$builder"
eventually Online aws ssm describe-instance-information --filters "Key=InstanceIds,Values=$builder" \
  --query 'InstanceInformationList[].PingStatus'

# on_builder COMMANDS: a JSON list of lines, run on the builder; prints what they print.
on_builder() {
  local id
  id=$(aws ssm send-command --instance-ids "$builder" --document-name AWS-RunShellScript --comment first \
    --parameters "{\"commands\":$1,\"executionTimeout\":[\"1800\"]}" --query Command.CommandId)
  aws ssm wait command-executed --command-id "$id" --instance-id "$builder"
  aws ssm get-command-invocation --command-id "$id" --instance-id "$builder" --query StandardOutputContent
}
same 'what the builder said' '*baked*' "$(on_builder '["set -e","dnf -y install lustre-client xfsprogs","echo baked"]')"
same 'commands of the builder' first "$(aws ssm list-commands --instance-id "$builder" --query 'Commands[].Comment')"
bake() {
  aws ec2 create-image --instance-id "$builder" --name split-1 --no-reboot --query ImageId \
    --tag-specifications 'ResourceType=image,Tags=[{Key=lab,Value=split}]' 'ResourceType=snapshot,Tags=[{Key=lab,Value=split}]'
}
image=$(bake)
refused InvalidAMIName.Duplicate 'split-1' bake
aws ec2 wait image-available --image-ids "$image"
same 'state of the image' available "$(aws ec2 describe-images --owners self --filters Name=tag:lab,Values=split \
  --query 'Images[].State')"
snapshot=$(aws ec2 describe-images --image-ids "$image" --query 'Images[].BlockDeviceMappings[].Ebs.SnapshotId')
aws ec2 wait snapshot-completed --snapshot-ids "$snapshot"

chapter 'container'
make_repository() {
  aws ecr create-repository --repository-name bclsplit --tags Key=lab,Value=split --query repository.repositoryUri
}
uri=$(make_repository)
same 'repository' "$account.dkr.ecr.$region.$suffix/bclsplit" "$uri"
refused RepositoryAlreadyExistsException "already exists in the registry with id '$account'" make_repository
aws ecr put-image-tag-mutability --repository-name bclsplit --image-tag-mutability IMMUTABLE >/dev/null
aws ecr put-image-scanning-configuration --repository-name bclsplit \
  --image-scanning-configuration scanOnPush=true >/dev/null
read -r tags scanned repository_arn < <(aws ecr describe-repositories --repository-names bclsplit --query \
  'repositories[0].[imageTagMutability, imageScanningConfiguration.scanOnPush, repositoryArn]')
same 'settings of the repository' 'IMMUTABLE True' "$tags $scanned"
same 'tags of the repository' 'lab	split' "$(aws ecr list-tags-for-resource --resource-arn "$repository_arn" \
  --query 'tags[].[Key, Value]')"
lifecycle='{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14},"action":{"type":"expire"}}]}'
aws ecr put-lifecycle-policy --repository-name bclsplit --lifecycle-policy-text "$lifecycle" >/dev/null
same 'lifecycle policy' "$lifecycle" "$(aws ecr get-lifecycle-policy --repository-name bclsplit \
  --query lifecyclePolicyText)"
password=$(aws ecr get-login-password)
((${#password} > 1000)) || fail "the registry's password has only ${#password} characters"
refused ImageNotFoundException 'v4' aws ecr describe-images --repository-name bclsplit --image-ids imageTag=v4
on_builder "[\"set -e\",\"docker build -t $uri:v4 .\",\"docker push $uri:v4\"]" >/dev/null
same 'digest of the image' 'sha256:*' "$(aws ecr describe-images --repository-name bclsplit \
  --image-ids imageTag=v4 --query 'imageDetails[].imageDigest')"
aws ec2 terminate-instances --instance-ids "$builder" >/dev/null
aws ec2 wait instance-terminated --instance-ids "$builder"

chapter 'log group'
make_group() { aws logs create-log-group --log-group-name /lab/split --tags lab=split; }
make_group
refused ResourceAlreadyExistsException 'already exists' make_group
aws logs put-retention-policy --log-group-name /lab/split --retention-in-days 90
read -r days group_arn < <(aws logs describe-log-groups --log-group-name-prefix /lab \
  --query 'logGroups[0].[retentionInDays, arn]')
same 'days that logs are kept' 90 "$days"
same 'ARN of the log group' "arn:$partition:logs:$region:$account:log-group:/lab/split:\*" "$group_arn"
aws logs tag-resource --resource-arn "${group_arn%:\*}" --tags fingerprint=1
same 'tags of the log group' 'fingerprint,lab' "$(aws logs list-tags-for-resource \
  --resource-arn "${group_arn%:\*}" --query "join(',', sort(keys(tags)))")"

chapter 'Batch'
eventually AVAILABLE the_lustre Lifecycle
resources="type=EC2,allocationStrategy=BEST_FIT_PROGRESSIVE,minvCpus=0,maxvCpus=144,instanceTypes=c5d.9xlarge"
resources+=",subnets=$subnet,securityGroupIds=$group,instanceRole=split-node"
resources+=",ec2Configuration=[{imageType=ECS_AL2023,imageIdOverride=$image}]"
resources+=",launchTemplate={launchTemplateName=split-simple,version=1}"
make_environment() {
  aws batch create-compute-environment --compute-environment-name newtest2 --type MANAGED --state ENABLED \
    --compute-resources "$resources" --query computeEnvironmentArn
}
environment=$(make_environment)
same 'compute environment' "arn:$partition:batch:$region:$account:compute-environment/newtest2" "$environment"
refused ClientException 'Object already exists' make_environment
aws batch tag-resource --resource-arn "$environment" --tags fingerprint=1
the_environment() {
  aws batch describe-compute-environments --compute-environments newtest2 --query "computeEnvironments[].$1"
}
eventually VALID the_environment status
make_queue() {
  aws batch create-job-queue --job-queue-name newsplit2 --priority 1 \
    --compute-environment-order order=1,computeEnvironment=newtest2 --query jobQueueName
}
same 'queue' newsplit2 "$(make_queue)"
refused ClientException 'Object already exists' make_queue
the_queue() { aws batch describe-job-queues --job-queues newsplit2 --query "jobQueues[].$1"; }
eventually VALID the_queue status

container="{
  \"image\": \"$uri:v4\", \"command\": [\"python\", \"/root/split.py\", \"Ref::run\"],
  \"resourceRequirements\": [{\"type\": \"VCPU\", \"value\": \"32\"}, {\"type\": \"MEMORY\", \"value\": \"64000\"}],
  \"volumes\": [{\"name\": \"nvme\", \"host\": {\"sourcePath\": \"/data\"}}, {\"name\": \"lustre\", \"host\": {\"sourcePath\": \"/fsx\"}}],
  \"mountPoints\": [{\"sourceVolume\": \"nvme\", \"containerPath\": \"/data\"}, {\"sourceVolume\": \"lustre\", \"containerPath\": \"/fsx\"}]
}"
make_definition() {
  aws batch register-job-definition --job-definition-name docker_5 --type container \
    --container-properties "$container" --query revision
}
same 'revision' 1 "$(make_definition)"
same 'next revision' 2 "$(make_definition)"
aws batch deregister-job-definition --job-definition docker_5:1
same 'revisions in use' 2 "$(aws batch describe-job-definitions --job-definition-name docker_5 --status ACTIVE \
  --query 'jobDefinitions[].revision')"

chapter 'a job'
run=210126_A01199_0055_ABCDEFG
submit() {
  aws batch submit-job --job-name testcli --job-queue newsplit2 --job-definition docker_5 --query jobId \
    --parameters "run=$run" --container-overrides "command=python,/root/split.py,$run"
}
job=$(submit)
the_job() { aws batch describe-jobs --jobs "$job" --query "jobs[].$1"; }
same 'ARN of the job' "arn:$partition:batch:$region:$account:job/$job" "$(the_job jobArn)"
# On a busy machine it may have ended before it is looked at.
eventually '@(RUNNING|SUCCEEDED)' the_job status
same 'job on the list' "$job" "$(aws batch list-jobs --job-queue newsplit2 --filters name=JOB_NAME,values=testcli \
  --query 'jobSummaryList[].jobId')"
refused ClientException '' aws batch delete-job-queue --job-queue newsplit2
eventually SUCCEEDED the_job status
read -r code stream < <(the_job '[container.exitCode, container.logStreamName]')
same 'exit code' 0 "$code"
same 'log stream' 'docker_5/default/*' "$stream"
same 'log' '*?*' "$(aws logs get-log-events --log-group-name /aws/batch/job --log-stream-name "$stream" \
  --start-from-head --query 'events[].message')"
refused ResourceNotFoundException 'The specified log stream does not exist.' \
  aws logs get-log-events --log-group-name /aws/batch/job --log-stream-name nobody

job=$(submit)
aws batch terminate-job --job-id "$job" --reason 'wrong run'
eventually 'FAILED	wrong run' the_job '[status, statusReason]'

chapter 'a new version of the launch template'
version_of() {
  aws ec2 create-launch-template-version --launch-template-id "$template" --source-version 1 --client-token "$1" \
    --version-description second --launch-template-data '{"EbsOptimized":true}' \
    --query LaunchTemplateVersion.VersionNumber
}
same 'version' 2 "$(version_of renewal)"
same 'version of the same token' 2 "$(version_of renewal)"
same 'inherited user data' "$encoded" "$(the_template "\$Latest" \
  --query 'LaunchTemplateVersions[].LaunchTemplateData.UserData')"
same 'default version' 2 "$(aws ec2 modify-launch-template --launch-template-id "$template" --default-version 2 \
  --query LaunchTemplate.DefaultVersionNumber)"
patiently 'resource is being modified' aws batch update-compute-environment --compute-environment newtest2 \
  --update-policy terminateJobsOnUpdate=false,jobExecutionTimeoutMinutes=120 --compute-resources \
  'maxvCpus=288,launchTemplate={launchTemplateName=split-simple,version=2}' >/dev/null
eventually 'VALID 2 288' the_environment \
  "join(' ', [status, computeResources.launchTemplate.version, to_string(computeResources.maxvCpus)])"

chapter 'more Lustre'
aws fsx update-file-system --file-system-id "$fs" --lustre-configuration DataCompressionType=LZ4 >/dev/null
eventually 'AVAILABLE LZ4' the_lustre "[Lifecycle, LustreConfiguration.DataCompressionType] | join(' ', @)"

chapter 'what is in use is not removed'
refused ClientException '' aws batch delete-compute-environment --compute-environment newtest2
refused DependencyViolation 'has a dependent object' aws ec2 delete-security-group --group-id "$group"
refused DeleteConflict '' aws iam delete-role --role-name split-node
refused DeleteConflict '' aws iam delete-instance-profile --instance-profile-name split-node
refused RepositoryNotEmptyException '' aws ecr delete-repository --repository-name bclsplit
refused InvalidSnapshot.InUse "$image" aws ec2 delete-snapshot --snapshot-id "$snapshot"
same 'default version that stays' 2 "$(aws ec2 delete-launch-template-versions --launch-template-id "$template" \
  --versions 1 2 --query 'UnsuccessfullyDeletedLaunchTemplateVersions[].VersionNumber')"

chapter 'everything removed'
aws batch update-job-queue --job-queue newsplit2 --state DISABLED >/dev/null
eventually 'VALID DISABLED' the_queue "join(' ', [status, state])"
aws batch delete-job-queue --job-queue newsplit2
eventually '' the_queue status
patiently 'resource is being modified' aws batch update-compute-environment --compute-environment newtest2 \
  --state DISABLED >/dev/null
eventually 'VALID DISABLED' the_environment "join(' ', [status, state])"
patiently 'JobQueue relationship' aws batch delete-compute-environment --compute-environment newtest2 >/dev/null
eventually '' the_environment "status | [?@ != 'DELETED']"
aws batch deregister-job-definition --job-definition docker_5:2
aws ec2 delete-launch-template --launch-template-id "$template" >/dev/null
aws ec2 deregister-image --image-id "$image" >/dev/null
aws ec2 delete-snapshot --snapshot-id "$snapshot" >/dev/null
aws fsx delete-file-system --file-system-id "$fs" --query Lifecycle >/dev/null
aws ecr delete-repository --repository-name bclsplit --force >/dev/null
aws logs delete-log-group --log-group-name /aws/batch/job
aws logs delete-log-group --log-group-name /lab/split
aws iam delete-role-policy --role-name split-builder --policy-name read-runs
for role in builder node; do
  aws iam remove-role-from-instance-profile --instance-profile-name "split-$role" --role-name "split-$role"
  aws iam delete-instance-profile --instance-profile-name "split-$role"
  for policy in $(aws iam list-attached-role-policies --role-name "split-$role" \
    --query 'AttachedPolicies[].PolicyArn'); do
    aws iam detach-role-policy --role-name "split-$role" --policy-arn "$policy"
  done
  aws iam delete-role --role-name "split-$role"
done
patiently '(DependencyViolation)' aws ec2 delete-security-group --group-id "$group" >/dev/null

chapter 'nothing is left'
refused FileSystemNotFound '' aws fsx describe-file-systems --file-system-ids "$fs"
refused InvalidGroup.NotFound "The security group '$group' does not exist" \
  aws ec2 describe-security-groups --group-ids "$group"
refused RepositoryNotFoundException '' aws ecr describe-repositories --repository-names bclsplit
refused NoSuchEntity 'The role with name split-node cannot be found.' aws iam get-role --role-name split-node
refused NoSuchEntity '' aws iam get-instance-profile --instance-profile-name split-node
same 'roles' '' "$(aws iam list-roles --path-prefix / --query "Roles[?starts_with(RoleName, 'split-')].RoleName")"
same 'instance profiles' '' "$(aws iam list-instance-profiles --query 'InstanceProfiles[].InstanceProfileName')"
refused InvalidLaunchTemplateId.NotFound '' aws ec2 describe-launch-templates --launch-template-ids "$template"
refused InvalidSnapshot.NotFound '' aws ec2 describe-snapshots --snapshot-ids "$snapshot"
same 'images' '' "$(aws ec2 describe-images --owners self --query 'Images[].ImageId')"
same 'instances' '' "$(aws ec2 describe-instances --query 'Reservations[].Instances[].InstanceId' \
  --filters Name=instance-state-name,Values=pending,running,shutting-down,stopping,stopped)"
same 'log groups' '' "$(aws logs describe-log-groups --query 'logGroups[].logGroupName')"
