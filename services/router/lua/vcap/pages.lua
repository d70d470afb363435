-- The router's own answers, from the same tables as the Node plane's.
local var, header = ngx.var, ngx.header
local _M = {}
local errors, health, unknown_route

function _M.init(settings)
  errors, health, unknown_route = settings.errors, settings.health, settings.unknownRoute
end

local function send(status, headers, body)
  ngx.status = status
  for name, value in pairs(headers) do header[name] = value end
  header["Content-Length"] = #body
  if ngx.req.get_method() ~= "HEAD" then ngx.print(body) end
  return ngx.exit(status)
end

-- What a page is called in X-Cf-RouterError.
function _M.code(name) return errors[name].code end

-- What the page of an unknown route says.
function _M.unknown_route(host)
  return unknown_route:format(host:gsub("[^%w_.:*%[%]-]", "?"):sub(1, 255))
end

-- Ends the request with one of them.
function _M.fail(name, text)
  local page = errors[name]
  var.vcap_error = page.code
  header["X-Vcap-Request-Id"] = var.request_id
  return send(page.status, page.headers, page.status .. " " .. page.reason .. ": " .. (text or page.text) .. "\n")
end

-- For load balancers that ask on the visitors' port.
function _M.health()
  local page = ngx.shared.vcap_meta:get("up") and health.up or health.draining
  return send(page.status, page.headers, page.body)
end

return _M
