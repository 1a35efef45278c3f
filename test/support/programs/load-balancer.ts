import { describe } from '@jest/globals';
import { join } from 'node:path';
import { describeMissing } from './missing.js';
import { findProgram, Proxy, type ProxyKind } from './proxies.js';

const nginx = { program: 'nginx', variable: 'NGINX_PATH' } as const;
const config = join(import.meta.dirname, '../../../sample/03-many-instances/nginx.conf');

/**
 * The configuration of the sample. Each request goes to whichever instance nginx chooses, or to that whose number, from 1, is in the
 * header `x-to`.
 */
function kindFor(instances: readonly number[]): ProxyKind {
  const servers = instances.map((port) => `server 127.0.0.1:${port} max_fails=1 fail_timeout=1s;`);
  const named = servers.map((server, n) => `upstream instance-${n + 1} { ${server} }`);
  return {
    ...nginx,
    speaks: '1.1',
    defaults: config,
    args: (file) => ['-p', join(file, '..'), '-c', file, '-e', 'stderr', '-g', 'daemon off;'],
    configure: (text, { port }) =>
      text
        .replace('@LISTEN@', `127.0.0.1:${port}`)
        .replace('@INSTANCES@', servers.join('\n'))
        .replace('upstream instances {', `${named.join('\n')}\n$&`)
        .replace(
          'upstream instances {',
          `map $http_x_to $to { default instances; ~. instance-$http_x_to; }\n$&`,
        )
        .replace(
          'proxy_pass http://instances;',
          'proxy_pass http://$to; add_header x-from $upstream_addr always;',
        ),
  };
}

/** `describe` for what needs a load balancer, called with what starts one in front of instances. It is gone after the test. */
export function describeBehindLoadBalancer(
  name: string,
  fn: (start: (instances: readonly number[]) => Promise<Proxy>) => void,
): void {
  const program = findProgram(nginx);
  if (program === undefined) {
    describeMissing(name, `"${name}" needs nginx: apt-get install nginx, or set NGINX_PATH`);
    return;
  }
  describe(name, () => {
    fn((instances) => Proxy.start(kindFor(instances), program, instances[0]!));
  });
}
