-- The routes this worker knows: parsed once, looked at again when the generation in the shared dictionary moves.
local cjson = require "cjson.safe"
local names = require "vcap.names"
local shared = ngx.shared
local meta, known, sick = shared.vcap_meta, shared.vcap_routes, shared.vcap_health
local most = 50000

local _M = {}
-- By the Host as it came: { key, raw, gen, candidates }.
local by_host, count = {}, 0
-- Endpoints stay the same object for all hosts, so that their counts are theirs.
local endpoints = setmetatable({}, { __mode = "v" })
local seen_gen, up

-- The generation; moves with every change of a route that was ever asked for, and of an endpoint's health.
function _M.generation()
  return meta:get("gen") or 0
end

local function endpoint(facts)
  local id = facts.address .. " " .. facts.lines
  local found = endpoints[id]
  if found then return found end
  found = facts
  found.active, found.idle = 0, 0
  found.health = sick:get(facts.address) or "up"
  endpoints[id] = found
  return found
end

local function parse(raw)
  local candidates = cjson.decode(raw)
  for _, route in ipairs(candidates) do
    route.cursor = 0
    for i, facts in ipairs(route.members) do route.members[i] = endpoint(facts) end
  end
  return candidates
end

-- What the other workers and the router have found, as of a generation.
local function look(gen)
  if seen_gen == gen then return end
  seen_gen = gen
  up = meta:get("up")
  for _, each in pairs(endpoints) do each.health = sick:get(each.address) or "up" end
end

-- Whether the router is not about to leave.
function _M.is_up(gen)
  look(gen)
  return up
end

local function take(host, key, raw, gen)
  if count >= most then
    by_host, count = {}, 0
  end
  if by_host[host] == nil then count = count + 1 end
  local entry = { key = key, raw = raw, gen = gen, candidates = parse(raw) }
  by_host[host] = entry
  return entry
end

-- What is known of a host, or nil: then the lookup service has to be asked.
function _M.find(host, gen)
  local entry = by_host[host]
  if entry and entry.gen == gen then return entry.candidates end
  look(gen)
  local key = entry and entry.key or names.key(host)
  if not key then return nil end
  local raw = known:get(key)
  if raw == nil then
    if entry then
      by_host[host] = nil
      count = count - 1
    end
    return nil
  end
  if entry and entry.raw == raw then
    entry.gen = gen
    return entry.candidates
  end
  return take(host, key, raw, gen).candidates
end

-- Uses what the lookup service said, without keeping it: the dictionary has but one writer.
function _M.once(raw)
  look(_M.generation())
  return parse(raw)
end

-- The candidate for a target: they come in the order in which they win.
function _M.match(candidates, target)
  for i = 1, #candidates do
    local route = candidates[i]
    if route.path == "" or names.below(target, route.path) then return route end
  end
  return nil
end

-- Notes that an endpoint failed; every worker sees it at its next request.
function _M.set_health(endpoint_, health)
  endpoint_.health = health
  if health == "up" then sick:delete(endpoint_.address) else sick:set(endpoint_.address, health) end
  meta:incr("gen", 1, 0)
end

return _M
