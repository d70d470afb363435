-- A request's way through nginx: chosen in `fast`, or in `slow` when something has to be asked or said.
local cjson = require "cjson.safe"
local balancer = require "ngx.balancer"
local control = require "vcap.control"
local head = require "vcap.head"
local names = require "vcap.names"
local pages = require "vcap.pages"
local pick = require "vcap.pick"
local routes = require "vcap.routes"
local stats = require "vcap.stats"
local sticky = require "vcap.sticky"
local uls = require "vcap.uls"

local var, get_method, now = ngx.var, ngx.req.get_method, ngx.now
local _M = {}
local settings, hash_variable, logs, address
local repeatable = { GET = true, HEAD = true, OPTIONS = true }
-- Hosts nobody serves, until the generation moves or a second is over.
local unknown, unknown_count = {}, 0
local BUSY = -3
-- Whom a request was given to, for those that nginx ends without asking for another: an inner redirect drops `ngx.ctx`.
local tickets, next_ticket = {}, 1

-- In nginx's master, before the workers are there.
function _M.init(file)
  local handle = assert(io.open(file, "rb"))
  settings = assert(cjson.decode(handle:read("*a")))
  handle:close()
  for _, each in ipairs({ pages, pick, stats, sticky, uls }) do each.init(settings) end
  logs, address = settings.accessLog, settings.address
  if settings.balance == "hash" then hash_variable = "http_" .. settings.hashHeader:gsub("-", "_") end
end

-- In each worker.
function _M.init_worker()
  math.randomseed(ngx.now() * 1000 + ngx.worker.pid())
  local function report() stats.report() end
  assert(ngx.timer.every(1, report))
end

local last_now, last_text = 0, ""

-- The time as X-Request-Start tells it; many requests come within one millisecond.
local function milliseconds()
  local at = now()
  if at ~= last_now then last_now, last_text = at, string.format("%.0f", at * 1000) end
  return last_text
end

local function use(ctx, route, endpoint)
  ctx.route = route
  ctx.peer = endpoint
  endpoint.active = endpoint.active + 1
  stats.started()
  var.vcap_lines = endpoint.lines
  var.vcap_msec = milliseconds()
end

local function release(ctx)
  local peer = ctx.peer
  if peer == nil then return end
  ctx.peer = nil
  ctx.served = peer
  peer.active = peer.active - 1
  stats.ended()
end

-- How many connections nginx keeps to an instance it does not tell: counted here, too high rather than too low.
local function take_idle(ctx, endpoint)
  ctx.reused = endpoint.idle > 0
  if ctx.reused then endpoint.idle = endpoint.idle - 1 end
end

local function choose(ctx, route)
  local requested
  if #route.members > 1 then requested = sticky.requested(var.http_cookie) end
  ctx.sticky = requested
  if hash_variable then ctx.hash = var[hash_variable] end
  return pick.pick(route, nil, requested, ctx.hash)
end

-- "" when the request may go to the kept connections of an instance, which is then chosen; else where it has to go.
function _M.fast()
  local form, size, raw = head.check()
  if form == nil then return "@bad" end
  if size > settings.maxHeaderBytes then return "@large" end
  local gen = routes.generation()
  local slow = routes.is_up(gen) and "@slow" or "@last"
  local agent = var.http_user_agent
  if agent and agent:sub(1, 13) == "HTTP-Monitor/" then return "@health" end
  if form ~= "origin" or not repeatable[get_method()] then return slow end
  local connection = var.http_connection
  if connection and (connection ~= "keep-alive" and connection ~= "close" or head.connections(raw)) then return slow end
  local host = var.http_host
  if host == nil then return slow end
  if slow == "@last" then return slow end
  local candidates = routes.find(host, gen)
  if candidates == nil then return slow end
  local route = candidates[1]
  if route.path ~= "" then route = routes.match(candidates, var.request_uri) end
  if route == nil then return slow end
  local ctx = ngx.ctx
  local endpoint = choose(ctx, route)
  if endpoint == nil then return slow end
  use(ctx, route, endpoint)
  ctx.kept = true
  take_idle(ctx, endpoint)
  return ""
end

-- Never dropped because a Connection header names them: they frame or address the message, or vouch for it.
local end_to_end = {}
for name in ([[host content-length transfer-encoding trailer x-forwarded-for x-forwarded-proto x-forwarded-host
  x-forwarded-client-cert x-request-start x-request-id traceparent tracestate b3 x-b3-traceid x-b3-spanid
  x-b3-parentspanid x-b3-sampled x-b3-flags keep-alive close upgrade]]):gmatch("%S+") do end_to_end[name] = true end

