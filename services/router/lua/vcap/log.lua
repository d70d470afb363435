-- Every request's end: what it leaves in the figures and in the log.
local attempts = require "vcap.attempts"
local stats = require "vcap.stats"
local var, now, start_time = ngx.var, ngx.now, ngx.req.start_time
local floor = math.floor
local _M = {}
local logs

function _M.init(settings) logs = settings.accessLog end

local second, second_text = 0, ""
local thousandths = {}
for i = 0, 999 do thousandths[i] = string.format("%03d", i) end

-- The time in nanoseconds of which milliseconds are known; most requests are of the same second as the last.
local function time_text(at)
  local whole = floor(at)
  if whole ~= second then
    second, second_text = whole, os.date("!%Y-%m-%dT%H:%M:%S.", whole)
  end
  return second_text .. thousandths[floor((at - whole) * 1000)] .. "000000Z"
end

function _M.request()
  local ctx = ngx.ctx
  attempts.release(ctx)
  local peer = ctx.served
  if peer and ctx.kept then attempts.give_kept(peer) end
  local status, start = ngx.status, start_time()
  local error = status >= 400 and var.vcap_error or nil
  if error == "" then error = nil end
  -- A tunnel's life is not latency.
  local ms = status == 101 and 0 or (now() - start) * 1000
  stats.finished(status, ms, peer, error)
  if not logs then return end
  var.vcap_time = time_text(start)
  if peer then
    if peer.app then var.vcap_app = peer.app end
    if peer.index then var.vcap_index = peer.index end
    if peer.id then var.vcap_instance = peer.id end
  end
end

return _M
