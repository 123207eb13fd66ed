import type { Cloud } from "../aws/clients.ts";
import type { Config } from "../config/config.ts";
import { Graph } from "../engine/graph.ts";
import { ami } from "../steps/ami.ts";
import { command } from "../steps/command.ts";
import { computeEnvironment } from "../steps/compute-environment.ts";
import { containerImage } from "../steps/container-image/container-image.ts";
import { filesystem } from "../steps/filesystem/filesystem.ts";
import { instance } from "../steps/instance.ts";
import { instanceProfile } from "../steps/instance-profile.ts";
import { jobDefinition } from "../steps/job-definition.ts";
import { jobQueue } from "../steps/job-queue.ts";
import { launchTemplate } from "../steps/launch-template.ts";
import { logGroup } from "../steps/log-group.ts";
import { repository } from "../steps/repository.ts";
import { role } from "../steps/role.ts";
import { securityGroup } from "../steps/security-group.ts";
import { serviceLinkedRole } from "../steps/service-linked-role.ts";
import * as compute from "./compute.ts";
import * as lustre from "./filesystem.ts";
import * as machineImage from "./machine-image.ts";
import * as network from "./network.ts";
import { type Facts, profileOf, scopeOf, type Workload } from "./scope.ts";
import * as workload from "./workload.ts";

/** Start here: every node of the environment, in the guide's reading order. */
export function environment(config: Config, facts: Facts): Graph<Cloud> {
  const graph = new Graph<Cloud>();
  const scope = scopeOf(config, facts);
  const each = <T>(make: (w: Workload) => T) => new Map(scope.workloads.map((w) => [w, make(w)]));
  const eachOrFirst = <T>(agrees: typeof compute.agreesOnDisks, make: (w: Workload) => T) => {
    const [first, ...others] = scope.workloads as [Workload, ...Workload[]];
    const shared = make(first);
    return new Map([[first, shared], ...others.map((w) => [w, agrees(w, first) ? shared : make(w)] as const)]);
  };

  // Network and logs
  const group = graph.add("security-group", securityGroup, network.lustrePorts(scope));
  const log = graph.add("log-group", logGroup, network.logs(scope));

  // Who nodes and jobs are
  const nodeRole = graph.add("node-role", role, network.nodeRole(scope));
  const nodeProfile = graph.add("node-profile", instanceProfile, profileOf(scope, nodeRole));
  const jobRole = each((w) => graph.add(w.id("job-role"), role, workload.jobRole(scope, w)));

  // FSx for Lustre
  const disk = config.filesystem && graph.add("filesystem", filesystem, lustre.disk(scope, config.filesystem, group));

  // The machine image, baked on a machine that is there for nothing else
  const builderRole = graph.add("builder-role", role, machineImage.builderRole(scope));
  const builderProfile = graph.add("builder-profile", instanceProfile, profileOf(scope, builderRole));
  const purpose = machineImage.purposeOf(scope);
  const builder = graph.add(
    "builder",
    instance,
    machineImage.builder(scope, { group, profile: builderProfile, log }, purpose),
  );
  const provision = graph.add("provision", command, machineImage.provision(scope, { machine: builder, log }));
  const image = graph.add("ami", ami, machineImage.baked(scope, { builder, provision }));

  // The launch template that mounts the disks
  const template = eachOrFirst(compute.agreesOnDisks, (w) =>
    graph.add(w.id("launch-template"), launchTemplate, compute.template(scope, w, { image, disk })),
  );

  // Container images, each in a repository of its own
  const container = each((w) => {
    if (!w.build) return undefined;
    const step = containerImage(w.build);
    const home = graph.add(w.id("repository"), repository, workload.repository(scope, w));
    const built = workload.builtImage(scope, w, w.build, home);
    if (w.build.builder !== "instance") return graph.add(w.id("container-image"), step, built);
    const builderRole = graph.add(w.id("image-builder-role"), role, workload.imageBuilderRole(scope, w, w.build));
    const profile = graph.add(w.id("image-builder-profile"), instanceProfile, profileOf(scope, builderRole));
    const machine = graph.add(w.id("image-builder"), instance, machineImage.builder(scope, { group, profile, log }));
    const work = graph.add(
      w.id("image-build"),
      command,
      workload.imageBuild(scope, w, w.build, { machine, log, home }),
    );
    return graph.add(w.id("container-image"), step, { ...built, temporary: { machine, work } });
  });

  // AWS Batch
  const spotRole = compute.usesSpot(config)
    ? graph.add("spot-service-role", serviceLinkedRole, { inputs: () => compute.SERVICE_LINKED_ROLES.spot })
    : undefined;
  const computing = eachOrFirst(compute.agreesOnMachines, (w) => {
    const needs = { group, nodeProfile, image, template: template.get(w)!, log, spotRole };
    return graph.add(w.id("compute-environment"), computeEnvironment, compute.environment(scope, w, needs));
  });
  for (const w of scope.workloads) {
    graph.add(w.id("job-queue"), jobQueue, workload.queue(w, computing.get(w)!));
    const needs = { jobRole: jobRole.get(w)!, log, container: container.get(w) };
    graph.add(w.id("job-definition"), jobDefinition, workload.definition(scope, w, needs));
  }
  return graph;
}
