import { type BuildArgument, type PackageInS3, packageUri } from "./build-context.ts";
import { render } from "./templates.ts";

export interface RemoteBuild {
  readonly region: string;
  readonly repositoryName: string;
  readonly repositoryUri: string;
  readonly tag: string;
  readonly buildArgs: readonly BuildArgument[];
  readonly contextBase64: string;
  /** What the instance adds to the context itself, with its own role. */
  readonly packageInS3?: PackageInS3 | undefined;
}

/** The shell that builds and pushes an image on an instance of its own. */
export function imageScript({
  region,
  repositoryName,
  repositoryUri,
  tag,
  buildArgs,
  contextBase64,
  packageInS3,
}: RemoteBuild): string {
  return render("bake/image.sh", {
    ...{ region, repository: repositoryName, buildArgs, contextBase64, platform: "linux/amd64" },
    registry: repositoryUri.slice(0, repositoryUri.indexOf("/")),
    image: `${repositoryUri}:${tag}`,
    packageUri: packageInS3 ? packageUri(packageInS3) : "",
  });
}
