-- Who has a request: an instance is chosen for it, counts it as its own, and lets go of it again.
local pick = require "vcap.pick"
local stats = require "vcap.stats"
local sticky = require "vcap.sticky"
local var, now = ngx.var, ngx.now
-- Methods that may be sent again though an instance may have acted on them.
local _M = { repeatable = { GET = true, HEAD = true, OPTIONS = true } }
local hash_variable, most_kept
-- Whom a request was given to, for those that nginx ends without asking for another: an inner redirect drops `ngx.ctx`.
local tickets, next_ticket = {}, 1

function _M.init(settings)
  most_kept = settings.mostKept
  if settings.balance == "hash" then hash_variable = "http_" .. settings.hashHeader:gsub("-", "_") end
end

local last_now, last_text = 0, ""

-- The time as X-Request-Start tells it; many requests come within one millisecond.
local function milliseconds()
  local at = now()
  if at ~= last_now then last_now, last_text = at, string.format("%.0f", at * 1000) end
  return last_text
end

-- The first instance to try, or nil.
function _M.first(ctx, route)
  local requested
  if #route.members > 1 then requested = sticky.requested(var.http_cookie) end
  ctx.sticky = requested
  if hash_variable then ctx.hash = var[hash_variable] end
  return pick.pick(route, nil, requested, ctx.hash)
end

-- The next one: none that was tried, or nil.
function _M.next(ctx, route)
  return pick.pick(route, ctx.tried, ctx.sticky, ctx.hash)
end

-- From now on the request is known by a number, too.
function _M.take_ticket(ctx)
  ctx.ticket = next_ticket
  var.vcap_ticket = next_ticket
  next_ticket = next_ticket + 1
end

-- The instance has the request.
function _M.use(ctx, route, endpoint)
  ctx.route = route
  ctx.peer = endpoint
  endpoint.active = endpoint.active + 1
  if ctx.ticket then tickets[ctx.ticket] = endpoint end
  stats.started()
  var.vcap_lines = endpoint.lines
  var.vcap_msec = milliseconds()
end

-- It has it no more.
function _M.release(ctx)
  local peer = ctx.peer
  if peer == nil then return end
  ctx.peer = nil
  ctx.served = peer
  peer.active = peer.active - 1
  if ctx.ticket then tickets[ctx.ticket] = nil end
  stats.ended()
end

-- Who still has the request after an inner redirect, by its number.
function _M.recall(ctx)
  local ticket = tonumber(var.vcap_ticket)
  local endpoint = ticket and tickets[ticket]
  if endpoint then ctx.peer, ctx.ticket = endpoint, ticket end
end

-- How many connections nginx keeps to an instance it does not tell: counted here, too high rather than too low.
function _M.take_kept(ctx, endpoint)
  ctx.reused = endpoint.idle > 0
  if ctx.reused then endpoint.idle = endpoint.idle - 1 end
end

function _M.give_kept(endpoint)
  if endpoint.idle < most_kept then endpoint.idle = endpoint.idle + 1 end
end

return _M
