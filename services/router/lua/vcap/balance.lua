-- Each attempt of a request: the first goes to the instance that was chosen, the others to what is left.
local attempts = require "vcap.attempts"
local balancer = require "ngx.balancer"
local pages = require "vcap.pages"
local routes = require "vcap.routes"
local stats = require "vcap.stats"
local var = ngx.var
local _M = {}
local BUSY = -3

-- Whether the attempt that failed had a connection. nginx keeps a time to connect for each attempt, "-" for none; the
-- last is that of the attempt to come.
local function was_connected()
  local times = var.upstream_connect_time or ""
  return times:match("([%d.-]+)%s*[,:]%s*[%d.-]*$") ~= "-"
end

local function send_to(endpoint)
  local ok, why = balancer.set_current_peer(endpoint.host, endpoint.port)
  if not ok then ngx.log(ngx.ERR, endpoint.address, ": ", why) end
  balancer.set_more_tries(1)
end

local function give_up(ctx)
  attempts.release(ctx)
  return ngx.exit(BUSY)
end

local function set_aside(endpoint, health)
  routes.set_health(endpoint, health)
  stats.aside(endpoint)
end

local function go_on(ctx)
  local route = ctx.route
  ctx.tried = ctx.tried or {}
  ctx.tried[ctx.peer] = true
  attempts.release(ctx)
  local endpoint = attempts.next(ctx, route)
  if endpoint == nil then return give_up(ctx) end
  attempts.use(ctx, route, endpoint)
  if ctx.kept then attempts.take_kept(ctx, endpoint) end
  balancer.recreate_request()
  return send_to(endpoint)
end

function _M.attempt()
  local ctx = ngx.ctx
  local peer = ctx.peer
  if peer == nil then return ngx.exit(BUSY) end
  if not ctx.sent then
    ctx.sent = true
    return send_to(peer)
  end
  local _, status = balancer.get_last_failure()
  if was_connected() then
    if status == 504 then var.vcap_error = pages.code("endpointTimeout") end
    if status == 504 or ctx.once then return give_up(ctx) end
    -- A kept connection that the instance was just closing says nothing of the instance.
    if ctx.reused then
      ctx.reused = false
      return send_to(peer)
    end
    if peer.health == "up" then set_aside(peer, "suspect") end
  else
    var.vcap_error = status == 504 and pages.code("endpointTimeout") or ""
    if peer.health ~= "down" then set_aside(peer, "down") end
  end
  return go_on(ctx)
end

return _M
