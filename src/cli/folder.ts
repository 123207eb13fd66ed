/** Where manifests and locks lie. */
export const FOLDER = ".bootstrap";
