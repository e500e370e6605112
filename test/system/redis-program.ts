/** The Redis that the system tests start. `REDIS_SERVER` names another one than Debian's. */
export const REDIS_SERVER = process.env['REDIS_SERVER'] ?? '/usr/bin/redis-server';