local function has_body()
  return (var.content_length or "0") ~= "0" or var.http_transfer_encoding ~= nil
end

-- Takes out what Connection names, and says whether the client wants to leave HTTP.
local function hop_by_hop()
  local connections = ngx.req.get_headers(0).connection
  if connections == nil then return end
  if type(connections) == "table" then connections = table.concat(connections, ",") end
  local upgrade = false
  for name in connections:lower():gmatch("[^,%s]+") do
    if name == "upgrade" then upgrade = true end
    if not end_to_end[name] then ngx.req.clear_header(name) end
  end
  local protocol = var.http_upgrade
  if not upgrade or not protocol or ngx.req.http_version() < 1.1 then return end
  if has_body() then return end
  for word in protocol:lower():gmatch("%w+") do
    if word == "h2" or word == "h2c" then return end
  end
  var.vcap_upgrade = protocol
  var.vcap_connection = "Upgrade"
end

-- The authority of an absolute target wins over Host.
local function asked_for()
  local target = (var.request or ""):match("^%S+ (%S+)") or ""
  if target:sub(1, 1) == "/" then return var.http_host, target end
  local authority, path = target:match("^[hH][tT][tT][pP][sS]?://([^/?#]*)(.*)$")
  if authority == nil then return nil, nil, "badRequest" end
  if path:sub(1, 1) ~= "/" then path = "/" .. path end
  return authority:gsub("^.*@", ""), path
end

local function forget_unknown()
  unknown, unknown_count = {}, 0
end

-- Ends with a page of the router's own. A client that waits to be told to send its body may or may not send it now:
-- nobody knows where its next request would begin.
local function refuse(name, text)
  if var.http_expect == nil and name ~= "badRequest" then return pages.fail(name, text) end
  var.vcap_page, var.vcap_text = name, text or ""
  return ngx.exec("@closing")
end

function _M.closing()
  local text = var.vcap_text
  return pages.fail(var.vcap_page, text ~= "" and text or nil)
end

local function locate(host, key)
  local gen = routes.generation()
  local candidates = routes.find(host, gen)
  if candidates then return candidates end
  local seen = unknown[key]
  if seen and seen.gen == gen and now() - seen.at < 1 then return nil, "unknownRoute" end
  local status, answer = uls.lookup(key)
  if status == 200 then return routes.once(answer) end
  if status ~= 404 then
    ngx.log(ngx.ERR, "the lookup service did not answer: ", answer)
    return nil, "routesUnavailable"
  end
  if unknown_count >= 10000 then forget_unknown() end
  if seen == nil then unknown_count = unknown_count + 1 end
  unknown[key] = { gen = gen, at = now() }
  return nil, "unknownRoute"
end

-- All that `fast` could not do; ends the request, or leaves it to connections of its own.
function _M.slow()
  local host, path, fault = asked_for()
  if fault then return refuse(fault) end
  local key = names.key(host)
  if key == nil then return refuse("emptyHost") end
  if key == false then return refuse("badRequest") end
  local candidates, missing = locate(host, key)
  if missing == "routesUnavailable" then return refuse(missing) end
  local route = candidates and routes.match(candidates, path)
  if route == nil then
    local printable = host:gsub("[^%w_.:*%[%]-]", "?"):sub(1, 255)
    return refuse("unknownRoute", "Requested route ('" .. printable .. "') does not exist.")
  end
  local members = route.members
  if #members == 0 then return refuse("noEndpoints") end
  local ctx = ngx.ctx
  local endpoint = choose(ctx, route)
  if endpoint == nil then
    for _, each in ipairs(members) do
      if each.health ~= "down" then return refuse("overloaded") end
    end
    return refuse("noEndpoints")
  end
  hop_by_hop()
  var.vcap_host = host
  var.vcap_target = path
  ctx.once = not repeatable[get_method()] or has_body()
  use(ctx, route, endpoint)
  tickets[next_ticket] = endpoint
  ctx.ticket = next_ticket
  var.vcap_ticket = next_ticket
  next_ticket = next_ticket + 1
end

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
  release(ctx)
  if ctx.ticket then tickets[ctx.ticket] = nil end
  return ngx.exit(BUSY)
end

