-- A request without a body for a host that is known: its instance is chosen at once, over connections that are kept.
local attempts = require "vcap.attempts"
local head = require "vcap.head"
local routes = require "vcap.routes"
local var, get_method, http_version = ngx.var, ngx.req.get_method, ngx.req.http_version
local repeatable, first, use, take_kept = attempts.repeatable, attempts.first, attempts.use, attempts.take_kept
local _M = {}
local max_header_bytes, health_agent

function _M.init(settings)
  max_header_bytes, health_agent = settings.maxHeaderBytes, settings.healthAgent
end

-- "" when the request may go to the kept connections of an instance, which is then chosen; else where it has to go.
local function choose(form, size, raw)
  if form == nil then return "@bad" end
  if size > max_header_bytes then return "@large" end
  local gen = routes.generation()
  local up = routes.is_up(gen)
  local agent = var.http_user_agent
  if agent and agent:sub(1, #health_agent) == health_agent then return "@health" end
  if not up then return "@last" end
  if form ~= "origin" or not repeatable[get_method()] then return "@slow" end
  local connection = var.http_connection
  if connection and (connection ~= "keep-alive" and connection ~= "close" or head.connections(raw)) then
    return "@slow"
  end
  local host = var.http_host
  if host == nil then return "@slow" end
  local candidates = routes.find(host, gen)
  if candidates == nil then return "@slow" end
  local route = candidates[1]
  if route.path ~= "" then route = routes.match(candidates, var.request_uri) end
  if route == nil then return "@slow" end
  local ctx = ngx.ctx
  local endpoint = first(ctx, route)
  if endpoint == nil then return "@slow" end
  use(ctx, route, endpoint)
  ctx.kept = true
  take_kept(ctx, endpoint)
  return ""
end

function _M.choose() return choose(head.check()) end

-- The same where HTTP/2 is spoken, whose heads nginx reads with one meaning.
function _M.choose_secure()
  if http_version() == 2 then return choose("other", 0, "") end
  return choose(head.check())
end

return _M
