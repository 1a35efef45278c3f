import { Controller, Get } from '@nestjs/common';
import { instanceName } from './instance-name.js';

export interface InstancesInfo {
  readonly instances: readonly string[];
  /** The one that the load balancer has chosen for this request. */
  readonly answeredBy: string;
}

/** What the page shows of the cluster. */
@Controller('instances')
export class InstancesController {
  readonly #instances = (process.env['INSTANCES'] ?? instanceName).split(',');

  @Get()
  info(): InstancesInfo {
    return { instances: this.#instances, answeredBy: instanceName };
  }
}
