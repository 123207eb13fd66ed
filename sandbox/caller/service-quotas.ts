import { ANYTHING, alike, type Table } from "./demands.ts";

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_servicequotas.html */
export const serviceQuotas: Table = alike(["GetAWSDefaultServiceQuota", "GetServiceQuota"], ANYTHING);
