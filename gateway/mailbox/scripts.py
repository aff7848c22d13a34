"""What the relay's store runs in one piece, in Lua: a commit, and what forgets copies and old mail (streams.py)."""

import hashlib

from tiers.gateway.mailbox.promises import KEEP_MS, MAX_BYTES, MAX_MESSAGES, REPEAT_S
from tiers.store.connection import Command
from tiers.wire.message.envelope import MAX_ENVELOPE

ALREADY, FULL = 0, 1
"""What a commit replies for a message in place of where it lies."""
_BUCKET_S = 66
_DAY_S = 24 * 3600
_KEEP_S = KEEP_MS // 1000
_SURE = MAX_BYTES // MAX_ENVELOPE
"""So many messages fit whatever their sizes."""
_CHUNK = 16

# One call for all messages and acks of a commit. Not one each, because the store reads a connection in pieces of 16 KiB
# and makes what it has done durable after each piece: a call is one piece, whatever its size, so a commit is one fsync.
# Not MULTI either, because Redis 7.0 puts what is published into the middle of the reply of EXEC.
# A full mailbox shows before anything of its message is written. A key's life is looked at before it is written,
# because a write costs a line in the log. What fails of one message fails alone (pcall); that nothing can be written
# here is the whole call's error. The size of a mailbox is counted only while it holds _SURE messages or more, and
# walked through when it grows past that: acks keep the count down to half of it, where it is forgotten.
COMMIT = f"""
local out, next, known, held = {{}}, 1, {{}}, {{}}
local function lives(key, least, seconds)
  if known[key] then return end
  known[key] = true
  if redis.call('TTL', key) < least then redis.call('EXPIRE', key, seconds) end
end
local function tell(li, what)
  redis.call('SPUBLISH', 'gateway:' .. string.sub(li, 1, 5) .. ':told', what)
end
local function octets(box, size)
  local counted = redis.call('GET', size)
  if counted then return tonumber(counted) end
  local sum, from = 0, '-'
  repeat
    local some = redis.call('XRANGE', box, from, '+', 'COUNT', {_CHUNK})
    for _, one in ipairs(some) do sum, from = sum + #one[2][2], '(' .. one[1] end
  until #some < {_CHUNK}
  redis.call('SET', size, sum, 'EX', {_DAY_S})
  return sum
end
local function accept(box, mids, li, size, before, at)
  local once, envelope, away, copies = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local waiting = held[box] or redis.call('XLEN', box)
  local full = waiting >= {MAX_MESSAGES} or waiting >= {_SURE} and octets(box, size) + #envelope > {MAX_BYTES}
  if before ~= mids and redis.call('SISMEMBER', before, once) == 1 then return {ALREADY} end
  if (full or copies > 0) and redis.call('SISMEMBER', mids, once) == 1 then return {ALREADY} end
  if full then return {FULL} end
  for i = at + 6, at + 4 + 2 * copies, 2 do
    local xid = ARGV[i]
    redis.call('XADD', li .. ':' .. xid, '*',
      'at', ARGV[at + 4], 'header', ARGV[at + 5], 'envelope', envelope, 'to', ARGV[i + 1])
    if not known[li .. xid] then
      redis.call('SADD', li, xid)
      tell(li, 'copied ' .. xid .. '/' .. string.sub(li, 3, 4))
    end
    known[li .. xid] = true
  end
  if redis.call('SADD', mids, once) == 0 then return {ALREADY} end
  local id = redis.call('XADD', box, '*', 'e', envelope)
  held[box] = waiting + 1
  if waiting >= {_SURE} then redis.call('INCRBY', size, #envelope) end
  lives(mids, {REPEAT_S}, {REPEAT_S + _BUCKET_S})
  lives(box, {_KEEP_S}, {_KEEP_S + _DAY_S})
  if away ~= '' then tell(li, 'stored ' .. away) end
  return id
end
local function remove(box, size, bytes, first, last)
  local gone = redis.call('XDEL', box, unpack(ARGV, first, last))
  local left = redis.call('XLEN', box)
  if left >= {_SURE // 2} then
    if gone == last - first + 1 and redis.call('EXISTS', size) == 1 then
      redis.call('DECRBY', size, bytes)
    else
      redis.call('DEL', size)
    end
  elseif left + gone >= {_SURE // 2} then
    redis.call('DEL', size)
  end
end
local function alone(...)
  local well, said = pcall(...)
  if well then return said end
  said = type(said) == 'table' and said.err or tostring(said)
  for _, word in ipairs({{'READONLY', 'LOADING', 'MASTERDOWN', 'CLUSTERDOWN'}}) do
    if string.find(said, word, 1, true) then return nil, word .. ' nothing can be written here' end
  end
  return {{said}}
end
local acks = tonumber(ARGV[1])
next = 2
for i = 1, acks do
  local count = tonumber(ARGV[next])
  local _, lost = alone(remove, KEYS[2 * i - 1], KEYS[2 * i], ARGV[next + 1], next + 2, next + 1 + count)
  if lost then return redis.error_reply(lost) end
  next = next + 2 + count
end
for i = 2 * acks + 1, #KEYS, 5 do
  local said, lost = alone(accept, KEYS[i], KEYS[i + 1], KEYS[i + 2], KEYS[i + 3], KEYS[i + 4], next)
  if lost then return redis.error_reply(lost) end
  out[#out + 1] = said
  local copies = tonumber(ARGV[next + 3])
  next = next + 4 + (copies > 0 and 2 + 2 * copies or 0)
end
return out
"""

FORGET = """
redis.call('XDEL', KEYS[2], unpack(ARGV, 2))
if redis.call('XLEN', KEYS[2]) > 0 then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SREM', KEYS[1], ARGV[1])
return 1
"""

EXPIRE = """
local now = redis.call('TIME')
local oldest = now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[1]
if redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', oldest)) > 0 then redis.call('DEL', KEYS[2]) end
"""


def sha(script: str) -> str:
    """Return the name under which a store keeps a script that it was given."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


COMMIT_SHA = sha(COMMIT)
HELLO: tuple[Command, ...] = (("SCRIPT", "LOAD", COMMIT),)
