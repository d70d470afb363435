-- All that `fast` could not do: ends the request, or leaves it to connections of its own.
local attempts = require "vcap.attempts"
local connection = require "vcap.connection"
local names = require "vcap.names"
local pages = require "vcap.pages"
local routes = require "vcap.routes"
local unknown = require "vcap.unknown"
local uls = require "vcap.uls"
local var = ngx.var
local _M = {}

local function has_body()
  return (var.content_length or "0") ~= "0" or var.http_transfer_encoding ~= nil
end

-- Takes out what Connection names, and says whether the client wants to leave HTTP.
local function hop_by_hop()
  local connections = ngx.req.get_headers(0).connection
  if connections == nil then return end
  if type(connections) == "table" then connections = table.concat(connections, ",") end
  local upgrade = false
  for word in connection.words(connections) do
    if word == "upgrade" then upgrade = true end
    if connection.is_hop_header(word) then ngx.req.clear_header(word) end
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

-- What is known of a host, asked for where this worker does not know; nil and the page's name when there is nothing.
local function locate(host, key)
  local gen = routes.generation()
  local candidates = routes.find(host, gen)
  if candidates then return candidates end
  if unknown.has(key, gen) then return nil, "unknownRoute" end
  local status, answer = uls.lookup(key)
  if status == 200 then return routes.once(answer) end
  if status ~= 404 then
    ngx.log(ngx.ERR, "the lookup service did not answer: ", answer)
    return nil, "routesUnavailable"
  end
  unknown.add(key, gen)
  return nil, "unknownRoute"
end

-- Why none of a route's instances is to be had.
local function lack(route)
  for _, each in ipairs(route.members) do
    if each.health ~= "down" then return "overloaded" end
  end
  return "noEndpoints"
end

function _M.choose()
  local host, path, fault = asked_for()
  if fault then return refuse(fault) end
  local key = names.key(host)
  if key == nil then return refuse("emptyHost") end
  if key == false then return refuse("badRequest") end
  local candidates, missing = locate(host, key)
  if missing == "routesUnavailable" then return refuse(missing) end
  local route = candidates and routes.match(candidates, path)
  if route == nil then return refuse("unknownRoute", pages.unknown_route(host)) end
  local ctx = ngx.ctx
  local endpoint = attempts.first(ctx, route)
  if endpoint == nil then return refuse(lack(route)) end
  hop_by_hop()
  var.vcap_host = host
  var.vcap_target = path
  ctx.once = not attempts.repeatable[ngx.req.get_method()] or has_body()
  attempts.take_ticket(ctx)
  attempts.use(ctx, route, endpoint)
end

return _M
