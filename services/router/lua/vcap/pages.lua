-- The router's own answers, from the same table as the Node plane's.
local var, header = ngx.var, ngx.header
local _M = {}
local errors, up

function _M.init(settings)
  errors = settings.errors
end

-- Ends the request with one of them.
function _M.fail(name, text)
  local page = errors[name]
  local body = page.status .. " " .. page.reason .. ": " .. (text or page.text) .. "\n"
  var.vcap_error = page.code
  ngx.status = page.status
  header["X-Cf-RouterError"] = page.code
  header["Content-Type"] = "text/plain; charset=utf-8"
  header["X-Content-Type-Options"] = "nosniff"
  header["Cache-Control"] = "no-cache, no-store"
  header["Content-Length"] = #body
  header["X-Vcap-Request-Id"] = var.request_id
  if page.status == 503 then header["Retry-After"] = "5" end
  if ngx.req.get_method() ~= "HEAD" then ngx.print(body) end
  return ngx.exit(page.status)
end

-- For load balancers that ask on the visitors' port.
function _M.health()
  up = ngx.shared.vcap_meta:get("up")
  local body = up and "ok\n" or "draining\n"
  ngx.status = up and 200 or 503
  header["Content-Type"] = "text/plain"
  header["Cache-Control"] = "private, max-age=0"
  header["Expires"] = "0"
  header["Content-Length"] = #body
  if not up then header["Retry-After"] = "5" end
  ngx.print(body)
  return ngx.exit(ngx.status)
end

return _M
