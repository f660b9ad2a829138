"""What caps ask of Redis, as scripts: each is one step that no other call comes between.

KEYS[1] is the hash of one visitor (see `caps`), whose fields are tokens of 8 bytes with a msgpack
array [state, at ms, touched ms, {cap number, ...}]: state 0 is an open reservation, 1 was shown.
Besides, `s` is the present session as [begin ms, last ms], and `m` until when nothing may be
reserved here, because the visitor's showings are being carried to another key. Showings and
sessions, which windows look at, are of the caller's clock. What expires (`touched`, `m`, `since`)
is of the server's: a process whose clock is wrong must not end what others have reserved.
"""

from hashlib import sha1
from typing import Final

from apps.decisions import hot_wire
from apps.work import clock
from engine.capping import SESSION_IDLE_MS

RESERVED_MS: Final = 120_000
# Longer than any call takes from reading a visitor to reserving: what is folded must not be
# forgotten here before every such call has read the fold's count.
_SETTLED_MS: Final = 600_000
_KEPT_MS: Final = 7 * 86_400_000

_CONSTANTS = f"""
local OPEN, KEPT, SETTLED, IDLE = {RESERVED_MS}, {_KEPT_MS}, {_SETTLED_MS}, {SESSION_IDLE_MS}
local function clocks()
  local now, stepped = string.match(ARGV[1], '^(%d+)@?(%d*)$')
  local there = redis.call('TIME')
  return tonumber(now), tonumber(stepped) or there[1] * 1000 + math.floor(there[2] / 1000)
end
local now, server = clocks()
local function each_token(key)
  local flat, found = redis.call('HGETALL', key), {{}}
  for i = 1, #flat, 2 do
    if #flat[i] == 8 then found[flat[i]] = cmsgpack.unpack(flat[i + 1]) end
  end
  return found
end
"""

# What is binary comes as an argument of its own: Redis reads an older msgpack, without it.
#
# ARGV[2]: {caps: [[number, most, window, per session, cooldown, fatigue or false]],
# session: [begin, last], chains: [[[number, ...], ...]]}; then what is folded of each cap, then the
# token of each chain. Returns 0 when this generation is
# too young to know what is open, or the key is being carried; else for each chain the place of
# its first candidate with budget, and the intensity that its fatigue caps leave.
_RESERVE = """
local asked = cmsgpack.unpack(ARGV[2])
local since = tonumber(redis.call('GET', KEYS[2]) or '')
if not since or since > server then
  redis.call('SET', KEYS[2], string.format('%.0f', server))
  since = server
end
if server - since < OPEN then return 0 end
local flat = redis.call('HGETALL', KEYS[1])
local is_kept, known, mine = #flat > 0, {}, false
for i = 1, #flat, 2 do
  if #flat[i] == 8 then known[flat[i]] = cmsgpack.unpack(flat[i + 1])
  elseif flat[i] == 's' then mine = flat[i + 1]
  elseif flat[i] == 'm' and server < tonumber(flat[i + 1]) then return 0 end
end

local caps, shown, of_base = {}, {}, {}
for i, cap in ipairs(asked.caps) do
  local number, base, times, tokens = cap[1], ARGV[2 + i], {}, {}
  for at = 1, #base, 16 do
    times[#times + 1] = struct.unpack('>i8', base, at)
    tokens[string.sub(base, at + 8, at + 15)] = true
  end
  caps[number], shown[number], of_base[number] = cap, times, tokens
end
for token, entry in pairs(known) do
  local is_shown, at, is_counted = entry[1] == 1, entry[2], true
  for _, number in ipairs(entry[4]) do
    if not of_base[number] or not of_base[number][token] then is_counted = false end
  end
  if is_shown and is_counted and server - entry[3] >= SETTLED
    or not is_shown and server - entry[3] >= OPEN then
    redis.call('HDEL', KEYS[1], token)
    known[token] = nil
  else
    for _, number in ipairs(entry[4]) do
      if shown[number] and not of_base[number][token] then
        table.insert(shown[number], at)
      end
    end
  end
end
for _, times in pairs(shown) do table.sort(times) end

local begin = now
for _, cap in ipairs(asked.caps) do
  if cap[4] then
    local sessions = {asked.session}
    if mine then sessions[2] = cmsgpack.unpack(mine) end
    for _, session in ipairs(sessions) do
      if session[2] > 0 and now - session[2] <= IDLE then begin = math.min(begin, session[1]) end
    end
    redis.call('HSET', KEYS[1], 's', cmsgpack.pack({begin, now}))
    is_kept = true
    break
  end
end

local function left_of(fatigue, times)
  local load = 0
  for _, at in ipairs(times) do load = load + 2 ^ (-math.max(0, now - at) / fatigue[1]) end
  return math.max(fatigue[3], 1 - fatigue[2] * load)
end
local function allows(number)
  local cap, times = caps[number], shown[number]
  local most, window, cooldown, fatigue = cap[2], cap[3], cap[5], cap[6]
  if cooldown > 0 and #times > 0 and now - times[#times] < cooldown then return false end
  if most then
    local after = -1
    if cap[4] then after = begin - 1 end
    if window then after = math.max(after, now - window) end
    local count = 0
    for _, at in ipairs(times) do if at > after then count = count + 1 end end
    if count >= most then return false end
  end
  return not fatigue or left_of(fatigue, times) >= fatigue[4]
end
local function has_budget(numbers, token)
  for _, number in ipairs(numbers) do
    -- A token that is folded already has been shown: it cannot stand for another showing.
    if of_base[number][token] or not allows(number) then return false end
  end
  return true
end
local function same(one, other)
  if #one ~= #other then return false end
  for i, number in ipairs(one) do if number ~= other[i] then return false end end
  return true
end

local answer = {}
for i, chain in ipairs(asked.chains) do
  local token, place = ARGV[2 + #asked.caps + i], #chain
  local again = known[token]
  local intensity = 1
  for turn, numbers in ipairs(chain) do
    local is_again = again and same(again[4], numbers) and server - again[3] < OPEN
    if #numbers == 0 or is_again or (not again and has_budget(numbers, token)) then
      place = turn
      for _, number in ipairs(numbers) do
        local fatigue = caps[number][6]
        if fatigue then intensity = math.min(intensity, left_of(fatigue, shown[number])) end
      end
      if #numbers > 0 and not is_again then
        for _, number in ipairs(numbers) do
          table.insert(shown[number], now)
          table.sort(shown[number])
        end
        redis.call('HSET', KEYS[1], token, cmsgpack.pack({0, now, server, numbers}))
        is_kept = true
      end
      break
    end
  end
  answer[#answer + 1] = place
  answer[#answer + 1] = intensity == 1 and 1 or string.format('%.17g', intensity)
end
if is_kept then redis.call('PEXPIRE', KEYS[1], KEPT) end
return answer"""