-- Called for every attempt.
function _M.balance()
  local ctx = ngx.ctx
  local peer = ctx.peer
  if peer == nil then return ngx.exit(BUSY) end
  local failure, status = balancer.get_last_failure()
  if failure == nil then return send_to(peer) end
  if was_connected() then
    if status == 504 then var.vcap_error = "endpoint_timeout" end
    if status == 504 or ctx.once then return give_up(ctx) end
    -- A kept connection that the instance was just closing says nothing of the instance.
    if ctx.reused then
      ctx.reused = false
      return send_to(peer)
    end
    if peer.health == "up" then
      routes.set_health(peer, "suspect")
      stats.aside(peer)
    end
  else
    var.vcap_error = status == 504 and "endpoint_timeout" or ""
    if peer.health ~= "down" then
      routes.set_health(peer, "down")
      stats.aside(peer)
    end
  end
  ctx.tried = ctx.tried or {}
  ctx.tried[peer] = true
  local route = ctx.route
  release(ctx)
  if ctx.ticket then tickets[ctx.ticket] = nil end
  local endpoint = pick.pick(route, ctx.tried, ctx.sticky, ctx.hash)
  if endpoint == nil then return give_up(ctx) end
  use(ctx, route, endpoint)
  if ctx.kept then take_idle(ctx, endpoint) end
  if ctx.ticket then tickets[ctx.ticket] = endpoint end
  balancer.recreate_request()
  return send_to(endpoint)
end

-- Whether what came is an answer: nginx passes on much that two parsers might read in two ways.
local function is_answer(odd)
  local status = ngx.status
  if status < 200 and (status ~= 101 or var.vcap_upgrade == "") then return false end
  local coding = odd ~= "" and var.upstream_http_transfer_encoding or nil
  if coding == nil then return true end
  return coding:lower() == "chunked" and var.upstream_http_content_length == nil
end

-- The answer's head.
function _M.header()
  local ctx = ngx.ctx
  local peer = ctx.peer
  if peer == nil then return end
  -- What has no status line would go to the client as it is, and so would a page of ours: it is cut off.
  if ngx.req.http_version() < 1 then return ngx.exit(444) end
  local odd = var.vcap_odd
  if not is_answer(odd) then return ngx.exit(502) end
  if peer.health == "suspect" then routes.set_health(peer, "up") end
  if odd ~= "" then
    if var.upstream_http_set_cookie then sticky.answer(peer.id) end
    for name in (var.upstream_http_connection or ""):gmatch("[^,%s]+") do
      if not end_to_end[name:lower()] then ngx.header[name] = nil end
    end
  end
  if settings.traceKey ~= "" and var.http_x_vcap_trace == settings.traceKey then
    ngx.header["X-Vcap-Router"] = address
    ngx.header["X-Vcap-Backend"] = peer.address
  end
end

-- The end of a request none of whose instances answered.
function _M.failed()
  local endpoint = tickets[tonumber(var.vcap_ticket) or 0]
  if endpoint then
    ngx.ctx.peer = endpoint
    ngx.ctx.ticket = tonumber(var.vcap_ticket)
  end
  if var.vcap_error == "endpoint_timeout" or ngx.status == 504 then return pages.fail("endpointTimeout") end
  return pages.fail("endpointFailure")
end

_M.page = pages.fail
_M.push = control.push
_M.health = pages.health

local second, second_text = 0, ""

-- Every request's end.
function _M.log()
  local ctx = ngx.ctx
  local peer = ctx.peer or ctx.served
  if ctx.peer then release(ctx) end
  if ctx.ticket then tickets[ctx.ticket] = nil end
  if peer and ctx.kept and peer.idle < 512 then peer.idle = peer.idle + 1 end
  local status = ngx.status
  local at = now()
  local ms = (at - ngx.req.start_time()) * 1000
  local error = status >= 400 and var.vcap_error or nil
  if error == "" then error = nil end
  if status == 101 then ms = 0 end
  stats.finished(status, ms, peer, error)
  if not logs then return end
  local start = ngx.req.start_time()
  local whole = math.floor(start)
  if whole ~= second then
    second, second_text = whole, os.date("!%Y-%m-%dT%H:%M:%S.", whole)
  end
  var.vcap_time = second_text .. string.format("%03d", math.floor((start - whole) * 1000)) .. "000000Z"
  if peer then
    if peer.app then var.vcap_app = peer.app end
    if peer.index then var.vcap_index = peer.index end
    if peer.id then var.vcap_instance = peer.id end
  end
end

return _M
