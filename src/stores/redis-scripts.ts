// Each script sees and changes keys of one slot, in one step that nothing comes between.

/** Reads the value. KEYS: value. */
export const READ = `return redis.call('GET', KEYS[1])`;

/** Reads as much of a value as its header can be long. KEYS: value. */
export const READ_HEADER = `return redis.call('GETRANGE', KEYS[1], 0, 63)`;

/** Writes the value, or removes it where the text is empty. KEYS: value. ARGV: text, lifetime in ms or 0. */
const APPLY = `
if ARGV[1] == '' then
  redis.call('DEL', KEYS[1])
elseif ARGV[2] == '0' then
  redis.call('SET', KEYS[1], ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1`;

export const WRITE = APPLY;

/** Writes while the value's own lock is held. KEYS: value, lock. ARGV: text, lifetime, token. */
export const WRITE_LOCKED = `
if redis.call('GET', KEYS[2]) ~= ARGV[3] then
  return 0
end${APPLY}`;

/**
 * Writes for a lock of another slot, unless one of its later holders has written already.
 * KEYS: value, mark. ARGV: text, lifetime, name of the lock, fence, lifetime of the mark in ms.
 */
export const WRITE_FENCED = `
local last = redis.call('HMGET', KEYS[2], 'lock', 'fence')
if last[1] == ARGV[3] and tonumber(last[2]) > tonumber(ARGV[4]) then
  return 0
end
redis.call('HSET', KEYS[2], 'lock', ARGV[3], 'fence', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])${APPLY}`;

/**
 * Takes the lock where it is free, and gives its fence: the time of Redis in ms, or one more than the last fence where that is not
 * less. So fences grow although they are forgotten after a while. KEYS: lock, fence. ARGV: token, lifetimes of lock and fence in ms.
 */
export const ACQUIRE = `
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return false
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local fence = string.format('%.0f', math.max(now, last + 1))
redis.call('SET', KEYS[2], fence, 'PX', ARGV[3])
return fence`;

/** Whether the lock is held by this token. KEYS: lock. ARGV: token. */
export const HOLDS = `
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return 1
end
return 0`;

/** Holds the lock for another while. KEYS: lock. ARGV: token, lifetime in ms. */
export const EXTEND = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** Gives the lock back, unless it is another holder's. KEYS: lock. ARGV: token. */
export const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])`;