# ARGV[place]: [[at ms, [number, ...]], ...]; then of each its token and that of the reservation. A
# second confirmation changes nothing; a decision that was seen more than once, by exposures with
# ids of their own, counts each time and reserved one.
_CONFIRMING = """
local function confirm(key, place)
  local session = redis.call('HGET', key, 's')
  session = session and cmsgpack.unpack(session)
  for i, seen in ipairs(cmsgpack.unpack(ARGV[place])) do
    local at, token, reservation = seen[1], ARGV[place - 1 + 2 * i], ARGV[place + 2 * i]
    local known = redis.call('HGET', key, token)
    if not known or cmsgpack.unpack(known)[1] == 0 then
      redis.call('HSET', key, token, cmsgpack.pack({1, at, server, seen[2]}))
    end
    local reserved = reservation ~= token and redis.call('HGET', key, reservation)
    if reserved and cmsgpack.unpack(reserved)[1] == 0 then
      redis.call('HDEL', key, reservation)
    end
    if session and at > session[2] and at - session[2] <= IDLE then
      session[2] = at
      redis.call('HSET', key, 's', cmsgpack.pack(session))
    end
  end
  redis.call('PEXPIRE', key, KEPT)
  return 1
end
"""
_CONFIRM = _CONFIRMING + "return confirm(KEYS[1], 2)"

# ARGV[2] and on: tokens. Only what is open is given back.
_RELEASE = """
for i = 2, #ARGV do
  local entry, token = redis.call('HGET', KEYS[1], ARGV[i]), ARGV[i]
  if entry and cmsgpack.unpack(entry)[1] == 0 then redis.call('HDEL', KEYS[1], token) end
end
return 1"""

# From KEYS[1] to KEYS[2]. ARGV[2]: 1 when nobody may reserve at the first from now on; 0 when both
# go on, with what is open: then the tokens that follow are no longer the first's.
_CARRY = """
local there = each_token(KEYS[2])
for i = 3, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
for token, entry in pairs(each_token(KEYS[1])) do
  local is_wanted = ARGV[2] == '1' or entry[1] == 0
  if is_wanted and (not there[token] or there[token][1] < entry[1]) then
    redis.call('HSET', KEYS[2], token, redis.call('HGET', KEYS[1], token))
  end
end
local session = redis.call('HGET', KEYS[1], 's')
if session then redis.call('HSETNX', KEYS[2], 's', session) end
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('PEXPIRE', KEYS[2], KEPT) end
if ARGV[2] == '1' then
  redis.call('HSET', KEYS[1], 'm', string.format('%.0f', server + OPEN))
  redis.call('PEXPIRE', KEYS[1], OPEN)
end
return 1"""


# Since when a generation has been kept: ARGV[1] as everywhere, KEYS[1] says so once.
_BEGIN = "redis.call('SET', KEYS[1], string.format('%.0f', server), 'NX') return 1"


def instant(now_ms: int) -> bytes:
    """Return ARGV[1]: the caller's instant, and the server's where a test has stepped it."""
    stepped = clock.stepped_ms()
    return b"%d" % now_ms if stepped is None else b"%d@%d" % (now_ms, stepped)


class Script:
    """One script and the name by which Redis knows it once it was loaded."""

    def __init__(self, body: str) -> None:
        self._body = (_CONSTANTS + body).encode()
        # Nothing is protected by this digest.
        self._sha = sha1(self._body, usedforsecurity=False).hexdigest().encode()
        self.load = hot_wire.command("SCRIPT", "LOAD", self._body)

    def command(self, keys: tuple[bytes, ...], now_ms: int, *arguments: bytes) -> bytes:
        """Return the bytes that run it."""
        given = (b"%d" % len(keys), *keys, instant(now_ms), *arguments)
        return hot_wire.command(b"EVALSHA", self._sha, *given)


# For a script that has more to do, whose ARGV[1] is the instant too.
CONFIRMING: Final = _CONSTANTS + _CONFIRMING
RESERVE: Final = Script(_RESERVE)
CONFIRM: Final = Script(_CONFIRM)
RELEASE: Final = Script(_RELEASE)
CARRY: Final = Script(_CARRY)
BEGIN: Final = _CONSTANTS + _BEGIN
LOAD: Final = b"".join(script.load for script in (RESERVE, CONFIRM, RELEASE, CARRY))
SCRIPTS: Final = 4
