-- Chooses an instance; the same policies as the Node plane's (src/plane/balance).
local bit = require "bit"
local tobit, bxor, rshift = bit.tobit, bit.bxor, bit.rshift
local now = ngx.now
local random = math.random

local _M = {}
local policy, limit, slow_start

local function weight(member, at)
  local age = at - member.since
  if age >= slow_start then return 1 end
  return math.max(0.1, age / slow_start)
end

local function free(member, tried)
  return member.active < limit and not (tried and tried[member])
end

local function least_connections(route, health, tried)
  local members, at = route.members, now() * 1000
  local best, best_load, best_at
  for step = 0, #members - 1 do
    local i = (route.cursor + step) % #members
    local member = members[i + 1]
    if member.health == health and free(member, tried) then
      local load = (member.active + 1) / weight(member, at)
      if not best or load < best_load then best, best_load, best_at = member, load, i end
    end
  end
  if best then route.cursor = (best_at + 1) % #members end
  return best
end

local function round_robin(route, health, tried)
  local members, at = route.members, now() * 1000
  local passed_over
  for step = 0, #members - 1 do
    local i = (route.cursor + step) % #members
    local member = members[i + 1]
    if member.health == health and free(member, tried) then
      local share = weight(member, at)
      if share < 1 and random() > share then
        passed_over = passed_over or member
      else
        route.cursor = (i + 1) % #members
        return member
      end
    end
  end
  return passed_over
end

-- A product of two 32-bit numbers, modulo 2^32: too big for a double's 53 bits in one piece.
local function multiply(a, b)
  local high = rshift(a, 16)
  local low = a % 65536
  return tobit(tobit((high * b) % 65536 * 65536) + tobit(low * b % 4294967296))
end

local function score(text)
  local hash = tobit(0x811c9dc5)
  for i = 1, #text do hash = multiply(bxor(hash, text:byte(i)), 0x01000193) end
  hash = multiply(bxor(hash, rshift(hash, 16)), 0x85ebca6b)
  hash = multiply(bxor(hash, rshift(hash, 13)), 0xc2b2ae35)
  return bxor(hash, rshift(hash, 16)) % 4294967296
end

local function by_hash(route, health, tried, value)
  if value == nil then return least_connections(route, health, tried) end
  local best, best_score
  for _, member in ipairs(route.members) do
    if member.health == health and free(member, tried) then
      local points = score(value .. " " .. member.address)
      if not best or points > best_score then best, best_score = member, points end
    end
  end
  return best
end

local policies = { ["least-connections"] = least_connections, ["round-robin"] = round_robin, hash = by_hash }

function _M.init(settings)
  policy = policies[settings.balance]
  limit = settings.backendLimit == 0 and math.huge or settings.backendLimit
  slow_start = settings.slowStartMs
end

-- The sticky instance while it is up, else what the policy says; suspects are a last resort.
function _M.pick(route, tried, sticky, hash)
  local members = route.members
  if #members == 1 then
    local only = members[1]
    return only.health ~= "down" and free(only, tried) and only or nil
  end
  if sticky then
    for _, member in ipairs(members) do
      if member.id == sticky and member.health == "up" and free(member, tried) then return member end
    end
  end
  return policy(route, "up", tried, hash) or policy(route, "suspect", tried, hash)
end

return _M
