-- An answer's head on its way to the client, or the page in its place when no instance answered.
local attempts = require "vcap.attempts"
local connection = require "vcap.connection"
local pages = require "vcap.pages"
local routes = require "vcap.routes"
local sticky = require "vcap.sticky"
local var = ngx.var
local _M = {}
local trace_key, address

function _M.init(settings)
  trace_key, address = settings.traceKey, settings.address
end

-- Whether what came is an answer: nginx passes on much that two parsers might read in two ways.
local function is_answer(odd)
  local status = ngx.status
  if status < 200 and (status ~= 101 or var.vcap_upgrade == "") then return false end
  local coding = odd ~= "" and var.upstream_http_transfer_encoding or nil
  if coding == nil then return true end
  return coding:lower() == "chunked" and var.upstream_http_content_length == nil
end

function _M.header()
  local ctx = ngx.ctx
  local peer = ctx.peer
  if peer == nil then return end
  -- What has no status line would go to the client as it is, and so would a page of ours: it is cut off.
  -- On the fast way the head was read in full, with its version.
  if not ctx.kept and ngx.req.http_version() < 1 then return ngx.exit(444) end
  local odd = var.vcap_odd
  if not is_answer(odd) then return ngx.exit(502) end
  if peer.health == "suspect" then routes.set_health(peer, "up") end
  if odd ~= "" then
    if var.upstream_http_set_cookie then
      local cookie = sticky.answer(peer.id, ngx.header["Set-Cookie"])
      if cookie then var.vcap_cookie = cookie end
    end
    if var.vcap_hop ~= "" then
      for word in connection.words(var.upstream_http_connection or "") do
        if connection.is_hop_header(word) then ngx.header[word] = nil end
      end
    end
  end
  if trace_key ~= "" and not ctx.kept and var.http_x_vcap_trace == trace_key then
    ngx.header["X-Vcap-Router"] = address
    ngx.header["X-Vcap-Backend"] = peer.address
  end
end

-- The end of a request none of whose instances answered.
function _M.failed()
  attempts.recall(ngx.ctx)
  local late = var.vcap_error == pages.code("endpointTimeout") or ngx.status == 504
  return pages.fail(late and "endpointTimeout" or "endpointFailure")
end

return _M
